/** The closed list of errors that guarantee a rollback: each one provoked on a real server, and nothing of its statement found afterwards. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { outcomeOf, ROLLED_BACK } from '../../../activities/workload/outcome.ts';
import { Session, type Reply } from '../../../activities/workload/session.ts';
import { startServer, type TestServer } from './server.ts';

let server: TestServer;
let session: Session;

beforeAll(async () => {
  server = await startServer();
  await server.node.sql('SET GLOBAL innodb_lock_wait_timeout = 1');
}, 60_000);
afterAll(() => server.stop());
beforeEach(async () => {
  await server.node.sql("REPLACE INTO drill.acct VALUES (1, 10, 'x', 'a'), (2, 20, 'x', 'b')");
  session = await Session.open(server.endpoint, 5000);
  return () => session.destroy();
});

const BOTH = 'UPDATE drill.acct SET balance = balance + 1 WHERE id IN (1, 2)';
const run = (sql = BOTH): Promise<Reply> => session.run(sql, [], 10_000);

const provoke: Record<number, () => Promise<Reply>> = {
  1062: () => run("INSERT INTO drill.acct VALUES (3, 0, 'x', 'c'), (1, 0, 'x', 'd')"),
  1205: async () => {
    const other = await server.node.connect();
    await other.query('BEGIN');
    await other.query('SELECT * FROM drill.acct WHERE id = 2 FOR UPDATE');
    const reply = await run();
    await other.query('ROLLBACK');
    await other.end();
    return reply;
  },
  1213: async () => {
    const other = await server.node.connect();
    await other.query('BEGIN');
    // the heavier transaction survives
    await other.query("INSERT INTO drill.acct VALUES (11, 0, 'x', 'h'), (12, 0, 'x', 'h'), (13, 0, 'x', 'h'), (14, 0, 'x', 'h')");
    await other.query('SELECT * FROM drill.acct WHERE id = 2 FOR UPDATE');
    const waiting = run();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await other.query('SELECT * FROM drill.acct WHERE id = 1 FOR UPDATE');
    const reply = await waiting;
    await other.query('ROLLBACK');
    await other.end();
    return reply;
  },
  1290: async () => {
    await server.node.sql('SET GLOBAL super_read_only = ON');
    const reply = await run();
    await server.node.sql('SET GLOBAL super_read_only = OFF');
    await server.node.sql('SET GLOBAL read_only = OFF');
    return reply;
  },
};

describe('errors that guarantee a rollback', () => {
  test('each of the list is provoked here', () => {
    expect(Object.keys(provoke).map(Number)).toEqual([...ROLLED_BACK.keys()]);
  });

  test.each([...ROLLED_BACK])(
    '%i, %s: failed, and nothing of the statement is there',
    async (errno) => {
      const reply = await provoke[errno]!();
      expect(reply).toMatchObject({ is: 'error', errno });
      expect(outcomeOf(reply, { table: 'drill.acct', kind: 'set', retryable: false }, 1)).toEqual({ o: 'failed', err: String(errno) });
      expect(await server.node.sql('SELECT id, balance FROM drill.acct WHERE id < 100 ORDER BY id')).toEqual([
        { id: '1', balance: '10' },
        { id: '2', balance: '20' },
      ]);
    },
    60_000,
  );

  test.each([
    [
      'KILL',
      async () =>
        server.node.sql(
          `KILL ${String((await server.node.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'UPDATE drill.acct%'"))[0]!['ID'])}`,
        ),
    ],
    ['offline_mode', () => server.node.sql('SET GLOBAL offline_mode = ON')],
  ])('%s, which ends a waiting statement, is not in the list: unknown', async (_, end) => {
    const other = await server.node.connect();
    await other.query('BEGIN');
    await other.query('SELECT * FROM drill.acct WHERE id = 2 FOR UPDATE');
    const waiting = run();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await end();
    const reply = await waiting;
    await other.end();
    await server.node.sql('SET GLOBAL offline_mode = OFF');
    expect(reply).toMatchObject({ is: 'lost' });
    expect(outcomeOf(reply, { table: 'drill.acct', kind: 'set', retryable: false }, 1).o).toBe('unknown');
  });

  test('offline_mode refuses connections with 3032: nothing was sent', async () => {
    await server.node.sql('SET GLOBAL offline_mode = ON');
    await expect(Session.open(server.endpoint, 5000)).rejects.toMatchObject({ code: 'DRILL_CONNECT', message: '3032' });
    await server.node.sql('SET GLOBAL offline_mode = OFF');
  });

  test('1062 of a retry on its own write id is acked; of a first attempt, of another key, of a write that may not be repeated it is failed', async () => {
    const sql = "INSERT INTO drill.orders (write_id, customer, amount, note) VALUES ('w', 1, 2, 'x')";
    const write = { table: 'drill.orders', kind: 'insert', retryable: true } as const;
    expect(outcomeOf(await run(sql), write, 1)).toMatchObject({ o: 'acked', m: 1, c: 1, g: expect.stringMatching(/:\d+$/) });
    const again = await run(sql);
    expect(outcomeOf(again, write, 2)).toEqual({ o: 'acked', m: 1, c: 0, err: '1062' });
    expect(outcomeOf(again, write, 1)).toEqual({ o: 'failed', err: '1062' });
    const onId = await run("INSERT INTO drill.orders SELECT id, 'v', 1, 2, 'x' FROM drill.orders");
    expect(outcomeOf(onId, write, 2)).toEqual({ o: 'failed', err: '1062' });
    expect(outcomeOf(again, { ...write, retryable: false }, 2).o).toBe('failed');
  });

  test('a delete of nothing is acked with no row matched; a set that finds its row matches one', async () => {
    const write = { table: 'drill.acct', retryable: false } as const;
    expect(outcomeOf(await run('DELETE FROM drill.acct WHERE id = 99'), { ...write, kind: 'delete' }, 1)).toEqual({ o: 'acked', m: 0, c: 0, g: '' });
    expect(
      outcomeOf(await run("INSERT INTO drill.acct VALUES (1, 11, 'x', 'z') AS n ON DUPLICATE KEY UPDATE balance = n.balance"), { ...write, kind: 'set' }, 1),
    ).toMatchObject({ o: 'acked', m: 1, c: 1 });
  });
});
