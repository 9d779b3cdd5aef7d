import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FateLine, LostKey, ReconcileSummary } from '../../../core/bundle.ts';
import { GtidSet } from '../../../core/gtid.ts';
import { applyRecovery } from '../../../activities/reconcile/apply.ts';
import { converge } from '../../../activities/reconcile/converge.ts';
import { reconcile } from '../../../activities/reconcile/run.ts';
import type { ReconcileOptions, Reconciliation } from '../../../activities/reconcile/run.ts';
import { withConnection } from '../../../targets/systems/mysql/dsn.ts';
import { applyPlan } from '../../../targets/systems/mysql/apply.ts';
import { cellsOf, readShapes, selectList } from '../../../targets/systems/mysql/rows.ts';
import { uneventful } from '../../../core/reconcile/plan-event.ts';
import { makePlan } from '../../../core/reconcile/plan-make.ts';
import type { Row, TableShape } from '../../../core/reconcile/tables.ts';
import { caughtUp, part, replicate, REPLICATOR, RULES } from './fork.ts';
import type { Parted } from './fork.ts';

let p: Parted;
let opts: ReconcileOptions;
const key = (r: Reconciliation, table: string, k: string): LostKey => [...r.lost].find((l) => l.table === table && l.key === k)!;
const fate = (r: { fates: FateLine[] }, w: string) => r.fates.find((f) => f.w === w)!.fate;
const badWrites = (r: { fates: FateLine[] }): string[] =>
  r.fates
    .filter((f) => f.fate === 'missing' || f.fate === 'altered' || f.fate === 'duplicated')
    .map((f) => f.w)
    .sort();

/** Acknowledged writes that are not in place, by SQL alone: nothing of the code under test. `debtors`: per row, what must be there. */
async function badBySql(): Promise<string[]> {
  const c = await p.fresh.connect();
  const bad: string[] = [];
  for (const table of ['orders', 'journal']) {
    for (const w of table === 'orders' ? [p.w.collidedOld, p.w.oldOnly, p.w.collidedNew] : [p.w.journalOld, p.w.journalNew]) {
      const [rows] = await c.query(`SELECT 1 FROM drill.${table} WHERE write_id = ?`, [w]);
      if ((rows as unknown[]).length !== 1) bad.push(w);
    }
  }
  const debtors: [number, string, string | null][] = [
    [1, p.w.uuNew, p.w.uuNew],
    [2, p.w.udNew, null],
    [3, p.w.duNew, p.w.duNew],
    [4, p.w.setOld, p.w.setOld],
    [5, p.w.delOld, null],
    [100, p.w.newOnly, p.w.newOnly],
  ];
  for (const [id, w, there] of debtors) {
    const [rows] = await c.query('SELECT write_id FROM drill.acct WHERE id = ?', [id]);
    if (((rows as { write_id: string }[])[0]?.write_id ?? null) !== there) bad.push(w);
  }
  c.destroy();
  return bad.sort();
}

beforeAll(async () => {
  p = await part();
  opts = { old: p.old.dataDir, new: p.fresh.dsn, ledger: p.ledger, rules: RULES, outDir: p.servers.dir };
}, 120_000);
afterAll(async () => p?.servers.stop());

test('the old source runs: its logs are read through a connection, with the same result as its files', async () => {
  const { outDir: _, ...quiet } = opts;
  const fromFiles = await reconcile(quiet);
  const fromServer = await reconcile({ ...quiet, old: `mysql://${REPLICATOR.user}:${encodeURIComponent(REPLICATOR.password)}@127.0.0.1:${p.old.port}` });
  expect(fromServer.lost).toEqual(fromFiles.lost);
  expect(fromServer.fates).toEqual(fromFiles.fates);
  await p.old.kill();
}, 60_000);

test('what was lost is listed to the row, each with its class of conflict', async () => {
  const r = await reconcile(opts);
  expect(r.summary).toMatchObject({
    lostCount: 11,
    lostAcked: 9,
    lostUnacked: 1,
    lostHeartbeats: 1,
    late: '',
    forced: '',
    lostKeys: 9,
    lostKeysInPlace: 3,
    lastRecoveryCommitUs: null,
  });
  expect(r.summary.conflicts).toEqual({ 'insert/insert': 2, 'update/update': 1, 'update/delete': 1, 'delete/update': 1 });
  expect(r.summary.rpoAtPromotionS).toBeGreaterThan(0);
  expect(key(r, 'drill.orders', p.w.collidedOld)).toMatchObject({ effect: 'insert', conflict: 'insert/insert', inPlace: false, before: null });
  expect(key(r, 'drill.acct', '4')).toMatchObject({ effect: 'update', conflict: null, inPlace: false });
  expect(badWrites(r)).toEqual(await badBySql());
  expect(badWrites(r)).toEqual([p.w.collidedOld, p.w.oldOnly, p.w.journalOld, p.w.setOld, p.w.delOld].sort());
  const written = (name: string) => readFileSync(join(p.servers.dir, name), 'utf8');
  expect((JSON.parse(written('reconcile.json')) as ReconcileSummary).lost).toBe(r.summary.lost);
  expect(written('lost.jsonl').trim().split('\n')).toHaveLength(9);
  expect(written('fates.jsonl').trim().split('\n')).toHaveLength(r.fates.length);
}, 60_000);

test('the old side’s last file is cut: what it no longer holds is not made up', async () => {
  const dir = join(p.servers.dir, 'cut');
  const file = 'binlog.000001';
  mkdirSync(dir);
  const whole = readFileSync(join(p.old.dataDir, file));
  writeFileSync(join(dir, file), whole.subarray(0, whole.length - 40));
  const { outDir: _, ledger: __, ...quiet } = opts;
  const r = await reconcile({ ...quiet, old: dir });
  expect(r.summary.lostCount).toBe(10);
  expect(r.summary.findings.find((f) => f.severity === 'unknown')?.text).toMatch(/ends after \d+ bytes of an event/);
  // the ledger tells that nobody had been promised what is missing
  const told = await reconcile({ ...quiet, old: dir, ledger: p.ledger });
  expect(told.summary.findings.filter((f) => f.severity !== 'note')).toEqual([]);
  // cut further, an acknowledged write is in no log
  writeFileSync(join(dir, file), whole.subarray(0, whole.length - 600));
  const worse = await reconcile({ ...quiet, old: dir, ledger: p.ledger });
  expect(worse.summary.findings.find((f) => f.severity === 'fail')?.text).toMatch(/acknowledged writes are in no log/);
  expect(worse.fates.find((f) => f.w === p.w.delOld)).toMatchObject({ fate: 'altered', place: null });
}, 60_000);

test('after a forced replay the GTID sets are equal, and the rows that are wrong are named as SQL finds them', async () => {
  const lost = (await reconcile(opts)).summary.lost;
  const { mysqlbinlog, mysql } = p.servers.tools;
  const log = spawnSync(mysqlbinlog, ['--no-defaults', `--include-gtids=${lost}`, join(p.old.dataDir, 'binlog.000001')], { maxBuffer: 1 << 28 });
  const fork = await snapshot();
  const replay = spawnSync(mysql, ['--no-defaults', '--force', '--binary-mode', '-uroot', `--socket=${p.fresh.socket}`], { input: log.stdout });
  expect(replay.stderr.toString()).toMatch(/ERROR 1062/);
  const r = await reconcile(opts);
  expect(GtidSet.parse(r.summary.newSet).contains(GtidSet.parse(lost))).toBe(true);
  expect(r.summary.lost).toBe(lost);
  expect(r.summary.forced).not.toBe('');
  expect(badWrites(r)).toEqual(await badBySql());
  expect(badWrites(r)).toEqual(expect.arrayContaining([p.w.collidedOld, p.w.journalOld, p.w.uuNew, p.w.duNew].sort()));
  expect(fate(r, p.w.uuNew)).toBe('altered');
  expect(key(r, 'drill.acct', '1')).toMatchObject({ conflict: 'update/update', inPlace: false });
  expect(r.summary.conflicts).toEqual({ 'insert/insert': 2, 'update/update': 1, 'update/delete': 1, 'delete/update': 1 });
  await restore(fork);
}, 60_000);

/** Puts the rows back as they were before the replay, without a trace in the log, so that the next test starts from the bare fork. */
async function snapshot(): Promise<{ table: string; rows: unknown[][] }[]> {
  const c = await p.fresh.connect();
  const tables = [];
  for (const table of ['orders', 'acct', 'journal'])
    tables.push({ table, rows: (await c.query({ sql: `SELECT * FROM drill.${table}`, rowsAsArray: true }))[0] as unknown as unknown[][] });
  c.destroy();
  return tables;
}
async function restore(tables: { table: string; rows: unknown[][] }[]): Promise<void> {
  const c = await p.fresh.connect();
  await c.query('SET SESSION sql_log_bin = 0');
  for (const { table, rows } of tables) {
    await c.query(`DELETE FROM drill.${table}`);
    await c.query(`INSERT INTO drill.${table} VALUES ?`, [rows]);
  }
  c.destroy();
}

test('--apply puts every row in place that the rule demands, and a second one changes nothing', async () => {
  const first = await applyRecovery(opts);
  expect(first.decisions).toEqual([]);
  expect(first.result).toMatchObject({ stale: [], refused: [] });
  expect(first.result.changed).toBeGreaterThanOrEqual(6);
  expect([...first.after.lost].filter((l) => l.inPlace !== true)).toEqual([]);
  expect(badWrites(first.after)).toEqual([]);
  expect(await badBySql()).toEqual([]);
  expect(Number(first.after.summary.lastRecoveryCommitUs)).toBeGreaterThan(1.7e15);
  expect(first.after.summary.conflicts['insert/insert']).toBe(2);
  expect(first.after.fates.find((f) => f.w === p.w.collidedOld)?.note).toMatch(/under AUTO_INCREMENT id/);
  const before = await p.fresh.sql('SELECT @@global.gtid_executed g');
  const second = await applyRecovery(opts);
  expect(second).toMatchObject({ planned: 0, result: { changed: 0 } });
  expect(await p.fresh.sql('SELECT @@global.gtid_executed g')).toEqual(before);
}, 60_000);

test('a row that a client changed since the plan is left alone', async () => {
  const [shape, seen] = await withConnection(p.fresh.dsn, async (c): Promise<[TableShape, Row]> => {
    const found = (await readShapes(c, ['drill.acct'], {})).get('drill.acct') as TableShape;
    return [found, (await cellsOf(c, found, `SELECT ${selectList(found)} FROM drill.acct WHERE id = 4`))[0]!];
  });
  const target = seen.with(1, '12345');
  await p.fresh.sql("SET SESSION sql_log_bin = 0; UPDATE drill.acct SET owner = 'meanwhile' WHERE id = 4");
  const [{ u: source }] = (await p.fresh.sql('SELECT @@server_uuid u')) as [{ u: string }];
  const apply = async (from: Row, to: Row) => {
    const where = from.map((cell, i) => (i === 0 ? cell : undefined));
    const change = { table: shape.info, key: '4', where, seen: from, target: to, gtids: [], kind: 'safe' as const, conflict: null, note: '' };
    const plan = makePlan({ fork: '', read: '', source, changes: [change], uneventful });
    return withConnection(p.fresh.dsn, (c) => applyPlan(c, plan, () => {}));
  };
  const stale = await apply(seen, target);
  expect(stale).toMatchObject({ changed: 0, stale: [{ table: 'drill.acct', key: '4' }] });
  expect(await p.fresh.sql('SELECT owner FROM drill.acct WHERE id = 4')).toEqual([{ owner: 'meanwhile' }]);
  await p.fresh.sql("SET SESSION sql_log_bin = 0; UPDATE drill.acct SET owner = 'old' WHERE id = 4");
  expect(await apply(seen, target)).toMatchObject({ changed: 1, stale: [] });
  expect(await apply(seen, target)).toMatchObject({ changed: 0, already: 1 });
  expect(await apply(target, seen)).toMatchObject({ changed: 1 });
}, 60_000);

test('a journal row that is there twice is a duplicated write', async () => {
  await p.fresh.sql(
    `INSERT INTO drill.journal (account, delta, note, write_id) SELECT account, delta, note, write_id FROM drill.journal WHERE write_id = '${p.w.journalOld}' LIMIT 1`,
  );
  const r = await reconcile(opts);
  expect(fate(r, p.w.journalOld)).toBe('duplicated');
  expect(key(r, 'drill.journal', p.w.journalOld).inPlace).toBe(false);
  await p.fresh.sql(`DELETE FROM drill.journal WHERE write_id = '${p.w.journalOld}' ORDER BY id DESC LIMIT 1`);
  expect(badWrites(await reconcile(opts))).toEqual([]);
}, 60_000);

test('nodes are equal only when every row is: one changed in silence is named', async () => {
  // the old source comes back as a replica of a copy of the new one
  await p.old.start();
  await p.old.sql('SET GLOBAL super_read_only = 0', 'RESET BINARY LOGS AND GTIDS');
  const executed = (await p.fresh.sql('SELECT @@global.gtid_executed g'))[0]!['g'] as string;
  for (const { table, rows } of await snapshot()) {
    const c = await p.old.connect();
    await c.query('SET SESSION sql_log_bin = 0');
    await c.query(`DELETE FROM drill.${table}`);
    await c.query(`INSERT INTO drill.${table} VALUES ?`, [rows]);
    c.destroy();
  }
  await p.old.sql(`SET GLOBAL gtid_purged = '${executed}'`);
  await replicate(p.old, p.fresh);
  await caughtUp(p.old, p.fresh);
  const nodes = [
    { name: 'fresh', dsn: p.fresh.dsn },
    { name: 'old', dsn: p.old.dsn },
  ];
  const equal = await converge({ nodes, identity: RULES.identity, catchUpMs: 5_000, outDir: p.servers.dir });
  expect(equal).toMatchObject({ equal: true, differences: [] });
  expect(equal.nodes[0]!.digest).toBe(equal.nodes[1]!.digest);
  expect(readFileSync(join(p.servers.dir, 'rows.jsonl'), 'utf8').trim().split('\n')).toHaveLength(equal.nodes[0]!.rows * 2);
  await p.old.sql("SET SESSION sql_log_bin = 0; UPDATE drill.acct SET owner = 'someone else' WHERE id = 6; DELETE FROM drill.acct WHERE id = 100");
  const different = await converge({ nodes, identity: RULES.identity, catchUpMs: 5_000 });
  expect(different.equal).toBe(false);
  expect(different.differences.map((d) => [d.table, d.key, d.nodes['old'] === null])).toEqual([
    ['drill.acct', '6', false],
    ['drill.acct', '100', true],
  ]);
  await p.old.sql('SET SESSION sql_log_bin = 0; DELETE FROM drill.acct WHERE id = 4');
  await p.fresh.sql("UPDATE drill.acct SET owner = 'stops the applier' WHERE id = 4");
  const stopped = await converge({ nodes, identity: RULES.identity, catchUpMs: 1_500 });
  expect(stopped.equal).toBe(false);
  expect((await converge({ nodes, identity: RULES.identity, catchUpMs: 0 })).reason).toMatch(/old: stopped: /);
}, 60_000);
