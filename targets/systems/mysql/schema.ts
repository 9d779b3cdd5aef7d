/** Declarations of tables, read from information_schema, and the SELECT expressions that give cells in their exact form (core/reconcile/schema.ts). MySQL 8 and later, MariaDB 10.6 and later. */
import type { Connection } from 'mysql2/promise';
import { cellForm } from '../../../core/reconcile/schema.ts';
import type { Cell, ColumnInfo, ForeignKey, IndexInfo, TableInfo, TableShape } from '../../../core/reconcile/schema.ts';
import { quoteName } from './rows.ts';

/** Tables that are on the server; the others are not in the map. */
export const readTables = (connection: Connection, names: Iterable<string>): Promise<Map<string, TableInfo>> =>
  each(names, async (name, at) => {
    const shape = await readShape(connection, name, at);
    return shape && { ...shape, ...(await readTies(connection, name, at)) };
  });

/** The same in half the time: without triggers and foreign keys. */
export const readShapes = (connection: Connection, names: Iterable<string>): Promise<Map<string, TableShape>> =>
  each(names, (name, at) => readShape(connection, name, at));

type Place = [schema: string, table: string];

/** All asked at once: a connection answers one after another, without a pause. */
async function each<T>(names: Iterable<string>, read: (name: string, at: Place) => Promise<T | null>): Promise<Map<string, T>> {
  const tables = [...names];
  const infos = await Promise.all(
    tables.map((name) => {
      const dot = name.indexOf('.');
      return read(name, [name.slice(0, dot), name.slice(dot + 1)]);
    }),
  );
  return new Map(tables.flatMap((name, i) => (infos[i] === null ? [] : [[name, infos[i]!] as const])));
}

type Rows<T> = T[];
async function rows<T>(connection: Connection, sql: string, values: string[]): Promise<Rows<T>> {
  const [found] = await connection.query(sql, values);
  return found as Rows<T>;
}

/** MariaDB's, by TABLE_TYPE. */
const UNREADABLE: Readonly<Record<string, string>> = {
  'SYSTEM VERSIONED': 'is system-versioned: its log has rows of its history, which are not told from the others',
  SEQUENCE: 'is a sequence: its numbers are not compared',
};

async function readShape(connection: Connection, table: string, at: Place): Promise<TableShape | null> {
  const [head] = await rows<{ e: string | null; t: string }>(
    connection,
    'SELECT ENGINE e, TABLE_TYPE t FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
    at,
  );
  if (!head) return null;
  const columns = (
    await rows<Record<'n' | 'd' | 't' | 'u' | 'x', string> & Record<'cs' | 'co', string | null>>(
      connection,
      `SELECT COLUMN_NAME n, DATA_TYPE d, COLUMN_TYPE t, IS_NULLABLE u, CHARACTER_SET_NAME cs, COLLATION_NAME co, EXTRA x
         FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`,
      at,
    )
  ).map((c): ColumnInfo => columnOf(c));
  return {
    name: table,
    engine: head.e ?? '',
    ...(head.t in UNREADABLE ? { unreadable: UNREADABLE[head.t] } : {}),
    columns,
    indexes: await indexes(connection, at, columns),
  };
}

async function readTies(connection: Connection, table: string, at: Place): Promise<Omit<TableInfo, keyof TableShape>> {
  const triggers = await rows<{ n: string }>(
    connection,
    'SELECT TRIGGER_NAME n FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ? ORDER BY 1',
    at,
  );
  const keys = await foreignKeys(connection, at);
  return { triggers: triggers.map((t) => t.n), foreignKeys: keys.filter((k) => k.table === table), referencedBy: keys.filter((k) => k.parent === table) };
}

function columnOf(c: Record<'n' | 'd' | 't' | 'u' | 'x', string> & Record<'cs' | 'co', string | null>): ColumnInfo {
  return {
    name: c.n,
    dataType: c.d.toLowerCase(),
    columnType: c.t,
    unsigned: /\bunsigned\b/i.test(c.t),
    nullable: c.u === 'YES',
    charset: c.cs,
    collation: c.co,
    autoIncrement: /\bauto_increment\b/i.test(c.x),
    generated: /\bVIRTUAL GENERATED\b/i.test(c.x) ? 'virtual' : /\b(STORED|PERSISTENT) GENERATED\b/i.test(c.x) ? 'stored' : null,
    invisible: /\bINVISIBLE\b/i.test(c.x),
  };
}

async function indexes(connection: Connection, at: string[], columns: readonly ColumnInfo[]): Promise<IndexInfo[]> {
  const parts = await rows<{ i: string; nu: string | number; c: string | null; p: string | number | null }>(
    connection,
    `SELECT INDEX_NAME i, NON_UNIQUE nu, COLUMN_NAME c, SUB_PART p FROM information_schema.STATISTICS
       WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND INDEX_TYPE IN ('BTREE', 'HASH') ORDER BY INDEX_NAME = 'PRIMARY' DESC, INDEX_NAME, SEQ_IN_INDEX`,
    at,
  );
  const found = new Map<string, { name: string; unique: boolean; parts: { column: number; prefix: number | null }[] }>();
  for (const p of parts) {
    const index = found.get(p.i) ?? { name: p.i, unique: Number(p.nu) === 0, parts: [] };
    index.parts.push({ column: p.c === null ? -1 : columns.findIndex((c) => c.name === p.c), prefix: p.p === null ? null : Number(p.p) });
    found.set(p.i, index);
  }
  return [...found.values()];
}

async function foreignKeys(connection: Connection, at: string[]): Promise<ForeignKey[]> {
  const parts = await rows<Record<'n' | 'cs' | 'ct' | 'c' | 'ps' | 'pt' | 'p' | 'd' | 'u', string>>(
    connection,
    `SELECT k.CONSTRAINT_NAME n, k.TABLE_SCHEMA cs, k.TABLE_NAME ct, k.COLUMN_NAME c, k.REFERENCED_TABLE_SCHEMA ps, k.REFERENCED_TABLE_NAME pt,
        k.REFERENCED_COLUMN_NAME p, r.DELETE_RULE d, r.UPDATE_RULE u
       FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
         ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
       WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND ((k.TABLE_SCHEMA = ? AND k.TABLE_NAME = ?) OR (k.REFERENCED_TABLE_SCHEMA = ? AND k.REFERENCED_TABLE_NAME = ?))
       ORDER BY cs, ct, n, k.ORDINAL_POSITION`,
    [...at, ...at],
  );
  const found = new Map<string, ForeignKey & { columns: string[]; parentColumns: string[] }>();
  for (const p of parts) {
    const table = `${p.cs}.${p.ct}`;
    const id = `${table}\0${p.n}`;
    const key = found.get(id) ?? { name: p.n, table, columns: [], parent: `${p.ps}.${p.pt}`, parentColumns: [], onDelete: p.d, onUpdate: p.u };
    key.columns.push(p.c);
    key.parentColumns.push(p.p);
    found.set(id, key);
  }
  return [...found.values()];
}

/** More than any has. */
const DOUBLE_TEXT_MAX = 60;

/** A SELECT expression that, passed through cellOf, gives the column's cell. The session's time zone must be +00:00 and its character set utf8mb4 (dsn.ts connect). */
export function cellExpression(c: ColumnInfo, prefix = ''): string {
  const name = prefix + quoteName(c.name);
  const form = cellForm(c);
  if (form === 'hex') return `LOWER(HEX(${name}))`;
  // the plain text of a FLOAT has six digits; multiplied, it has all, and a negative zero its sign
  if (form === 'float') return `CAST(${name} * 1e0 AS CHAR)`;
  // of the column itself: the text of an expression is cut to 22 characters, and a DOUBLE with a sign and an exponent has more; that of a DOUBLE(M,D) has
  // only D digits behind the point, and its value more: in a JSON document it has all
  if (form === 'double')
    return c.columnType.includes('(')
      ? `NULLIF(CAST(JSON_EXTRACT(JSON_ARRAY(${name} * 1e0), '$[0]') AS CHAR), 'null')`
      : `CAST(${name} AS CHAR(${DOUBLE_TEXT_MAX}))`;
  // a number: not the label of an ENUM or a SET, whose 64th bit is no sign
  if (c.dataType === 'enum' || c.dataType === 'set' || c.dataType === 'bit') return `CAST(CAST(${name} AS UNSIGNED) AS CHAR)`;
  // not padded by ZEROFILL
  return (form === 'digits' && c.dataType !== 'year') || form === 'decimal' ? `CAST(${name} + 0 AS CHAR)` : `CAST(${name} AS CHAR)`;
}

/** The cell of what cellExpression selected. */
export function cellOf(c: ColumnInfo, selected: string | null): Cell {
  if (selected === null) return null;
  const form = cellForm(c);
  if (form !== 'float' && form !== 'double') return selected;
  const n = Number(selected);
  return form === 'float' ? float32Text(n) : Object.is(n, -0) ? '-0' : String(n);
}

/** The shortest decimal that reads back to the same float32. */
export function float32Text(n: number): string {
  const exact = Math.fround(n);
  if (Object.is(exact, -0)) return '-0';
  for (let digits = 1; digits < 10; digits++) {
    const text = String(Number(exact.toPrecision(digits)));
    if (Math.fround(Number(text)) === exact) return text;
  }
  return String(exact);
}
