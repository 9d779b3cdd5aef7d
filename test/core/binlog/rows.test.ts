import { BinlogDamage } from '../../../core/binlog/finding.ts';
import { RowsCursor } from '../../../core/binlog/rows.ts';
import { TableMaps } from '../../../core/binlog/table-map.ts';
import { patchedValue } from '../../../core/binlog/value/emit.ts';
import type { PatchedJson } from '../../../core/binlog/rows.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { TYPES } from '../../support/rows-fixtures.ts';
import { eventsOf, flavourOf, newCursor, readRows, rowsOf, tablesOf } from '../../support/rows-read.ts';
import type { PlainRow, RawEvent } from '../../support/rows-read.ts';

const shape = ({ op, before, after }: PlainRow) => [op, before, after];
/** of the table `wide` */
const wideValue = (i: number) => (i % 7 === 0 ? null : i % 2 === 0 ? i : `s${i}`);
const json = (p: PatchedJson | null) => (p && 'doc' in p ? (JSON.parse(patchedValue(tablesOf('partial')[0]!.columns[2]!, p).text) as unknown) : p);
const open = (body: readonly number[]) => newCursor().open(30, Uint8Array.from(body), 0, body.length, 10, new TableMaps('mysql'));
const LOGS = ['types', 'metadata', 'images', 'partial', 'wide', 'hidden', 'mariadb-types', 'mariadb-metadata', 'mariadb-compressed'] as const;

describe('images of every type', () => {
  /** Behind `id` stands each value with its mark; NULL in the second row, and in every third place of the third. */
  it.each(['types', 'mariadb-types'])('%s: every value ends where the next one begins', (log) => {
    const rows = rowsOf(log).filter((r) => r.table === 'd.types');
    const images = rows.flatMap((r) => [r.before, r.after]).filter((i) => i !== null);
    expect(rows.map((r) => r.op)).toEqual(['insert', 'insert', 'insert', 'update', 'update', 'update', 'delete', 'delete', 'delete']);
    expect(images.map((i) => i[0])).toEqual([1, 2, 3, 1, 11, 2, 12, 3, 13, 11, 12, 13]);
    for (const [n, image] of images.entries()) {
      const types = (image.length - 1) / 2;
      expect(image.filter((_, i) => i > 0 && i % 2 === 0)).toEqual(Array.from({ length: types }, (_, i) => 1001 + i));
      const row = Number(images[n]![0]) % 10;
      expect(image.map((v, i) => (i % 2 === 1 ? v === null : null)).filter((isNull) => isNull !== null)).toEqual(
        Array.from({ length: types }, (_, i) => row === 2 || (row === 3 && i % 3 === 0)),
      );
    }
    const texts = Object.fromEntries(TYPES.map(([type], i) => [type, images[0]![1 + 2 * i]]));
    expect(texts['TINYINT']).toBe(-1);
    expect(texts['CHAR(255) CHARACTER SET utf8mb4']).toBe(Buffer.from('✓'.repeat(200)).toString('latin1'));
    expect(texts['VARCHAR(255) CHARACTER SET latin1']).toBe('v'.repeat(255));
    expect(texts['VARCHAR(256) CHARACTER SET latin1']).toBe('w'.repeat(256));
    expect(texts['TEXT']).toBe('t'.repeat(300));
  });

  it.each(['types', 'mariadb-types'])('%s: three bytes of length', (log) => {
    expect(rowsOf(log).at(-1)!.after).toEqual(['m'.repeat(66_000), 1001]);
  });

  it('MariaDB writes version 1 of the events', () => {
    expect(new Set(eventsOf('mariadb-types').map((e) => e.type))).toEqual(new Set([19, 23, 24, 25]));
  });
});

describe('images without all columns', () => {
  it('MINIMAL and NOBLOB: absent is not NULL', () => {
    const _ = undefined;
    expect(rowsOf('images').map(shape)).toEqual([
      ['insert', null, [1, 10, 'text', 'b', null]],
      ['insert', null, [2, null, null, null, null]],
      ['insert', null, [3, _, _, 'new', _]],
      ['update', [1, _, _, _, _], [_, 11, _, _, null]],
      ['update', [1, _, _, _, _], [_, _, _, null, 5]],
      ['update', [3, _, _, _, _], [4, _, _, _, _]],
      ['delete', [2, _, _, _, _], null],
      ['update', [1, 11, _, null, 5], [1, 12, _, null, 5]],
      ['update', [1, 12, _, null, 5], [1, 12, 'changed', null, 5]],
      ['delete', [1, 12, _, null, 5], null],
    ]);
  });

  it('more columns than a byte counts', () => {
    const [insert, update] = rowsOf('wide');
    expect(insert!.after).toEqual([7, ...Array.from({ length: 600 }, (_, i) => wideValue(i))]);
    expect(update!.before!.filter((v) => v !== undefined)).toEqual([7]);
    expect(update!.after!.map((v, i) => [i - 1, v]).filter(([, v]) => v !== undefined)).toEqual([
      [7, '7'],
      [400, 1],
      [599, null],
    ]);
  });

  it('generated, invisible and functional-index columns, and a generated invisible primary key', () => {
    expect(rowsOf('hidden').map((r) => [r.table, r.after])).toEqual([
      ['d.h', [1, 2, 3, 4]],
      ['d.h', [2, 4, 6, 4]],
      ['d.gipk', [1, 5]],
      ['d.gipk', [2, 6]],
    ]);
  });

  it('rows without a column cannot be counted', () => {
    const { tables, rows } = opened('images');
    const empty = Uint8Array.from([...rows.buf.subarray(rows.start, rows.start + 10), 5, 0]);
    expect(damage(() => readRows([{ ...rows, buf: empty, start: 0, end: empty.length }], tables)).kind).toBe('underivable');
  });
});

describe('partial updates', () => {
  it('give the document after the changes', () => {
    const [x, y] = ['x', 'y'].map((c) => c.repeat(60));
    const patched = rowsOf('partial')
      .filter((r) => r.op === 'update')
      .map((r) => r.patched?.map(json));
    expect(patched).toEqual([
      [null, null, { a: 'changed', long: x }, [7, y]],
      // $[0] of what is no array is the whole: the server logs a new document instead of changes
      undefined,
      [null, null, { a: 'changed', long: x }, [7, y]],
      [null, null, null, 7],
      [null, null, { a: 3, long: x }, null],
      [null, null, { underivable: 'column 3 is logged as changes to a value that is not in the log' }, null],
    ]);
  });

  it('of a value that was NULL: cannot be told', () => {
    const { tables, rows } = openedNth('partial', 1);
    const copy = Uint8Array.from(rows.buf);
    const cursor = newCursor();
    expect(cursor.open(rows.type, copy, rows.start, rows.end, rows.postHeader, tables)!.next()).toBe(true);
    const { start, at } = cursor.before!;
    // the value's bytes out, its null bit in
    const gone = at[3]! - at[2]!;
    copy.copyWithin(at[2]!, at[3]!, rows.end);
    copy[start]! |= 1 << 2;
    cursor.open(rows.type, copy, rows.start, rows.end - gone, rows.postHeader, tables)!.next();
    expect(cursor.after!.patched![2]).toEqual({ underivable: 'column 3 is logged as changes to a value that is NULL' });
    expect(cursor.after!.patched![3]).toHaveProperty('doc');
  });

  it('options that we do not know are refused', () => {
    const { tables, rows } = openedNth('partial', 1);
    const cursor = newCursor();
    cursor.open(rows.type, rows.buf, rows.start, rows.end, rows.postHeader, tables)!.next();
    const copy = Uint8Array.from(rows.buf);
    copy[cursor.before!.end] = 3;
    expect(damage(() => readRows([{ ...rows, buf: copy }], tables)).kind).toBe('format');
  });
});

describe('compressed events of MariaDB', () => {
  it('hold the rows', () => {
    const [a, b] = ['a', 'b'].map((c) => c.repeat(500));
    expect(eventsOf('mariadb-compressed').map((e) => e.type)).toEqual([19, 166, 19, 167, 19, 168]);
    expect(rowsOf('mariadb-compressed').map(shape)).toEqual([
      ['insert', null, [1, a]],
      ['insert', null, [2, b]],
      ['insert', null, [3, null]],
      ['update', [1, a], [1, `${a}x`]],
      ['update', [2, b], [2, `${b}x`]],
      ['delete', [1, `${a}x`], null],
      ['delete', [2, `${b}x`], null],
    ]);
  });

  it('with a changed byte: damage, or a bit that says nothing', () => {
    const { tables, rows } = opened('mariadb-compressed');
    const right = outcome(rows, tables);
    let harmless = 0;
    for (let at = rows.start + 10; at < rows.end; at++) {
      const copy = Uint8Array.from(rows.buf);
      copy[at]! ^= 0x10;
      const { rows: count, values, end } = outcome({ ...rows, buf: copy }, tables);
      if (end === '') harmless++;
      expect([count, values]).toEqual(end === '' ? [right.rows, right.values] : [0, '[]']);
    }
    expect(harmless).toBe(1);
  });

  it('larger than is allowed: refused by its size, without decompressing', () => {
    const { tables, rows } = opened('mariadb-compressed');
    const cursor = new RowsCursor({ ...nodeBytes, inflate: () => fail('decompressed') }, 1000);
    expect(damage(() => cursor.open(rows.type, rows.buf, rows.start, rows.end, rows.postHeader, tables)).kind).toBe('too-large');
  });
});

describe('the head of a row event', () => {
  it('extra row information is skipped', () => {
    const { tables, rows } = opened('images');
    const body = rows.buf.subarray(rows.start, rows.end);
    const longer = Uint8Array.from([...body.subarray(0, 8), 7, 0, 1, 2, 3, 4, 5, ...body.subarray(10)]);
    expect(readRows([{ ...rows, buf: longer, start: 0, end: longer.length }], tables)).toHaveLength(2);
    longer[8] = 1;
    expect(damage(() => readRows([{ ...rows, buf: longer, start: 0, end: longer.length }], tables)).kind).toBe('structure');
  });

  it('the event that only ends a statement holds no rows', () => {
    expect(open([0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 2, 0, 0])).toBeNull();
    expect(damage(() => open([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 2, 0, 0])).kind).toBe('structure');
    expect(damage(() => open([1, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0])).message).toContain('table id 1');
  });

  it('another number of columns than the table has: damage', () => {
    const { tables, rows } = opened('images');
    const copy = Uint8Array.from(rows.buf);
    copy[rows.start + 10] = 6;
    expect(damage(() => readRows([{ ...rows, buf: copy }], tables)).kind).toBe('structure');
  });
});

describe.each(LOGS)('damaged bytes of %s', (log) => {
  it('cut anywhere: the rows before it, then damage; nothing behind the cut is read', () => {
    forEachRows(log, (rows, tables) => {
      const whole = readRows([rows], tables).length;
      const borders = bordersOf(rows, tables);
      const length = rows.end - rows.start;
      for (let cut = 0; cut < length; cut += Math.ceil(length / 60)) {
        const [zeroes, ones] = [0, 0xff].map((fill) => {
          const copy = Uint8Array.from(rows.buf.subarray(rows.start, rows.end + 4)).fill(fill, cut);
          return outcome({ ...rows, buf: copy, start: 0, end: cut }, tables);
        });
        expect(zeroes).toEqual(ones);
        expect(zeroes!.rows).toBeLessThan(whole);
        if (zeroes!.end === '') expect(borders).toContain(cut);
      }
    });
  });

  it('any byte changed: rows or damage, never anything else', () => {
    forEachRows(log, (rows, tables) => {
      const length = rows.end - rows.start;
      for (let at = 0; at < length; at += Math.ceil(length / 60))
        for (const flip of [1, 0x80, 0xff]) {
          const copy = Uint8Array.from(rows.buf.subarray(rows.start, rows.end));
          copy[at]! ^= flip;
          outcome({ ...rows, buf: copy, start: 0, end: copy.length }, tables);
        }
    });
  });
});

/** Each row event of the log with the maps that stand before it. */
function forEachRows(log: string, visit: (rows: RawEvent, tables: TableMaps) => void): void {
  const tables = new TableMaps(flavourOf(log));
  for (const event of eventsOf(log)) {
    if (event.type === 19) tables.read(event.buf, event.start, event.end, event.postHeader);
    else visit(event, tables);
  }
}

/** Where a row begins, from the event's beginning: a cut there cannot be seen in the event itself. In a compressed event there is none. */
function bordersOf(rows: RawEvent, tables: TableMaps): number[] {
  const cursor = newCursor();
  cursor.open(rows.type, rows.buf, rows.start, rows.end, rows.postHeader, tables);
  const borders: number[] = [];
  while (cursor.next()) borders.push((cursor.before ?? cursor.after)!.start - rows.start);
  return rows.type < 166 ? borders : [];
}

function openedNth(log: string, nth: number): { tables: TableMaps; rows: RawEvent } {
  const all: RawEvent[] = [];
  let found: TableMaps | undefined;
  forEachRows(log, (rows, tables) => {
    all.push(rows);
    found = tables;
  });
  return { tables: found!, rows: all[nth]! };
}
const opened = (log: string) => openedNth(log, 0);

function fail(why: string): never {
  throw new Error(why);
}

function damage(run: () => unknown): BinlogDamage {
  try {
    run();
  } catch (e) {
    if (e instanceof BinlogDamage) return e;
    throw e;
  }
  throw new Error('read without a complaint');
}

/** How many rows were read, and what ended the reading; an error that is not damage goes through. */
function outcome(rows: RawEvent, tables: TableMaps): { rows: number; values: string; end: string } {
  const read: PlainRow[] = [];
  try {
    readRows([rows], tables, read);
  } catch (e) {
    if (!(e instanceof BinlogDamage)) throw e;
    return { rows: read.length, values: JSON.stringify(read), end: e.message };
  }
  return { rows: read.length, values: JSON.stringify(read), end: '' };
}
