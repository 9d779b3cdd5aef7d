/** Lines for the terminal, and a progress line beside them. */
import type { CliContext } from '../context.ts';
import { isUtf8 } from '../live.ts';
import { paint } from '../live-text.ts';
import type { Line } from '../live-text.ts';
import type { Pass } from './source.ts';
import { bytesText } from './words.ts';

const REDRAW_MS = 100;
/** carriage return, erase to the end of the line */
const CLEAR = '\r\u001b[K';

export function print(ctx: CliContext, lines: readonly Line[]): void {
  const look = { width: Infinity, colour: ctx.colour, unicode: isUtf8(ctx.env) };
  ctx.stdout.write(`${lines.map((l) => paint(l, look)).join('\n')}\n`);
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
