/** Text for a terminal: styles that degrade, columns that line up, names that cannot steer the terminal. */
import { inert } from '../../core/report/text.ts';

export type Style = 'plain' | 'bold' | 'dim' | 'pass' | 'fail' | 'unknown';
/** A run of text in one style. */
export type Span = readonly [text: string, style?: Style];
export type Line = readonly Span[];

export interface Look {
  width: number;
  colour: boolean;
  /** false: the locale is not UTF-8, everything is written in ASCII */
  unicode: boolean;
}

const CODES: Record<Style, string> = { plain: '', bold: '1', dim: '2', pass: '32', fail: '31', unknown: '33' };
/** One character each, so that columns stay columns. */
const ASCII: Record<string, string> = {
  '✓': '+',
  '✕': 'x',
  '●': '*',
  '○': '-',
  '…': '~',
  '–': '-',
  '−': '-',
  '─': '-',
  '×': 'x',
  '“': '"',
  '”': '"',
  '’': "'",
  '→': '>',
  '·': '.',
  '‹': '<',
  '›': '>',
  '▁': '_',
  '▂': '.',
  '▃': '-',
  '▄': '=',
  '▅': '+',
  '▆': '*',
  '▇': '%',
  '█': '#',
  '±': '+',
};

export const toAscii = (s: string): string => s.replace(/[^\x20-\x7e]/gu, (c) => ASCII[c] ?? '?');

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** Columns that a text takes: wide characters two, combining marks none. */
export function columns(s: string): number {
  if (PRINTABLE_ASCII.test(s)) return s.length;
  let n = 0;
  for (const c of s)
    n += /\p{M}/u.test(c)
      ? 0
      : /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u.test(c) && !/[✓✕●○]/.test(c)
        ? 2
        : 1;
  return n;
}

/** Cut to at most `width` columns, with an ellipsis where something was cut. */
export function fit(s: string, width: number): string {
  if (columns(s) <= width) return s;
  let out = '';
  let n = 0;
  for (const c of s) {
    n += columns(c);
    if (n > width - 1) break;
    out += c;
  }
  return width > 0 ? `${out}…` : '';
}

/** Exactly `width` columns. */
export function pad(s: string, width: number, right = false): string {
  const cut = fit(s, width);
  const space = ' '.repeat(Math.max(0, width - columns(cut)));
  return right ? space + cut : cut + space;
}

/** One line as bytes for the terminal, cut to its width. */
export function paint(line: Line, look: Look): string {
  let room = look.width;
  let out = '';
  for (const [raw, style = 'plain'] of line) {
    if (room <= 0) break;
    const clean = look.unicode ? inert(raw) : toAscii(inert(raw));
    const text = room === Infinity ? clean : look.unicode ? fit(clean, room) : clean.slice(0, room);
    if (room !== Infinity) room -= columns(text);
    out += look.colour && CODES[style] ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
  }
  return look.colour ? out : out.trimEnd();
}
