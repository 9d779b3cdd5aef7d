/** Table maps against information_schema: what the log says of a table's shape is what the server says. */
import type { Connection } from 'mysql2/promise';
import type { TableMap } from '../../../core/binlog/table-map.ts';
import { ENUM_UNREAD } from './kind.ts';
import { identityOf } from './table.ts';
import type { Table } from './table.ts';

interface Described {
  name: string;
  type: string;
  /** a number, as text */
  collation: string | null;
  isNullable: string;
  extra: string;
}

/** Every difference as a line. `full`: binlog_row_metadata FULL; `visibility`: then also which columns are visible (MariaDB does not log that). */
export async function compareShape(db: Connection, table: Table, map: TableMap, full: boolean, visibility = full): Promise<string[]> {
  const [found] = await db.query(
    `SELECT c.COLUMN_NAME AS name, c.COLUMN_TYPE AS type, k.ID AS collation, c.IS_NULLABLE AS isNullable, c.EXTRA AS extra
     FROM information_schema.COLUMNS c LEFT JOIN information_schema.COLLATIONS k ON k.COLLATION_NAME = c.COLLATION_NAME
     WHERE c.TABLE_SCHEMA = ? AND c.TABLE_NAME = ? ORDER BY c.ORDINAL_POSITION`,
    [table.schema, table.name],
  );
  const columns = found as Described[];
  const differences: string[] = [];
  const same = (what: string, ours: unknown, servers: unknown) => {
    if (JSON.stringify(ours) !== JSON.stringify(servers))
      differences.push(`${map.name}.${what}: ${JSON.stringify(ours)} in the log, ${JSON.stringify(servers)} on the server`);
  };
  same('columns', map.columns.length, columns.length);
  for (const [i, c] of columns.entries()) {
    const ours = map.columns[i];
    if (!ours) break;
    const is = (what: string, mine: unknown, servers: unknown) => same(`${c.name} ${what}`, mine, servers);
    is('nullable', ours.nullable, c.isNullable === 'YES');
    is('name', ours.name, full ? c.name : null);
    is('visible', ours.visible, visibility ? !/INVISIBLE/.test(c.extra) : null);
    if (/^(tiny|small|medium|big)?int|^decimal|^float|^double/.test(c.type)) is('unsigned', ours.unsigned, c.type.includes('unsigned'));
    if (c.collation !== null && (full || !/^(enum|set)/.test(c.type))) is('collation', ours.collation, Number(c.collation));
    const list = /^(?:enum|set)\((.*)\)$/s.exec(c.type)?.[1];
    if (list !== undefined && table.columns[i]!.kind !== ENUM_UNREAD) is('labels', ours.labels?.map(asListed) ?? null, full ? labelsOf(list) : null);
    const dimension = /^vector\((\d+)\)/.exec(c.type)?.[1];
    if (dimension) is('dimension', ours.vectorDimension, Number(dimension));
    if (/^(geometry|point)/.test(c.type)) is('geometry type', ours.geometryType, c.type.startsWith('point') ? 1 : 0);
  }
  // a unique key stands for a primary key that is not there, in the server and in the log
  if (full && identityOf(table).length > 0) {
    const at = (name: string) => table.columns.findIndex((c) => c.name === name);
    same(
      'primary key',
      map.primaryKey,
      identityOf(table).map((name) => ({ column: at(name), prefix: table.keyPrefix?.[name] ?? 0 })),
    );
  } else same('primary key', map.primaryKey, null);
  return differences;
}

/** `'a','it''s'` as information_schema has it: a quote and a backslash doubled, and in utf8mb3, where a character of four bytes is a question mark. */
const labelsOf = (list: string): string[] => [...list.matchAll(/'((?:[^']|'')*)'/gs)].map((m) => m[1]!.replaceAll("''", "'").replaceAll('\\\\', '\\'));
const asListed = (label: string): string => label.replace(/[\u{10000}-\u{10ffff}]/gu, '?');
