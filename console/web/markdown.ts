/**
 * A small, safe subset of Markdown as HTML: paragraphs, "- " lists, **bold**, `code`, and blocks indented by four spaces, which are commands to be copied.
 * Everything else is text. Nothing of the input reaches the page as markup, and no character in it can steer the page's direction or hide.
 */
import { inert } from '../../core/report/text.ts';

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text: string): string => inert(text).replace(/[&<>"']/g, (c) => ESCAPES[c]!);

/** Bold and code do not nest: what is between backquotes is as it is. */
function inline(text: string): string {
  return text
    .split(/(`[^`]+`|\*\*[^*]+\*\*)/)
    .map((part) => {
      if (/^`[^`]+`$/.test(part)) return `<code>${escape(part.slice(1, -1))}</code>`;
      if (/^\*\*[^*]+\*\*$/.test(part)) return `<strong>${escape(part.slice(2, -2))}</strong>`;
      return escape(part);
    })
    .join('');
}

const INDENT = /^( {4}|\t)/;
type Block = 'text' | 'list' | 'command';
const kindOf = (line: string): Block => (INDENT.test(line) ? 'command' : /^[-*] /.test(line) ? 'list' : 'text');

/** What a copy button needs to know is in the markup; static/board.js makes it work. */
function block(kind: Block, lines: readonly string[]): string {
  if (kind === 'command') {
    const code = lines.map((l) => escape(l.replace(INDENT, ''))).join('\n');
    return `<div class="cmd"><pre tabindex="0" role="group" aria-label="Command"><code>${code}</code></pre><button type="button" class="copy" hidden>Copy</button></div>`;
  }
  if (kind === 'list') return `<ul>${lines.map((l) => `<li>${inline(l.slice(2))}</li>`).join('')}</ul>`;
  return `<p>${inline(lines.join(' '))}</p>`;
}

interface Part {
  kind: Block;
  lines: string[];
}
export function markdown(text: string): string {
  const blocks: Part[] = [];
  let open: Part | undefined;
  for (const line of text.replaceAll('\r', '').split('\n')) {
    if (line.trim() === '') {
      open = undefined;
      continue;
    }
    // a list item goes on in the next line when that is indented
    const kind: Block = open?.kind === 'list' && /^ {2,3}\S/.test(line) ? 'list' : kindOf(line);
    if (open?.kind === kind && kind === 'list' && !/^[-*] /.test(line)) open.lines[open.lines.length - 1] += ` ${line.trim()}`;
    else if (open?.kind === kind) open.lines.push(line);
    else {
      open = { kind, lines: [line] };
      blocks.push(open);
    }
  }
  return blocks.map((b) => block(b.kind, b.lines)).join('\n');
}
