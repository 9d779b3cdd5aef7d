/** Tables as reconciliation sees them: what identifies a row, which columns make it the same row, and what else must be unique. */
import { WORKLOAD_TABLES } from '../workload.ts';
import { keySpec, keyText } from './keys.ts';
import type { KeySpec } from './keys.ts';
import { identityOf, isGeneratedKey } from './schema.ts';
import type { Cells, ColumnInfo, Identity, TableInfo } from './schema.ts';

export type { ColumnInfo, TableInfo } from './schema.ts';

/** Cells in column order; undefined: not in the image. */
export type Row = Cells;

export interface TableShape {
  name: string;
  info: TableInfo;
  columns: readonly ColumnInfo[];
  identity: Identity;
  /** the identity's columns; null: the table has no key, and a row is all its cells */
  key: KeySpec | null;
  /** every other unique index */
  uniques: readonly KeySpec[];
  /** position of the primary key's only column; -1: it has several, or there is none */
  primary: number;
  /** the identity is the id that the server counts up */
  autoIncrement: boolean;
  /** the AUTO_INCREMENT id is declared to mean nothing, and no foreign key names it: it may change */
  rekeyable: boolean;
  /** positions of the columns that make a row what it is: all but an id that means nothing */
  body: readonly number[];
  /** positions of all columns */
  all: readonly number[];
  /** positions of the columns the client supplies */
  client: readonly number[];
}

/** The shape of a table, or why nothing can be told of it, in words that follow its name. `identity`: the declared column, or several with commas between. */
export function shapeOf(info: TableInfo, identity?: string): TableShape | string {
  if (info.unreadable !== undefined) return info.unreadable;
  const found = identityOf(info, identity?.split(','));
  if (typeof found === 'string') return found;
  const { columns } = info;
  const counted = columns.findIndex((c) => c.autoIncrement);
  const primary = info.indexes.find((i) => i.name === 'PRIMARY');
  const only = primary?.parts.length === 1 ? primary.parts[0]!.column : -1;
  const named = info.referencedBy.some((f) => f.parentColumns.includes(columns[counted]?.name ?? ''));
  const rekeyable = identity !== undefined && counted !== -1 && found.by === 'columns' && !found.columns.includes(counted) && !named;
  const meaningless = rekeyable || isGeneratedKey(info) ? counted : -1;
  const all = columns.map((_, i) => i);
  const declared = WORKLOAD_TABLES.find((t) => t.name === info.name)?.clientColumns;
  return {
    name: info.name,
    info,
    columns,
    identity: found,
    key: found.by === 'columns' ? keySpec(info, found.columns, found.index) : null,
    uniques: info.indexes
      .filter((i) => i.unique && i.parts.every((p) => p.column !== -1) && !(found.by === 'columns' && isOf(i.parts, found.columns)))
      .filter((i) => !(i.name === 'PRIMARY' && isGeneratedKey(info)))
      .map((i) =>
        keySpec(
          info,
          i.parts.map((p) => p.column),
          i,
        ),
      ),
    primary: only,
    autoIncrement: found.by === 'columns' && counted !== -1 && found.columns.includes(counted),
    rekeyable,
    body: found.by === 'row' ? found.columns : all.filter((i) => i !== meaningless),
    all,
    client: all.filter((i) => !declared || declared.includes(columns[i]!.name)),
  };
}

const isOf = (parts: TableInfo['indexes'][number]['parts'], columns: readonly number[]): boolean =>
  parts.length === columns.length && parts.every((p, i) => p.column === columns[i]);

/** The identity for people. */
export function keyOf(shape: TableShape, row: Row): string {
  return shape.key ? keyText(shape.key, row) : rowText(shape, row);
}

/** All cells of a row that has no other identity. */
export function rowText(shape: TableShape, row: Row): string {
  return JSON.stringify(shape.body.map((i) => row[i] ?? null));
}

export function primaryOf(shape: TableShape, row: Row): string {
  return row[shape.primary] ?? '';
}

/** Every cell of the body is there. */
export const isWhole = (shape: TableShape, row: Row): boolean => shape.body.every((i) => row[i] !== undefined);

/** The same cells are there, and they are equal. */
export function sameState(shape: TableShape, a: Row | null, b: Row | null): boolean {
  if (a === null || b === null) return a === b;
  return shape.body.every((i) => a[i] === b[i]);
}

/** Every cell that `wanted` has is so in `row`. Absence wants absence. */
export function holds(shape: TableShape, row: Row | null, wanted: Row | null): boolean {
  if (row === null || wanted === null) return row === wanted;
  return shape.body.every((i) => wanted[i] === undefined || wanted[i] === row[i]);
}

/** `later` over `earlier`: cells that an image leaves out are what they were. */
export function overlay(earlier: Row | null | undefined, later: Row): Row {
  return earlier && later.includes(undefined) ? later.map((cell, i) => (cell === undefined ? earlier[i] : cell)) : later;
}

/** SHA-256 of a text as 64 lower-case hex digits. */
export type Sha256 = (text: string) => string;

/** SHA-256 of the columns of a body, as the evidence names them; null for absence. */
export function bodyDigest(shape: TableShape, row: Row | null, sha256: Sha256): string | null {
  return row && digestOfColumns(shape, row, shape.body, sha256);
}

/** SHA-256 of all columns. */
export function imageDigest(shape: TableShape, row: Row, sha256: Sha256): string {
  return digestOfColumns(shape, row, shape.all, sha256);
}

/** SHA-256 of the client-supplied columns: what a ledger record says. */
export function clientDigest(shape: TableShape, row: Row, sha256: Sha256): string {
  return digestOfColumns(shape, row, shape.client, sha256);
}

/** The write id that a row carries, in tables that have one. */
export function writeIdOf(shape: TableShape, row: Row): string | undefined {
  const at = shape.columns.findIndex((c) => c.name === 'write_id');
  return at === -1 ? undefined : (row[at] ?? undefined);
}

/** SHA-256 of canonical JSON {column: text}, as core/workload.ts rowDigest makes it; columns that are not known are left out. */
function digestOfColumns(shape: TableShape, row: Row, positions: readonly number[], sha256: Sha256): string {
  let text = '{';
  for (const { i, name } of membersOf(shape, positions)) {
    const cell = row[i];
    if (cell === undefined) continue;
    text += `${text === '{' ? '' : ','}${name}:${JSON.stringify(cell)}`;
  }
  return sha256(`${text}}`);
}

interface Member {
  i: number;
  /** as JSON */
  name: string;
}
const members = new WeakMap<readonly number[], Member[]>();

/** In the order of canonical JSON. */
function membersOf({ columns }: TableShape, positions: readonly number[]): Member[] {
  let known = members.get(positions);
  if (!known) {
    const sorted = [...positions].sort((a, b) => (columns[a]!.name < columns[b]!.name ? -1 : 1));
    members.set(positions, (known = sorted.map((i) => ({ i, name: JSON.stringify(columns[i]!.name) }))));
  }
  return known;
}
