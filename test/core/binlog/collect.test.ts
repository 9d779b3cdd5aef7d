/** Transactions for who judges them: whole ones with their values, and a finding for whatever is left out. */
import { EVENT } from '../../../core/binlog/codes.ts';
import { TransactionCollector } from '../../../core/binlog/collect.ts';
import type { Finding } from '../../../core/binlog/finding.ts';
import { LogReader } from '../../../core/binlog/log.ts';
import type { Transaction } from '../../../core/binlog/model.ts';
import { GtidSet } from '../../../core/gtid.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { LogBytes, UUID } from '../../support/binlog-bytes.ts';

function collect(files: readonly Buffer[], wants?: (table: string) => boolean) {
  const transactions: Transaction[] = [];
  const findings: Finding[] = [];
  const names: string[] = [];
  const sink = {
    file: (name: string) => void names.push(name),
    previousGtids: () => {},
    transaction: (t: Transaction) => void transactions.push(t),
    finding: (f: Finding) => void findings.push(f),
  };
  const collector = new TransactionCollector(sink, { bytes: nodeBytes, ...(wants ? { wants } : {}) });
  const reader = new LogReader(collector, { bytes: nodeBytes, rows: 'visit', checksums: 'all' });
  for (const [i, bytes] of files.entries()) {
    reader.beginFile(`log.${i + 1}`);
    void reader.push(new Uint8Array(bytes));
    reader.endFile();
  }
  reader.end();
  const odd = findings.filter((f) => f.level !== 'note').map((f) => `${f.kind} ${f.file}`);
  const told = transactions.map((t) => [Number(t.gtid.split(':')[1]), t.rows.length, t.statements.join(';')]);
  return { transactions, findings, odd, told, names };
}

const start = () => new LogBytes().format().previousGtids();
const rowsOf = (log: LogBytes, gno: number) =>
  log
    .gtid(gno)
    .query('BEGIN')
    .tableMap()
    .rows([[gno, 'a']]);

test('values of whole transactions, in order', () => {
  const log = start().transaction(1, 'a').transaction(2, 'ü').stop();
  const { transactions, odd, names } = collect([log.bytes()]);
  expect(odd).toEqual([]);
  expect(names).toEqual(['log.1']);
  expect(transactions).toHaveLength(2);
  const { gtid, commitUs, rows } = transactions[0]!;
  expect([gtid, commitUs]).toEqual([`${UUID}:1`, 1_700_000_000_000_000n]);
  expect(rows).toMatchObject([{ table: 'test.t', op: 'insert', before: null, after: [{ text: '1' }, { text: 'a', exact: true }] }]);
  // no character set is logged, and these bytes are not UTF-8
  expect(transactions[1]!.rows[0]!.after).toMatchObject([{ text: '2' }, { text: 'fc', exact: false }]);
});

test.each<[string, (log: LogBytes) => LogBytes, [number, number, string][], string[]]>([
  ['a statement is told by its transaction', (l) => l.gtid(1).query('BEGIN').query('DELETE FROM t').xid(1), [[1, 0, 'DELETE FROM t']], []],
  ['DDL', (l) => l.gtid(1).query('CREATE TABLE x (i INT)'), [[1, 0, 'CREATE TABLE x (i INT)']], []],
  ['what could not be rolled back', (l) => rowsOf(l, 1).query('ROLLBACK'), [[1, 1, 'ROLLBACK']], []],
  ['a rollback of nothing', (l) => l.gtid(1).query('BEGIN').query('ROLLBACK'), [[1, 0, '']], []],
  ['a decided branch', (l) => l.gtid(1).query("XA COMMIT X'61',X'',1"), [[1, 0, "XA COMMIT 'a','',1"]], []],
  ['an undone branch', (l) => l.gtid(1).query("XA ROLLBACK X'61',X'',1"), [[1, 0, "XA ROLLBACK 'a','',1"]], []],
  [
    'without GTIDs',
    (l) =>
      l
        .gtid(0, { anonymous: true })
        .query('BEGIN')
        .tableMap()
        .rows([[1, 'a']])
        .xid(1),
    [],
    ['format log.1'],
  ],
  ['without an end', (l) => rowsOf(l.transaction(1), 2), [[1, 1, '']], ['cut log.1']],
  ['an unknown event inside', (l) => rowsOf(l, 1).event(99, [1, 2, 3]).xid(1).transaction(2), [[2, 1, '']], ['unknown-event log.1']],
])('%s', (_name, make, told, odd) => {
  const found = collect([make(start()).bytes()]);
  expect(found.told).toEqual(told);
  expect(found.odd).toEqual(odd);
});

test('a transaction with a damaged byte is left out, the ones around it are not', () => {
  const log = start().transaction(1).transaction(2, 'damaged').transaction(3).stop();
  const bytes = log.bytes();
  const at = bytes.indexOf('damaged');
  bytes[at] = bytes[at]! ^ 1;
  const { told, odd } = collect([bytes]);
  expect(told.map((t) => t[0])).toEqual([1, 3]);
  expect(odd).toEqual(['checksum log.1']);
});

test('tables that are not wanted are told without their rows', () => {
  const log = start();
  log.gtid(1).query('BEGIN').tableMap();
  log.rows([
    [1, 'a'],
    [2, 'b'],
  ]);
  log.xid(1).stop();
  expect(collect([log.bytes()]).told).toEqual([[1, 2, '']]);
  const { transactions } = collect([log.bytes()], (table) => table === 'test.other');
  expect(transactions[0]!.rows).toEqual([{ table: 'test.t', op: 'insert', before: null, after: null }]);
});

const fileBehind = (executed: string) => {
  const log = new LogBytes().format();
  return log.event(35, GtidSet.parse(executed).toBytes()).transaction(9).stop().bytes();
};

test('what was executed before a file and is in none is a gap', () => {
  const first = start().transaction(1).transaction(2).rotate('log.2').bytes();
  expect(collect([first, fileBehind(`${UUID}:1-2`)]).odd).toEqual([]);
  const { odd, findings } = collect([first, fileBehind(`${UUID}:1-4`)]);
  expect(odd).toEqual(['gap log.2']);
  expect(findings.find((f) => f.kind === 'gap')!.text).toContain(`${UUID}:3-4`);
});

const list = (log: LogBytes, ...seqs: [server: number, seq: number][]) =>
  log.event(EVENT.MARIA_GTID_LIST, [seqs.length, 0, 0, 0, ...seqs.flatMap(([server, seq]) => [0, 0, 0, 0, server, 0, 0, 0, seq, 0, 0, 0, 0, 0, 0, 0])]);
const maria = () => new LogBytes().format({ maria: true });
const group = (log: LogBytes, seq: number, serverId: number) =>
  log
    .mariaGtid(seq, 0, { serverId })
    .tableMap()
    .rows([[seq, 'a']])
    .xid(seq);

/** Server 2 used 2 and 3, so that server 1 has none of these. */
const shared = () => group(group(group(list(maria()), 1, 1), 3, 2), 4, 1).rotate('log.2');
const behind = (...seqs: [server: number, seq: number][]) => group(list(maria(), ...seqs), 9, 1).stop();

test('MariaDB: transactions by domain, server and number; lists whose numbers other servers used are no gap, missing ones are', () => {
  const whole = collect([shared().bytes(), behind([2, 3], [1, 4]).bytes()]);
  expect(whole.transactions.map((t) => [t.gtid, t.serverId, t.commitUs, t.rows.length])).toEqual([
    ['0-1-1', undefined, 1_700_000_000_000_000n, 1],
    ['0-2-3', undefined, 1_700_000_000_000_000n, 1],
    ['0-1-4', undefined, 1_700_000_000_000_000n, 1],
    ['0-1-9', undefined, 1_700_000_000_000_000n, 1],
  ]);
  expect(whole.odd).toEqual([]);
  const gap = collect([shared().bytes(), behind([2, 3], [1, 8]).bytes()]);
  expect(gap.odd).toEqual(['gap log.2']);
  expect(gap.findings.find((f) => f.kind === 'gap')?.text).toContain('0-1:8');
});

test('MariaDB: a transaction without a number has no name, and is left out', () => {
  const { told, odd } = collect([group(list(maria()), 0, 1).stop().bytes()]);
  expect({ told, odd }).toEqual({ told: [], odd: ['format log.1'] });
});
