/** Words for people: numbers with units, and text that can do no harm. Shared by page and terminal, so that both say the same. */

/** Controls, format characters (bidirectional overrides, zero widths, tags), line separators, half surrogates: what could steer a terminal or hide text. */
const HARMFUL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Most texts are nothing else. */
const HARMLESS = /^[\x20-\x7e]*$/;

/** The same text on one line, with every character that could steer a terminal or a page's direction written out, as in ‹U+001B›. */
export function inert(text: string): string {
  if (HARMLESS.test(text)) return text;
  return text.replace(/[\t\n\r]+/g, ' ').replace(HARMFUL, (c) => `‹U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}›`);
}

/** "0.4 ms", "340 ms", "9.4 s", "79.0 s", "2 min 5 s", "1 h 24 min". */
export function duration(ms: number): string {
  const sign = ms < 0 ? '−' : '';
  const a = Math.abs(ms);
  if (a === 0) return '0 s';
  if (a < 10) return `${sign}${a.toFixed(1)} ms`;
  if (a < 999.5) return `${sign}${Math.round(a)} ms`;
  if (a < 119_950) return `${sign}${(a / 1000).toFixed(1)} s`;
  const s = Math.round(a / 1000);
  if (s < 3600) return `${sign}${Math.floor(s / 60)} min${s % 60 ? ` ${s % 60} s` : ''}`;
  const min = Math.round(s / 60);
  return `${sign}${Math.floor(min / 60)} h${min % 60 ? ` ${min % 60} min` : ''}`;
}

/** A limit somebody set: "30 s", "5 min"; no false digits. */
export function limit(ms: number): string {
  if (ms > 0 && ms < 3_600_000 && ms % 60_000 === 0) return `${ms / 60_000} min`;
  return duration(ms).replace('.0 ', ' ');
}

/** "1:11.3", "0:37.2", "1:02:11.0": a running clock. */
export function clock(ms: number): string {
  const t = Math.max(0, Math.floor(ms / 100));
  const s = `${String(Math.floor(t / 10) % 60).padStart(2, '0')}.${t % 10}`;
  const min = Math.floor(t / 600);
  return min < 60 ? `${min}:${s}` : `${Math.floor(min / 60)}:${String(min % 60).padStart(2, '0')}:${s}`;
}

/** "T+12.0 s"; before T0 "T−3.0 s". */
export function moment(ms: number): string {
  return ms < 0 ? `T−${duration(-ms)}` : `T+${duration(ms)}`;
}

/** 4893 → "4,893". */
export function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** "1 write", "545 writes". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** "db2", "db2 and db3", "db2, db3 and db4". */
export function list(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** "22 Nov 2026 14:03:07 UTC". */
export function utc(wallMs: number): string {
  const d = new Date(wallMs);
  const [hms] = d.toISOString().slice(11).split('.');
  return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()} ${hms} UTC`;
}

/** "14:03:07.250". */
export function utcTime(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(11, 23);
}

export const capital = (s: string): string => s.charAt(0).toUpperCase() + s.slice(1);
/** A sentence ends with a full stop, whoever wrote it. */
export const sentence = (s: string): string => (/[.!?…]$/.test(s) ? s : `${s}.`);
