/** Which columns binlog_row_image lets into an image, by MySQL's manual (17.1.6.4). */
import { identityOf } from './table.ts';
import type { Change } from './write.ts';

export type RowImageMode = 'FULL' | 'MINIMAL' | 'NOBLOB';
/** `any`: the manual does not say: columns that the server computes. */
export type Presence = 'present' | 'absent' | 'any';

export function presenceOf(change: Change, side: 'before' | 'after', index: number, mode: RowImageMode): Presence {
  const { table } = change;
  const column = table.columns[index]!;
  if (mode === 'FULL') return 'present';
  const identity = identityOf(table);
  const key = identity.length === 0 || identity.includes(column.name);
  // a table without a key is told by its whole row
  if (side === 'before' && key) return 'present';
  const computed = column.from !== undefined || table.implied?.includes(column.name) === true;
  if (side === 'before') {
    if (mode === 'MINIMAL') return computed ? 'any' : 'absent';
    return column.blob ? 'absent' : 'present';
  }
  if (change.set.has(index)) return 'present';
  if (mode === 'NOBLOB' && !column.blob) return 'present';
  return computed ? 'any' : 'absent';
}
