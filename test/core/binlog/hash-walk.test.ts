import { BinlogDamage } from '../../../core/binlog/finding.ts';
import { DATA_BYTES } from '../../../core/binlog/hash-engine.ts';
import { RowHasher } from '../../../core/binlog/hash.ts';
import type { KeyColumns, RowHash } from '../../../core/binlog/hash.ts';
import type { RowsCursor } from '../../../core/binlog/rows.ts';
import { TableMaps } from '../../../core/binlog/table-map.ts';
import { eventsOf, flavourOf, newCursor } from '../../support/rows-read.ts';
import type { RawEvent } from '../../support/rows-read.ts';

const LOGS = ['types', 'wide', 'images', 'partial', 'metadata', 'hidden', 'mariadb-types', 'mariadb-metadata', 'mariadb-compressed'];
const text = (h: RowHash): string => `${h.high} ${h.low} ${h.keyHigh} ${h.keyLow}`;

/** What a reader of one event says of each row, and at its end of the damage. */
function readings(cursor: RowsCursor, read: (row: () => void) => void, hasher: RowHasher): string[] {
  const seen: string[] = [];
  const row = () => void seen.push(`${cursor.before ? text(hasher.before) : '-'} | ${cursor.after ? text(hasher.after) : '-'}`);
  try {
    read(row);
  } catch (e) {
    if (!(e instanceof BinlogDamage)) throw e;
    seen.push(e.message);
  }
  return seen;
}

function open(cursor: RowsCursor, e: RawEvent, tables: TableMaps): boolean {
  try {
    return cursor.open(e.type, e.buf, e.start, e.end, e.postHeader, tables) !== null;
  } catch (cause) {
    if (cause instanceof BinlogDamage) return false;
    throw cause;
  }
}

/** Rows walked where they are hashed against rows walked one by one, of the same event. Returns how many were compared, and how many could be walked so. */
function compare(e: RawEvent, tables: TableMaps, keys?: KeyColumns): { rows: number; walkable: boolean } {
  const [one, all] = [newCursor(), newCursor()];
  if (!open(one, e, tables)) return { rows: 0, walkable: false };
  open(all, e, tables);
  const [slow, quick] = [new RowHasher(keys), new RowHasher(keys)];
  const right = readings(
    one,
    (row) => {
      while (one.next()) {
        slow.hash(one);
        row();
      }
    },
    slow,
  );
  expect(readings(all, (row) => quick.hashAll(all, row), quick)).toEqual(right);
  return { rows: right.length, walkable: all.full !== null };
}

/** Every row event of a log, with the maps read before it. */
function* rowEvents(log: string): Generator<{ e: RawEvent; tables: TableMaps }> {
  const tables = new TableMaps(flavourOf(log));
  for (const e of eventsOf(log)) {
    if (e.type === 19) tables.read(e.buf, e.start, e.end, e.postHeader);
    else yield { e, tables };
  }
}

describe('rows that are walked where they are hashed', () => {
  it.each(LOGS)('of %s have the hashes and keys of rows that are walked one by one, whatever the key', (log) => {
    let rows = 0;
    for (const { e, tables } of rowEvents(log)) {
      rows += compare(e, tables).rows;
      for (const column of [0, 1, 2, 3, 5, 40]) rows += compare(e, tables, (t) => (column < t.columns.length ? [column] : null)).rows;
      compare(e, tables, () => [1, 0]);
    }
    expect(rows).toBeGreaterThan(0);
  });

  it('are most rows of these logs', () => {
    const walkable = LOGS.flatMap((log) => [...rowEvents(log)].map(({ e, tables }) => compare(e, tables).walkable));
    expect(walkable.filter(Boolean).length).toBeGreaterThan(walkable.length / 2);
  });

  it('end where the others do when bytes are wrong or missing', () => {
    const random = lcg(20_261_129);
    let damaged = 0;
    for (const log of LOGS) {
      for (const { e, tables } of rowEvents(log)) {
        for (let n = 0; n < 60; n++) {
          const buf = Uint8Array.from(e.buf.subarray(e.start, e.end));
          const end = n % 3 === 0 ? buf.length - (random() % Math.min(buf.length - 8, 64)) : buf.length;
          if (n % 3 !== 0) buf[10 + (random() % (buf.length - 10))] = random() >>> 24;
          const column = random();
          damaged += compare({ ...e, buf, start: 0, end }, tables, (t) => [column % t.columns.length]).rows;
        }
      }
    }
    expect(damaged).toBeGreaterThan(2_000);
  });

  it('of an event larger than the room they are hashed in, with a row that has none', () => {
    const { e, tables } = [...rowEvents('types')].find(({ e: { type } }) => type === 30)!;
    const cursor = newCursor();
    open(cursor, e, tables);
    const head = cursor.pos - e.start;
    const row = e.buf.subarray(cursor.pos, e.end);
    const copies = Math.ceil((2.5 * DATA_BYTES) / row.length);
    const buf = new Uint8Array(head + copies * row.length);
    buf.set(e.buf.subarray(e.start, cursor.pos));
    for (let i = 0; i < copies; i++) buf.set(row, head + i * row.length);
    expect(compare({ ...e, buf, start: 0, end: buf.length }, tables, () => [0]).rows).toBeGreaterThan(copies - 1);
    expect(compare({ ...e, buf, start: 0, end: buf.length - 3 }, tables).rows).toBeGreaterThan(copies - 1);
  });
});

function lcg(seed: number): () => number {
  let x = seed;
  return () => (x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0);
}
