/** Disasters: a line that the published schema does not know; half a line of a row that turns out damaged; a line cut between two blocks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { JsonLines } from '../../../core/binlog/jsonl.ts';
import { jsonSchemaOfLine, lineSchema } from '../../../core/binlog/jsonl-schema.ts';
import type { BinlogLine } from '../../../core/binlog/jsonl-schema.ts';
import { EVENT } from '../../../core/binlog/codes.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { LogBytes, UUID } from '../../support/binlog-bytes.ts';
import { readLog } from '../../support/binlog-read.ts';

function blocksOf(log: LogBytes): string[] {
  const blocks: string[] = [];
  const view = new JsonLines((block) => blocks.push(Buffer.from(block).toString()), nodeBytes);
  readLog(view, { 'binlog.000001': log.bytes() });
  view.flush();
  return blocks;
}
const linesOf = (log: LogBytes): BinlogLine[] =>
  blocksOf(log)
    .join('')
    .trimEnd()
    .split('\n')
    .map((l) => lineSchema.parse(JSON.parse(l)));

test('a whole log, line by line', () => {
  const log = new LogBytes().format().previousGtids().gtid(1).query('CREATE TABLE t (a INT)').transaction(2, 'he said "a\\b"\n').rotate('binlog.000002');
  const file = 'binlog.000001';
  const committed = '2023-11-14T22:13:20.000000Z';
  const transaction = { type: 'transaction', kind: 'gtid', file, serverId: 1, committed };
  expect(linesOf(log)).toEqual([
    { type: 'file', file, offset: 4, flavour: 'mysql', serverVersion: '9.7.4', serverId: 1, checksums: true, inUse: false, relay: false },
    { type: 'previousGtids', file, gtids: '' },
    { ...transaction, gtid: `${UUID}:1`, offset: log.offsets[2], lastCommitted: 0, sequenceNumber: 1 },
    { type: 'statement', schema: 'test', text: 'CREATE TABLE t (a INT)', ddl: true, file, offset: log.offsets[3] },
    { type: 'end', gtid: `${UUID}:1`, how: 'ddl', endOffset: log.offsets[4], sound: true },
    { ...transaction, gtid: `${UUID}:2`, offset: log.offsets[4], lastCommitted: 1, sequenceNumber: 2 },
    {
      type: 'table',
      table: 'test.t',
      schema: 'test',
      name: 't',
      columns: [
        { name: '@1', type: 'INT', nullable: false },
        { name: '@2', type: expect.stringContaining('VARCHAR') as string, nullable: true },
      ],
    },
    {
      type: 'insert',
      table: 'test.t',
      after: { '@1': '2', '@2': { hex: Buffer.from('he said "a\\b"\n').toString('hex'), utf8: 'he said "a\\b"\n' } },
    },
    { type: 'end', gtid: `${UUID}:2`, how: 'xid', xid: '1002', endOffset: log.offsets[9], sound: true },
    { type: 'rotate', next: 'binlog.000002', file, offset: log.offsets[9] },
    { type: 'fileEnd', file, bytes: log.length },
  ]);
});

test('a value that turns out damaged leaves the rows before it, a finding, and no half line', () => {
  // test.j (INT, JSON): the second document says that it is an object, and ends
  const tableMap = [101, 0, 0, 0, 0, 0, 1, 0, 4, ...Buffer.from('test'), 0, 1, 0x6a, 0, 2, 3, 245, 1, 4, 0b10];
  const rows = [101, 0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 0xff, 0, 7, 0, 0, 0, 2, 0, 0, 0, 4, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0];
  const log = new LogBytes().format().previousGtids().gtid(1).query('BEGIN').event(EVENT.TABLE_MAP, tableMap).event(EVENT.WRITE_ROWS, rows).xid(1).stop();
  const lines = linesOf(log);
  expect(lines.filter((l) => l.type === 'insert')).toEqual([{ type: 'insert', table: 'test.j', after: { '@1': '7', '@2': 'true' } }]);
  expect(lines.find((l) => l.type === 'finding')).toMatchObject({ kind: 'structure', level: 'damage', offset: log.offsets[5], gtid: `${UUID}:1` });
  expect(lines.find((l) => l.type === 'end')).toMatchObject({ sound: false });
  expect(lines.at(-2)).toEqual({ type: 'stop', file: 'binlog.000001', offset: log.offsets.at(-1) });
});

test('a compressed transaction says so at its end', () => {
  const inside = new LogBytes(false)
    .query('BEGIN')
    .tableMap()
    .rows([[1, 'x']])
    .xid(1);
  const lines = linesOf(new LogBytes().format().previousGtids().gtid(1).payload(inside).transaction(2).stop());
  expect(lines.filter((l) => l.type === 'end').map((l) => l.compressed)).toEqual([true, undefined]);
});

test('blocks of whole lines, about 256 KiB each', () => {
  const values = Array.from({ length: 20 }, (_, n) => [n, 'x'.repeat(20_000)] as const);
  const log = new LogBytes().format().previousGtids().gtid(1).query('BEGIN').tableMap().rows(values).xid(1);
  const blocks = blocksOf(log.stop());
  expect(blocks.length).toBeGreaterThan(2);
  for (const block of blocks) {
    expect(block.endsWith('\n')).toBe(true);
    expect(block.length).toBeLessThan(400_000);
  }
  expect(blocks.join('').match(/"type":"insert"/g)).toHaveLength(20);
});

test('the published schema is the one in the code', () => {
  const published: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../../docs/schema/binlog-jsonl.schema.json'), 'utf8'));
  expect(published).toEqual(JSON.parse(JSON.stringify(jsonSchemaOfLine())));
});
