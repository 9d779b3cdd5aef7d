/** The real command on a real server's logs. Disasters: a value that is not the one inserted; damage that exits 0; a value that steers the terminal. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lineSchema } from '../../core/binlog/jsonl-schema.ts';
import type { BinlogLine } from '../../core/binlog/jsonl-schema.ts';
import { ROOT } from '../support/drill.ts';
import { startServers } from '../support/mysqld.ts';
import type { TestServers } from '../support/mysqld.ts';

const ESC = '\u001b';
const COLUMNS = `id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100), price DECIMAL(12,2), big BIGINT UNSIGNED, doc JSON, at DATETIME(6), raw VARBINARY(20),
  f FLOAT, d DOUBLE, st ENUM('new','a,b'), tags SET('x','y','z')`;
const FIRST = {
  id: '1',
  name: "O'Brien 中文 \u001b[31m\n",
  price: '-1.50',
  big: '18446744073709551615',
  doc: '{"a":9007199254740993,"b":[1.0,"x"]}',
  at: '2026-01-02 03:04:05.123456',
  raw: '00ff1b',
  f: '0.1',
  d: '2.2e+100',
  st: { index: '2', label: 'a,b' },
  tags: { bits: '5', labels: ['x', 'z'] },
};
const INSERT = `INSERT INTO shop.orders VALUES (1, CONCAT('O''Brien 中文 ', CHAR(27), '[31m', CHAR(10)), -1.50, 18446744073709551615,
  '{"a": 9007199254740993, "b": [1.0, "x"]}', '2026-01-02 03:04:05.123456', X'00FF1B', 0.1, 2.2e100, 'a,b', 'x,z')`;
const ROWS = 3_000;

let servers: TestServers;
let scratch: string;
let logs: string;
let uuid: string;
let live: { code: number | null; lines: BinlogLine[] };

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}
function sh(script: string): Promise<Ended> {
  const env = { ...process.env, DRILLBOOK: `${process.execPath} ${join(ROOT, 'bin', 'drillbook.mjs')}`, LANG: 'C.UTF-8' };
  const child = spawn('bash', ['-c', script], { cwd: scratch, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (d: string) => (text[name] += d));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...text })));
}
const binlog = (args: string): Promise<Ended> => sh(`exec $DRILLBOOK binlog ${args}`);
const parsed = (stdout: string): BinlogLine[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((l) => lineSchema.parse(JSON.parse(l)));
async function jsonLines(args: string): Promise<{ code: number | null; lines: BinlogLine[] }> {
  const { code, stdout } = await binlog(`show --json ${args}`);
  return { code, lines: parsed(stdout) };
}
const changes = (lines: BinlogLine[]): BinlogLine[] => lines.filter((l) => l.type === 'insert' || l.type === 'update' || l.type === 'delete');
const gtids = (lines: BinlogLine[]): string[] => lines.flatMap((l) => (l.type === 'transaction' ? [l.gtid!.slice(37)] : []));

/** A copy of the logs that a disaster is planted in. */
function copy(name: string, plant: (dir: string) => void): string {
  const dir = join(scratch, name);
  mkdirSync(dir);
  for (const f of readdirSync(logs)) cpSync(join(logs, f), join(dir, f));
  plant(dir);
  return dir;
}
const edit = (file: string, change: (bytes: Buffer) => Buffer): void => writeFileSync(file, change(readFileSync(file)));

beforeAll(async () => {
  scratch = mkdtempSync(join(realpathSync(tmpdir()), 'dbt-'));
  servers = await startServers(['a'], []);
  const server = servers.nodes[0]!;
  await server.sql("SET GLOBAL binlog_row_metadata = 'FULL'");
  await server.sql(
    'CREATE DATABASE shop',
    `CREATE TABLE shop.orders (${COLUMNS})`,
    'CREATE TABLE shop.log (n INT, t CHAR(200))',
    INSERT,
    "UPDATE shop.orders SET price = 2, st = 'new', doc = NULL WHERE id = 1",
    'FLUSH BINARY LOGS',
    'DELETE FROM shop.orders WHERE id = 1',
    `INSERT INTO shop.log WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r WHERE n < 1000) SELECT a.n, REPEAT('x', 200) FROM r a, (VALUES ROW(1), ROW(2), ROW(3)) b`,
    'FLUSH BINARY LOGS',
    'INSERT INTO shop.log VALUES (0, NULL)',
    'INSERT INTO shop.log VALUES (1, NULL)',
  );
  uuid = String((await server.sql('SELECT @@server_uuid u'))[0]!['u']);
  live = await jsonLines(server.socket);
  await server.kill();
  logs = join(scratch, 'logs');
  mkdirSync(logs);
  for (const f of readdirSync(server.dataDir)) if (f.startsWith('binlog.')) cpSync(join(server.dataDir, f), join(logs, f));
}, 120_000);
afterAll(async () => {
  await servers?.stop();
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

test('show --json gives the inserted values, from files and from the live server', async () => {
  const { code, lines } = await jsonLines(logs);
  expect(code).toBe(0);
  const [insert, update, remove, ...rest] = changes(lines);
  const updated = { ...FIRST, price: '2.00', st: { index: '1', label: 'new' }, doc: null };
  expect(insert).toEqual({ type: 'insert', table: 'shop.orders', after: FIRST });
  expect(update).toEqual({ type: 'update', table: 'shop.orders', before: FIRST, after: updated });
  expect(remove).toEqual({ type: 'delete', table: 'shop.orders', before: updated });
  expect(rest).toHaveLength(ROWS + 2);
  expect(rest.at(-1)).toEqual({ type: 'insert', table: 'shop.log', after: { n: '1', t: null } });
  expect(lines.filter((l) => l.type === 'finding').map((l) => l.kind)).toEqual(['in-use']);
  expect(live.code).toBe(0);
  expect(changes(live.lines)).toEqual(changes(lines));
  expect(gtids(live.lines)).toEqual(gtids(lines));
}, 60_000);

test('filters: by GTID, by table, by commit time', async () => {
  const [byGtid, byTable, all] = await Promise.all([
    jsonLines(`${logs} --gtid ${uuid}:4:6`),
    jsonLines(`${logs} --table shop.orders`),
    jsonLines(`${logs} --table 'shop.*'`),
  ]);
  expect([gtids(byGtid.lines), changes(byGtid.lines).map((l) => l.type)]).toEqual([
    ['4', '6'],
    ['insert', 'delete'],
  ]);
  // the statement that created the table names it
  expect([gtids(byTable.lines), changes(byTable.lines).length]).toEqual([['2', '4', '5', '6'], 3]);
  expect(changes(all.lines)).toHaveLength(3 + ROWS + 2);
  const at = (n: string) => all.lines.find((l) => l.type === 'transaction' && l.gtid === `${uuid}:${n}`) as { committed: string };
  const timed = await jsonLines(`${logs} --since ${at('5').committed} --until ${at('6').committed}`);
  expect(gtids(timed.lines)).toEqual(['5', '6']);
}, 60_000);

test('text: nothing in it steers the terminal; the key and what changed; long values are cut unless --full', async () => {
  const [text, full] = await Promise.all([binlog(`show ${logs}`), binlog(`show --full ${logs}`)]);
  for (const { code, stdout } of [text, full]) {
    expect(code).toBe(0);
    expect(stdout).not.toContain(ESC);
    expect(stdout).toContain("name  = 'O\\'Brien 中文 ‹U+001B›[31m\\n'");
    expect(stdout).toMatch(/update {2}shop.orders\n {6}id {4}= 1\n {6}price {3}-1.50 → 2.00\n {6}doc {5}\S+ → NULL\n {6}st {6}'a,b' → 'new'\n/);
  }
  expect(text.stdout).toContain('xxx… (200 characters)');
  expect(full.stdout).toContain(`'${'x'.repeat(200)}'`);
}, 60_000);

test('a reader that goes away ends it quietly, and standard input is a log too', async () => {
  const head = await sh(`$DRILLBOOK binlog show --json ${logs} | head -n 1; echo "\${PIPESTATUS[0]}"`);
  expect([head.stdout.split('\n')[1], head.stderr]).toEqual(['0', '']);
  const gone = await sh(`{ sleep 1; $DRILLBOOK binlog verify ${logs}; echo $? >&2; } | true`);
  expect(gone.stderr).toBe('0\n');
  const piped = await sh(`cat ${logs}/binlog.000003 | $DRILLBOOK binlog verify --json -`);
  expect([piped.code, JSON.parse(piped.stdout)]).toMatchObject([0, { verdict: 'sound', rows: { insert: 2 } }]);
}, 60_000);

test('stat counts what the files hold; rows only when asked', async () => {
  const [quick, rows] = await Promise.all([binlog(`stat --json ${logs}`), binlog(`stat --json --rows ${logs}`)]);
  const [q, r] = [quick, rows].map((e) => JSON.parse(e.stdout) as Record<string, unknown>);
  expect([quick.code, rows.code]).toEqual([0, 0]);
  expect(q).toMatchObject({ rowsVerified: false, transactions: 9, gtids: `${uuid}:1-9`, findingCounts: { 'rows-unverified': 3, 'in-use': 1 } });
  expect(r).toMatchObject({ rowsVerified: true, transactions: 9, gtids: `${uuid}:1-9`, findingCounts: { 'in-use': 1 } });
  expect(r!['tables']).toMatchObject([
    { table: 'shop.log', insert: ROWS + 2, update: 0, delete: 0 },
    { table: 'shop.orders', insert: 1, update: 1, delete: 1 },
  ]);
}, 60_000);

interface Verified {
  verdict: string;
  findings: { kind: string; file: string; offset: number; text: string }[];
}

test.each<[string, (dir: string) => void, [code: number, verdict: string, kinds: string[]]]>([
  ['what a killed server left is sound', () => {}, [0, 'sound', ['in-use']]],
  ['a flipped bit', (d) => edit(join(d, 'binlog.000002'), (b) => (b.writeUInt8(b.readUInt8(100_000) ^ 4, 100_000), b)), [1, 'damage', ['checksum', 'in-use']]],
  ['a cut tail', (d) => edit(join(d, 'binlog.000003'), (b) => b.subarray(0, -10)), [1, 'damage', ['cut', 'in-use']]],
  ['an encrypted file', (d) => edit(join(d, 'binlog.000003'), (b) => (b.writeUInt8(0xfd, 0), b)), [3, 'unknown', ['encrypted']]],
  ['something else', (d) => writeFileSync(join(d, 'binlog.000003'), 'not a log'), [3, 'unknown', ['format']]],
  ['a file is missing', (d) => rmSync(join(d, 'binlog.000002')), [3, 'unknown', ['gap', 'in-use']]],
])(
  'verify: %s',
  async (name, plant, outcome) => {
    const { code, stdout } = await binlog(`verify --json ${copy(name.replaceAll(' ', '-'), plant)}`);
    const { verdict, findings } = JSON.parse(stdout) as Verified;
    expect([code, verdict, [...new Set(findings.map((f) => f.kind))].sort()]).toEqual(outcome);
  },
  60_000,
);

test.each([
  ['verify --json', [3, 1]],
  ['stat --json', [3, 1]],
  ['show --json', [3, 1]],
  ['show --json --jobs 2', [3, 1]],
])(
  'what is odd about a list of files is told: %s',
  async (command, told) => {
    const dir = copy(`odd-${command.replaceAll(/\W+/g, '-')}`, (d) => rmSync(join(d, 'binlog.index')));
    // verify and show say more about such an order than stat can
    const { code, stdout } = await binlog(`${command} ${join(dir, 'binlog.000003')} ${join(dir, 'binlog.000001')}`);
    expect([code === 1 ? 3 : code, stdout.split('the numbers run backwards').length - 1]).toEqual(told);
  },
  60_000,
);

test('files of one name are told apart by their paths', async () => {
  const one = copy('one', () => {});
  const other = copy('other', () => {});
  const { stdout } = await binlog(`stat ${join(one, 'binlog.000001')} ${join(other, 'binlog.000001')} ${join(other, 'binlog.000002')}`);
  for (const name of [join(one, 'binlog.000001'), join(other, 'binlog.000001'), 'binlog.000002']) expect(stdout).toContain(`  ${name}  `);
  const { lines } = await jsonLines(`--jobs 2 ${join(one, 'binlog.000001')} ${join(other, 'binlog.000001')}`);
  expect(lines.flatMap((l) => (l.type === 'file' ? [l.file] : []))).toEqual([join(one, 'binlog.000001'), join(other, 'binlog.000001')]);
}, 60_000);

test('a log without checksums is sound, and its verdict says that its contents cannot be verified', async () => {
  const { code, stdout } = await binlog(`verify ${join(ROOT, 'test/fixtures/binlog/nocrc')}`);
  expect([code, stdout.trimEnd().split('\n').at(-1)]).toEqual([0, expect.stringMatching(/SOUND .*contents unverifiable/)]);
}, 60_000);

test('a value that cannot be derived: verify cannot tell, and show says it of the value', async () => {
  const partial = join(ROOT, 'test/fixtures/binlog/partial');
  const { code, stdout } = await binlog(`verify --json ${partial}`);
  const { verdict, findings } = JSON.parse(stdout) as Verified;
  expect([code, verdict, findings.map((f) => f.kind)]).toEqual([3, 'unknown', ['underivable']]);
  const { lines } = await jsonLines(partial);
  expect(JSON.stringify(changes(lines))).toContain('{"underivable":"');
}, 60_000);

test('verify names the last whole transaction, the place, what it means and what to do', async () => {
  const dir = copy('named', (d) => edit(join(d, 'binlog.000003'), (b) => b.subarray(0, -10)));
  const { code, stdout } = await binlog(`verify ${dir}`);
  expect(code).toBe(1);
  expect(stdout).toMatch(new RegExp(`last whole transaction {2}${uuid}:8`));
  expect(stdout).toMatch(/DAMAGE {2}cut\n {4}binlog.000003:\d+ {2}/);
  expect(stdout).toMatch(/means: .+\n {4}to do: .+/);
  expect(stdout).toContain('DAMAGED');
}, 60_000);

test.each([
  ['no such file', '/nowhere/binlog.000001', 'DRILL_NO_LOGS'],
  ['a time that is none', `. --since yesterday`, 'DRILL_USAGE'],
  ['a set that is none', `. --gtid 1-2`, 'DRILL_GTID_INVALID'],
  ['a server among files', `. mysql://root@localhost`, 'DRILL_USAGE'],
])(
  'refused: %s',
  async (_what, args, code) => {
    const ended = await binlog(`show ${args}`);
    expect([ended.code, ended.stdout, ended.stderr]).toEqual([2, '', expect.stringMatching(new RegExp(`^${code}: .*\\n.*what to do`))]);
  },
  60_000,
);
