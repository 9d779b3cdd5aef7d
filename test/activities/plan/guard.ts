/** The file under `mysql --force`: whatever fails at whatever statement, a transaction is there whole and in the journal, or not at all. */
import { spawn } from 'node:child_process';
import type { Connection } from 'mysql2/promise';
import type { PlannedChange, RecoveryPlan } from '../../../core/reconcile/plan-model.ts';
import type { TableInfo } from '../../../core/reconcile/schema.ts';
import { withConnection } from '../../../targets/systems/mysql/dsn.ts';
import { applyPlan } from '../../../targets/systems/mysql/apply.ts';
import { DIALECTS } from '../../support/controls-dialect.ts';
import type { Dialect, Flavour, Node, Servers } from '../../support/controls-dialect.ts';
import { change, countsOf, fileOf, planFor, runFile, tableOf } from '../../support/plan.ts';
import type { Ran } from '../../support/plan.ts';

let dialect: Dialect;
let servers: Servers;
let node: Node;
let keyed: TableInfo;
let parent: TableInfo;
let child: TableInfo;

const DDL = [
  'CREATE DATABASE t',
  'CREATE TABLE t.keyed (id INT PRIMARY KEY, u INT UNIQUE, v VARCHAR(9))',
  'CREATE TABLE t.parent (id INT PRIMARY KEY, v VARCHAR(9))',
  'CREATE TABLE t.child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES t.parent (id) ON DELETE CASCADE)',
  'CREATE TABLE t.filler (id INT AUTO_INCREMENT PRIMARY KEY, v CHAR(99))',
  'CREATE TABLE t.pairs (id INT PRIMARY KEY, v VARCHAR(9))',
];

async function open(flavour: Flavour): Promise<void> {
  dialect = DIALECTS[flavour];
  servers = await dialect.start(['a']);
  node = servers.nodes[0]!;
  await node.sql('SET SESSION sql_log_bin = 0', ...DDL);
  [keyed, parent, child] = (await Promise.all(['t.keyed', 't.parent', 't.child'].map(async (n) => tableOf(node, n)))) as [TableInfo, TableInfo, TableInfo];
}

const BEFORE = { keyed: '1:10:a 2:20:b', parent: '1:p 2:q', child: '1:1 2:2' };
const AFTER = { keyed: '1:11:A 3:30:c', parent: '2:q 3:r', child: '2:2 3:3' };

/** One of each kind, of one lost transaction. */
const changes = (): PlannedChange[] => {
  const gtids = ['3e11fa47-71ca-11e1-9e33-c80aa9429562:1'];
  return [
    change(keyed, ['1', '10', 'a'], ['1', '11', 'A'], { gtids }),
    change(keyed, ['2', '20', 'b'], null, { gtids }),
    change(keyed, null, ['3', '30', 'c'], { gtids }),
    // in an order that foreign keys refuse
    change(child, null, ['3', '3'], { gtids }),
    change(parent, null, ['3', 'r'], { gtids }),
    change(parent, ['1', 'p'], null, { gtids }),
    change(child, ['1', '1'], null, { gtids }),
  ];
};

async function reset(): Promise<void> {
  await node.sql(
    'SET SESSION sql_log_bin = 0',
    'DROP DATABASE IF EXISTS drillbook',
    'DELETE FROM t.keyed',
    'DELETE FROM t.child',
    'DELETE FROM t.parent',
    "INSERT INTO t.keyed VALUES (1, 10, 'a'), (2, 20, 'b')",
    "INSERT INTO t.parent VALUES (1, 'p'), (2, 'q')",
    'INSERT INTO t.child VALUES (1, 1), (2, 2)',
  );
}

async function state(): Promise<typeof BEFORE> {
  const [row] = await node.sql(
    `SELECT (SELECT GROUP_CONCAT(CONCAT_WS(':', id, u, v) ORDER BY id SEPARATOR ' ') FROM t.keyed) keyed,
      (SELECT GROUP_CONCAT(CONCAT_WS(':', id, v) ORDER BY id SEPARATOR ' ') FROM t.parent) parent,
      (SELECT GROUP_CONCAT(CONCAT_WS(':', id, parent) ORDER BY id SEPARATOR ' ') FROM t.child) child`,
  );
  return row as typeof BEFORE;
}
const journal = async (): Promise<number> => {
  const [{ n }] = (await node.sql("SELECT COUNT(*) n FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'drillbook'")) as [{ n: string }];
  return Number(n) === 0 ? 0 : Number((await node.sql('SELECT COUNT(*) n FROM drillbook.journal'))[0]!['n']);
};
const executed = async (): Promise<string> => dialect.executed(node);

/** Whole and marked, or untouched and not. Returns which. */
async function whole(): Promise<boolean> {
  const done = await journal();
  expect(await state()).toEqual(done === 1 ? AFTER : BEFORE);
  return done === 1;
}

const statements = (text: string): string[] => text.split(/(?<=;\n)/);

/** An error as the server raises it: 1213 takes the transaction along, the others keep it open. */
const ERRORS: [number, string][] = [
  [1213, "ROLLBACK;\nSIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213;\n"],
  [1205, "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1205;\n"],
];

type Mysql = ReturnType<typeof spawn>;

/** Feeds mysql the first part, waits until it has run, does something, and feeds the rest. */
async function runStepped(before: string, then: (child: Mysql) => Promise<void>, after: string, waitS = 20): Promise<Ran> {
  const [program = '', ...first] = servers.programs.mysql;
  const child = spawn(program, [
    ...first,
    '--no-defaults',
    '--force',
    '-n',
    '-uroot',
    `--init-command=SET innodb_lock_wait_timeout = ${waitS}`,
    `--socket=${node.socket}`,
  ]);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (d: string) => (out += d));
  child.stderr.setEncoding('utf8').on('data', (d: string) => (err += d));
  child.stdin.on('error', () => {});
  const closed = new Promise((r) => child.once('close', r));
  child.stdin.write(`${before}SELECT 'here' AS at;\n`);
  await until(async () => out.includes('here'));
  await then(child);
  child.stdin.end(after);
  await closed;
  return { counts: countsOf(out), errors: err.split('\n').filter((l) => l.startsWith('ERROR')) };
}

/** The server makes INNODB_TRX anew only when nobody has read it for 100 ms. */
const INNODB_TRX_MS = 150;

async function until(what: () => Promise<boolean>, everyMs = 10): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await what()); await new Promise((r) => setTimeout(r, everyMs)))
    if (Date.now() > deadline) throw new Error('it did not come');
}

/** What is in the way of a statement, by how it begins; `held`: a row that the guard has locked, for which the neighbour then asks. */
const OBSTACLES: [string, string, string][] = [
  ['UPDATE `t`.`keyed`', "INSERT INTO t.keyed VALUES (99, 11, 'x')", 'SELECT * FROM t.keyed WHERE id = 2 FOR UPDATE'],
  ['INSERT INTO `t`.`keyed`', "INSERT INTO t.keyed VALUES (3, 33, 'x')", 'SELECT * FROM t.keyed WHERE id = 1 FOR UPDATE'],
  ['INSERT INTO `t`.`child`', 'INSERT INTO t.child VALUES (3, NULL)', 'SELECT * FROM t.keyed WHERE id = 1 FOR UPDATE'],
  ['INSERT INTO `t`.`parent`', "INSERT INTO t.parent VALUES (3, 'x')", 'SELECT * FROM t.keyed WHERE id = 1 FOR UPDATE'],
  [
    'INSERT INTO drillbook',
    "INSERT INTO drillbook.journal (plan, number, gtids, changed) VALUES ('DIGEST', 1, '', 0)",
    'SELECT * FROM t.keyed WHERE id = 1 FOR UPDATE',
  ],
];

/** An open transaction of some weight, so that the plan's is the one that a deadlock takes. */
async function neighbour(sql: string): Promise<Connection> {
  const c = await node.connect();
  await c.query('SET SESSION sql_log_bin = 0');
  await c.query('START TRANSACTION');
  await c.query(`INSERT INTO t.filler (v) VALUES ${Array.from({ length: 200 }, () => "('x')").join()}`);
  await c.query(sql);
  return c;
}

function obstacle(plan: RecoveryPlan, start: string, sql: string): { before: string; after: string; sql: string } {
  const all = statements(fileOf(plan));
  const at = all.findIndex((s) => s.split('\n').some((l) => l.startsWith(start)));
  expect(at).toBeGreaterThan(0);
  return { before: all.slice(0, at).join(''), after: all.slice(at).join(''), sql: sql.replace('DIGEST', plan.digest) };
}

/** The tests, on servers of one flavour. */
export function testGuard(flavour: Flavour): void {
  beforeAll(async () => open(flavour), 120_000);
  afterAll(async () => servers?.stop());

  test('once, twice, and with rows that are there already', async () => {
    await reset();
    const text = fileOf(await planFor(node, changes()));
    expect(await runFile(servers.programs, node, text)).toEqual({ counts: { applied: 1, already: 0, stale: 0, needs_apply: 0, for_a_person: 0 }, errors: [] });
    expect(await whole()).toBe(true);
    const was = await executed();
    expect(await runFile(servers.programs, node, text)).toMatchObject({ counts: { applied: 1, stale: 0 }, errors: [] });
    expect(await executed()).toEqual(was);
    // some of it by other hands: the rest is done
    await reset();
    await node.sql("INSERT INTO t.keyed VALUES (3, 30, 'c'); UPDATE t.keyed SET u = 11, v = 'A' WHERE id = 1");
    expect(await runFile(servers.programs, node, text)).toMatchObject({ counts: { applied: 1, stale: 0 }, errors: [] });
    expect(await whole()).toBe(true);
    await node.sql('DELETE FROM drillbook.journal');
    expect(await runFile(servers.programs, node, text)).toMatchObject({ counts: { applied: 0, already: 1, stale: 0 }, errors: [] });
    expect(await whole()).toBe(true);
  });

  test.each<[string, string]>([
    ['a value', "UPDATE t.keyed SET v = 'x' WHERE id = 2"],
    ['the case of a letter', "UPDATE t.keyed SET v = 'B' WHERE id = 2"],
    ['a space at the end', "UPDATE t.keyed SET v = 'b ' WHERE id = 2"],
    ['NULL', 'UPDATE t.keyed SET v = NULL WHERE id = 2'],
    ['a row that is there', "INSERT INTO t.keyed VALUES (3, 31, 'c')"],
    ['a row that is gone', 'DELETE FROM t.keyed WHERE id = 1'],
    ['a unique value that is taken', "INSERT INTO t.keyed VALUES (9, 30, 'x')"],
    ['a child that the parent’s deletion would take along', 'INSERT INTO t.child VALUES (9, 1)'],
  ])('stale by %s: nothing is touched', async (_, sql) => {
    await reset();
    const plan = await planFor(node, changes());
    await node.sql(sql);
    const was = await state();
    expect(await runFile(servers.programs, node, fileOf(plan))).toMatchObject({ counts: { applied: 0, already: 0, stale: 1 }, errors: [] });
    expect(await state()).toEqual(was);
    const result = await withConnection(node.dsn, async (c) => applyPlan(c, plan, () => {}));
    expect(result.changed).toBe(0);
    expect(result.stale.length + result.refused.length).toBe(7);
    expect(await state()).toEqual(was);
    expect(await journal()).toBe(0);
  });

  test('on another server, in another session: nothing is touched', async () => {
    await reset();
    const plan = await planFor(node, changes());
    const text = fileOf(plan);
    expect(await runFile(servers.programs, node, fileOf({ ...plan, source: plan.source.replace(/^./, 'z') }))).toMatchObject({ counts: { stale: 1 } });
    for (const setting of ["time_zone = '+01:00'", "sql_mode = ''", 'autocommit = 1', "character_set_client = 'latin1'"]) {
      const at = text.indexOf('ROLLBACK;');
      expect(await runFile(servers.programs, node, `${text.slice(0, at)}SET SESSION ${setting};\n${text.slice(at)}`)).toMatchObject({ counts: { stale: 1 } });
      expect(await whole()).toBe(false);
    }
  });

  test('an error at each statement in turn: never half, and the next run completes it', async () => {
    await reset();
    const plan = await planFor(node, changes());
    const all = statements(fileOf(plan));
    const first = all.findIndex((s) => s.includes('SET @drillbook_ok = 0'));
    const last = all.findLastIndex((s) => s.startsWith('DEALLOCATE'));
    let [done, undone] = [0, 0];
    for (let at = first; at <= last; at++) {
      // statements that lock nothing cannot be chosen as a deadlock's victim
      const locks = /^(--.*\n)*(SELECT|INSERT|UPDATE|DELETE|EXECUTE)/.test(all[at]!);
      for (const [number, error] of ERRORS) {
        if (number === 1213 && !locks) continue;
        await reset();
        await runFile(servers.programs, node, all.with(at, error).join(''));
        if (await whole()) done++;
        else undone++;
        if (locks) expect(await journal()).toBe(0);
      }
      await runFile(servers.programs, node, all.join(''));
      expect(await whole()).toBe(true);
    }
    expect([undone > 15, done > 0]).toEqual([true, true]);
  }, 120_000);

  test('the client is killed before each statement in turn, and run again', async () => {
    await reset();
    const all = statements(fileOf(await planFor(node, changes())));
    for (let at = all.findIndex((s) => s.includes('SET @drillbook_ok = 0')); at < all.length; at += 2) {
      await reset();
      await runStepped(all.slice(0, at).join(''), async (child) => void child.kill('SIGKILL'), '');
      await whole();
      await runFile(servers.programs, node, all.join(''));
      expect(await whole()).toBe(true);
    }
  }, 60_000);

  test('--apply is killed before each of its statements in turn, and run again', async () => {
    const plan = await planFor(node, changes());
    for (let at = 0; ; at++) {
      await reset();
      const ended = await withConnection(node.dsn, async (c) => {
        let left = at;
        const query = c.query.bind(c) as (...args: unknown[]) => Promise<unknown>;
        c.query = (async (...args: unknown[]) => {
          if (left-- > 0) return query(...args);
          c.destroy();
          throw new Error('killed');
        }) as typeof c.query;
        try {
          await applyPlan(c, plan, () => {});
          return true;
        } catch {
          return false;
        }
      });
      await whole();
      const again = await withConnection(node.dsn, async (c) => applyPlan(c, plan, () => {}));
      expect([again.stale, again.refused]).toEqual([[], []]);
      expect(await whole()).toBe(true);
      if (ended) break;
    }
  }, 60_000);

  test.each(OBSTACLES)(
    '1062, 1213 and 1205 of a real neighbour at %s',
    async (start, sql, held) => {
      // a time-out costs a second; raised, it is tried at every statement above
      for (const error of start.endsWith('`child`') || start.endsWith('`parent`') ? [1062, 1213] : [1062, 1205, 1213]) {
        await reset();
        const plan = await planFor(node, changes());
        const o = obstacle(plan, start, sql);
        let c: Connection | undefined;
        const ran = await runStepped(
          o.before,
          async () => {
            c = await neighbour(o.sql);
            if (error === 1062) await c.query('COMMIT');
            if (error === 1213) {
              const blocked = c;
              void until(
                async () => Number((await node.sql("SELECT COUNT(*) n FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"))[0]!['n']) > 0,
                INNODB_TRX_MS,
              )
                .then(async () => blocked.query(held))
                .catch(() => {});
            }
          },
          o.after,
          error === 1205 ? 1 : 20,
        );
        expect(ran.errors.join()).toContain(`ERROR ${error} `);
        await c!.query('ROLLBACK');
        c!.destroy();
        expect(ran.counts.applied).toBe(0);
        await node.sql(
          'SET SESSION sql_log_bin = 0',
          'DELETE FROM t.keyed WHERE id = 99 OR u = 33',
          'DELETE FROM t.child WHERE id = 3',
          "DELETE FROM t.parent WHERE v = 'x'",
          'DELETE FROM drillbook.journal WHERE changed = 0',
        );
        expect(await whole()).toBe(false);
        expect((await runFile(servers.programs, node, fileOf(plan))).counts.applied).toBe(1);
        expect(await whole()).toBe(true);
      }
    },
    60_000,
  );

  test('beside a writer: its rows are its own, each transaction is whole or not there, and the journal knows', async () => {
    await reset();
    const N = 120;
    await node.sql('SET SESSION sql_log_bin = 0', `INSERT INTO t.pairs VALUES ${Array.from({ length: N * 2 }, (_, i) => `(${i}, 'seen')`).join()}`);
    const pairs = await tableOf(node, 't.pairs');
    const plans: RecoveryPlan[] = [];
    for (let i = 0; i < N; i++) {
      const pair = [2 * i, 2 * i + 1].map((id) => change(pairs, [String(id), 'seen'], [String(id), 'planned']));
      plans.push(await planFor(node, pair));
    }
    const base = plans[0]!;
    const plan: RecoveryPlan = { ...base, transactions: plans.map((p, i) => ({ ...p.transactions[0]!, number: i + 1 })) };
    const stop = new AbortController();
    const write = async () => {
      const c = await node.connect();
      for (let i = 7; !stop.signal.aborted; i = (i * 31 + 17) % (N * 2)) {
        await c.query("UPDATE t.pairs SET v = 'writer' WHERE id = ? AND v = 'seen'", [i % 3 === 0 ? i : 1]).catch(() => {});
      }
      c.destroy();
    };
    const writers = [write(), write()];
    const ran = await runFile(servers.programs, node, fileOf(plan));
    stop.abort();
    await Promise.all(writers);
    const marked = new Set((await node.sql('SELECT number FROM drillbook.journal')).map((r) => Number(r['number'])));
    const rows = new Map((await node.sql('SELECT id, v FROM t.pairs')).map((r) => [Number(r['id']), r['v']]));
    for (let i = 0; i < N; i++)
      expect([rows.get(2 * i) === 'planned', rows.get(2 * i + 1) === 'planned']).toEqual(marked.has(i + 1) ? [true, true] : [false, false]);
    expect(ran.counts.applied).toBe(marked.size);
    expect(ran.counts.applied + ran.counts.stale).toBe(N);
    expect(ran.counts.stale).toBeGreaterThan(0);
    expect(ran.counts.applied).toBeGreaterThan(0);
  }, 60_000);

  // of InnoDB itself in MariaDB always
  if (flavour === 'mysql')
    test('where the storage engine cascades, which no count of rows tells: nothing is touched either', async () => {
      await node.kill();
      await node.start(['--innodb-native-foreign-keys=ON']);
      await reset();
      const plan = await planFor(node, changes());
      await node.sql('INSERT INTO t.child VALUES (9, 1)');
      const was = await state();
      expect(await runFile(servers.programs, node, fileOf(plan))).toMatchObject({ counts: { applied: 0, stale: 1 }, errors: [] });
      expect(await state()).toEqual(was);
      await node.sql('DELETE FROM t.child WHERE id = 9');
      expect(await runFile(servers.programs, node, fileOf(plan))).toMatchObject({ counts: { applied: 1, stale: 0 }, errors: [] });
      expect(await whole()).toBe(true);
    }, 60_000);
}
