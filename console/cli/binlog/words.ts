/** Words that the binlog commands share. */
import type { FindingLevel } from '../../../core/binlog/finding.ts';
import { count } from '../../../core/report/text.ts';
import { columns, fit, pad } from '../live-text.ts';
import type { Line, Style } from '../live-text.ts';

export const levelStyle = (level: FindingLevel): Style => (level === 'damage' ? 'fail' : level === 'unknown' ? 'unknown' : 'dim');

/** "871 B", "12.4 kB", "3.1 GB": powers of 1000. */
export function bytesText(n: number): string {
  let value = n;
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (value < 999.5 || unit === 'GB') return `${unit === 'B' ? value : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${n} B`;
}

/** At most `room` columns; what is cut says its whole size. */
export function shortened(text: string, room: number, size = `${count(text.length)} characters`): string {
  if (text.length <= room && columns(text) <= room) return text;
  const tail = `… (${size})`;
  const left = Math.max(8, room - tail.length);
  const head = text.slice(0, left);
  // fit marks a cut of its own with one more character
  return (columns(head) <= left ? head : fit(head, left).slice(0, -1)) + tail;
}

/** A GTID set, one server a line. */
export function gtidLines(name: string, set: string): Line[] {
  return set.split(',').map((part, i): Line => [[`  ${pad(i === 0 ? name : '', 17)} `, 'dim'], [part]]);
}
