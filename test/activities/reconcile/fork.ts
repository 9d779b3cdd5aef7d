/** Two real servers that parted: a source and its replica share a past, then each takes writes of its own, and one client's ledger saw it all. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { CHAIN_START, chainLine } from '../../../core/history.ts';
import type { WriteKind, WriteOutcome } from '../../../core/ledger.ts';
import { rowDigest } from '../../../core/workload.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';

export const RULES = { conflict: 'new-wins' as const, identity: { 'drill.orders': 'write_id', 'drill.journal': 'write_id' } };

/** Replicates and reads logs; the password has every character that quoting can get wrong. */
export const REPLICATOR = { user: 'replicator', password: `r:1"2'3#4\\5@6 %` };
const ACCOUNT = [
  `CREATE USER '${REPLICATOR.user}'@'%' IDENTIFIED BY '${REPLICATOR.password.replaceAll(/[\\']/g, (c) => `\\${c}`)}'`,
  `GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO '${REPLICATOR.user}'@'%'`,
];

type Columns = Record<string, string>;

/** A client that writes one statement at a time and keeps a ledger as the workload does. */
export class Client {
  readonly lines: object[] = [];
  private n = 0;
  private clock = 1_000_000_000n;

  async write(server: Connection, kind: WriteKind, table: string, key: string, columns: Columns | null, lie?: WriteOutcome): Promise<string> {
    const w = columns?.['write_id'] ?? `del-${++this.n}`;
    const at = () => String((this.clock += 1_000_000n));
    this.lines.push({ e: 'intent', w, a: 1, k: kind, t: table, key, d: columns ? rowDigest(columns) : '', i: at(), s: at() });
    const names = Object.keys(columns ?? {});
    const values = names.map(() => '?').join(', ');
    const update = table === 'drill.acct' ? ` AS n ON DUPLICATE KEY UPDATE ${names.map((c) => `${c} = n.${c}`).join(', ')}` : '';
    const sql = columns ? `INSERT INTO ${table} (${names.join(', ')}) VALUES (${values})${update}` : `DELETE FROM ${table} WHERE id = ?`;
    const [done] = await server.query(sql, columns ? Object.values(columns) : [key]);
    const [[g]] = (await server.query('SELECT @@global.gtid_executed g, @@server_uuid u')) as unknown as [[{ g: string; u: string }]];
    const last = new RegExp(`${g.u}:(?:[\\d:-]*[:-])?(\\d+)`).exec(g.g.replace(/\s/g, ''))?.[1];
    const changed = (done as { affectedRows: number }).affectedRows;
    const outcome = lie ?? 'acked';
    this.lines.push({
      e: 'reply',
      w,
      a: 1,
      o: outcome,
      r: at(),
      ...(outcome === 'acked' ? { m: changed > 0 ? 1 : 0, c: changed, u: g.u, g: changed > 0 ? `${g.u}:${last}` : '' } : {}),
    });
    return w;
  }

  async save(path: string): Promise<void> {
    let prev = CHAIN_START;
    let text = '';
    for (const [i, record] of this.lines.entries()) {
      const { line, digest } = chainLine(i + 1, prev, record);
      text += line;
      prev = digest;
    }
    await writeFile(path, text);
  }
}

let serial = 0;
export const order = (note = 'o'): Columns => ({ write_id: `w-${String(++serial).padStart(5, '0')}`, customer: '7', amount: '12.50', note });
export const entry = (note = 'j'): Columns => ({ account: '1', delta: '-5', note, write_id: `w-${String(++serial).padStart(5, '0')}` });
export const acct = (id: number, owner = 'someone'): Columns => ({
  id: String(id),
  balance: String(id * 10),
  owner,
  write_id: `w-${String(++serial).padStart(5, '0')}`,
});

export interface Parted {
  servers: TestServers;
  old: TestMysqld;
  fresh: TestMysqld;
  client: Client;
  ledger: string;
  /** write ids by what must become of them */
  w: Record<
    | 'oldOnly'
    | 'newOnly'
    | 'collidedOld'
    | 'collidedNew'
    | 'journalOld'
    | 'journalNew'
    | 'uuOld'
    | 'uuNew'
    | 'udOld'
    | 'udNew'
    | 'duOld'
    | 'duNew'
    | 'setOld'
    | 'delOld'
    | 'unknownOld',
    string
  >;
}

/**
 * acct 1: set on both sides; 2: set old, deleted new; 3: deleted old, set new; 4: set old only; 5: deleted old only; 6: untouched; 7: set old with unknown outcome.
 * orders and journal: both sides give the same AUTO_INCREMENT ids to different rows.
 */
export async function part(extraDdl: readonly string[] = []): Promise<Parted> {
  const servers = await startServers(['old', 'fresh'], [...ACCOUNT, ...extraDdl]);
  try {
    const [old, fresh] = servers.nodes as [TestMysqld, TestMysqld];
    const client = new Client();
    const [o, f] = [await old.connect(), await fresh.connect()];
    await replicate(fresh, old);
    for (let id = 1; id <= 7; id++) await client.write(o, 'set', 'drill.acct', String(id), acct(id, `it's \\ ü ${id}\n"x"`));
    const first = order('before the fork');
    await client.write(o, 'insert', 'drill.orders', first['write_id']!, first);
    await caughtUp(fresh, old);
    await fresh.sql('STOP REPLICA', 'RESET REPLICA ALL');
    await o.query("INSERT INTO drillbook_meta.heartbeat VALUES ('old', 1)");
    const insert = async (c: Connection, table: string, columns: Columns) => client.write(c, 'insert', table, columns['write_id']!, columns);
    const set = async (c: Connection, id: number, owner: string, lie?: WriteOutcome) => client.write(c, 'set', 'drill.acct', String(id), acct(id, owner), lie);
    const del = async (c: Connection, id: number) => client.write(c, 'delete', 'drill.acct', String(id), null);
    const w = {
      collidedOld: await insert(o, 'drill.orders', order("lost, it's \\ € \n")),
      oldOnly: await insert(o, 'drill.orders', order('lost too')),
      journalOld: await insert(o, 'drill.journal', entry('lost')),
      uuOld: (await set(o, 1, 'older'), await set(o, 1, 'old')),
      udOld: await set(o, 2, 'old'),
      duOld: await del(o, 3),
      setOld: await set(o, 4, 'old'),
      delOld: await del(o, 5),
      unknownOld: await set(o, 7, 'old, never answered', 'unknown'),
      collidedNew: '',
      newOnly: '',
      journalNew: '',
      uuNew: '',
      udNew: '',
      duNew: '',
    };
    await f.query("INSERT INTO drillbook_meta.heartbeat VALUES ('fresh', 1)");
    w.collidedNew = await insert(f, 'drill.orders', order('new'));
    w.journalNew = await insert(f, 'drill.journal', entry('new'));
    w.uuNew = await set(f, 1, 'new');
    w.udNew = await del(f, 2);
    w.duNew = await set(f, 3, 'new');
    w.newOnly = await set(f, 100, 'new');
    o.destroy();
    f.destroy();
    const ledger = join(servers.dir, 'ledger.jsonl');
    await client.save(ledger);
    return { servers, old, fresh, client, ledger, w };
  } catch (e) {
    await servers.stop();
    throw e;
  }
}

export async function replicate(replica: TestMysqld, source: TestMysqld): Promise<void> {
  await replica.sql(
    `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${source.port}, SOURCE_USER='repl', SOURCE_PASSWORD='repl', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1`,
    'START REPLICA',
  );
}

export async function caughtUp(replica: TestMysqld, source: TestMysqld): Promise<void> {
  const [{ g }] = (await source.sql('SELECT @@global.gtid_executed g')) as [{ g: string }];
  const [{ w }] = (await replica.sql(`SELECT WAIT_FOR_EXECUTED_GTID_SET('${g}', 20) w`)) as [{ w: number | string }];
  if (Number(w) !== 0) throw new Error(`the replica did not catch up: ${JSON.stringify(await replica.sql('SHOW REPLICA STATUS'))}`);
}
