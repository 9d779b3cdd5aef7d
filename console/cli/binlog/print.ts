/** Lines for the terminal, and a progress line beside them. */
import type { CliContext } from '../context.ts';
import { isUtf8 } from '../live.ts';
import { columns, paint } from '../live-text.ts';
import type { Line, Span } from '../live-text.ts';
import { Output, OutputClosed } from './output.ts';
import type { Pass } from './source.ts';
import { bytesText } from './words.ts';

const REDRAW_MS = 100;
const WIDTH_MIN = 60;
const HANG = 2;
/** carriage return, erase to the end of the line */
const CLEAR = '\r\u001b[K';

export function print(ctx: CliContext, lines: readonly Line[]): void {
  const look = { width: Infinity, colour: ctx.colour, unicode: isUtf8(ctx.env) };
  const room = ctx.stdout.isTTY ? Math.max(WIDTH_MIN, ctx.stdout.columns) : Infinity;
  const rows = lines.flatMap((l) => wrapped(l, room));
  put(ctx, `${rows.map((l) => paint(l, look)).join('\n')}\n`);
}

/** The whole of a result. Nobody reads it any more: the exit status is told all the same. */
export function put(ctx: CliContext, text: string): void {
  try {
    new Output(ctx.stdout).bytes(Buffer.from(text));
  } catch (e) {
    if (!(e instanceof OutputClosed)) throw e;
  }
}

/** In lines of at most `room` columns, broken between words; what follows the first is indented below it. */
function wrapped(line: Line, room: number): Line[] {
  if (line.reduce((n, [text]) => n + columns(text), 0) <= room) return [line];
  const indent = ' '.repeat(HANG + (/^ */.exec(line[0]?.[0] ?? '')?.[0].length ?? 0));
  const out: Line[] = [];
  let now: Span[] = [];
  let used = 0;
  for (const [text, style = 'plain'] of line) {
    for (const word of text.match(/ +|[^ ]+/g) ?? []) {
      const width = columns(word);
      if (used + width > room && used > indent.length) {
        out.push(now);
        now = [[indent]];
        used = indent.length;
        if (word.startsWith(' ')) continue;
      }
      now.push([word, style]);
      used += width;
    }
  }
  return [...out, now];
}

/** Bytes and speed on standard error while a log is read, where that is a terminal. `end` wipes it. */
export function progressOf(ctx: CliContext): { hooks: Pick<Pass, 'onFiles' | 'onBytes'>; end(): void } {
  if (!ctx.stderr.isTTY) return { hooks: {}, end: () => {} };
  const started = performance.now();
  let total = 0;
  let bytes = 0;
  let drawn = 0;
  return {
    hooks: {
      onFiles: (_files, size) => {
        total = size;
      },
      onBytes: (n) => {
        bytes += n;
        const now = performance.now();
        if (now - drawn < REDRAW_MS || now - started < REDRAW_MS) return;
        drawn = now;
        const of = total === 0 ? '' : ` of ${bytesText(total)}`;
        ctx.stderr.write(`${CLEAR}  ${bytesText(bytes)}${of}, ${bytesText((bytes / (now - started)) * 1000)}/s`);
      },
    },
    end: () => {
      if (drawn > 0) ctx.stderr.write(CLEAR);
    },
  };
}
