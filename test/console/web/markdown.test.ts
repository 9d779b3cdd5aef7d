/** The subset of Markdown that instructions may use, and that nothing in them becomes anything else. */
import * as fc from 'fast-check';
import { markdown } from '../../../console/web/markdown.ts';

const command = (code: string) =>
  `<div class="cmd"><pre tabindex="0" role="group" aria-label="Command"><code>${code}</code></pre><button type="button" class="copy" hidden>Copy</button></div>`;

test.each<[string, string, string]>([
  ['a paragraph over lines', 'One\ntwo.\n\nThree.', '<p>One two.</p>\n<p>Three.</p>'],
  ['bold and code', '**Never** type `rm *`', '<p><strong>Never</strong> type <code>rm *</code></p>'],
  ['bold in code is code', '`**a**`', '<p><code>**a**</code></p>'],
  ['half a mark', '**a `b', '<p>**a `b</p>'],
  ['a list', '- one\n  goes on\n- two', '<ul><li>one goes on</li><li>two</li></ul>'],
  ['a command with its lines and inner indent', '    a \\\n      b', command('a \\\n  b')],
  ['two commands', '    a\n\n    b', `${command('a')}\n${command('b')}`],
  ['text after a command', '    a\nb', `${command('a')}\n<p>b</p>`],
  ['markup', '<script>alert(1)</script> & "x"', '<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;x&quot;</p>'],
  ['markup in code and bold', '`<b>` **<i>**', '<p><code>&lt;b&gt;</code> <strong>&lt;i&gt;</strong></p>'],
  ['markup in a command', '    echo "</code><img src=x onerror=alert(1)>"', command('echo &quot;&lt;/code&gt;&lt;img src=x onerror=alert(1)&gt;&quot;')],
  ['a link is text', '[x](javascript:alert(1))', '<p>[x](javascript:alert(1))</p>'],
  ['what steers the direction', '    rm \u202Efdp.txt', command('rm ‹U+202E›fdp.txt')],
  ['nothing', '', ''],
])('%s', (_, text, html) => expect(markdown(text)).toBe(html));

test('whatever the text, the only tags are ours', () => {
  const piece = fc.oneof(fc.constantFrom('**', '`', '<', '>', '"', "'", '&', '    ', '- ', '\n', '\n\n', '\t', '<img onerror=x>', '\u202E', '\0'), fc.string());
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (parts) => {
      const rest = markdown(parts.join(''))
        .replaceAll(
          /<div class="cmd"><pre tabindex="0" role="group" aria-label="Command"><code>|<\/code><\/pre><button type="button" class="copy" hidden>Copy<\/button><\/div>/g,
          '',
        )
        .replaceAll(/<\/?(p|ul|li|strong|code)>/g, '');
      expect(rest).not.toMatch(/[<>"']/);
    }),
  );
});
