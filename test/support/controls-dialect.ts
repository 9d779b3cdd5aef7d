/** What the controls' phases say otherwise on MySQL and on MariaDB. */
import type { MariadbNode } from './mariadb-servers.ts';
import { startMariadbs } from './mariadb-servers.ts';
import type { TestMysqld } from './mysqld.ts';
import { startServers } from './mysqld.ts';

export type Flavour = 'mysql' | 'mariadb';
export type Node = TestMysqld | MariadbNode;

export interface Programs {
  mysql: readonly string[];
  mysqlbinlog: readonly string[];
}

export interface Servers {
  dir: string;
  nodes: readonly Node[];
  programs: Programs;
  stop(): Promise<void>;
}

export interface Dialect {
  flavour: Flavour;
  start(names: string[]): Promise<Servers>;
  /** as a server that never wrote: logs and GTIDs */
  forget: readonly string[];
  /** it has what another one has, by a copy of its data */
  copied(executed: string): string[];
  /** a former source, before it follows the new one */
  rejoin(fresh: Node): Promise<string[]>;
  follow(source: Node): string;
  /** how far a server is, as `wait` and `copied` take it */
  executed(node: Node): Promise<string>;
  wait(node: Node, executed: string): Promise<boolean>;
  /** the newest number that a replica has received, applied or not */
  received(node: Node): Promise<number>;
  /** the old source's transaction of this number */
  gtid(old: Node, n: number): Promise<string>;
  /** what the old source has and the new one has not, by SQL alone; '' for nothing */
  lost(old: Node, fresh: Node): Promise<string>;
  /** mysqlbinlog's options for what `lost` or `gtid` gave */
  only(gtids: string): string[];
  /** on a connection, before a client's writes */
  track: string;
  logPosition: string;
  /** commits wait for a replica, for ever, before they can be seen */
  semiSync(source: Node): Promise<void>;
}

const text = async (node: Node, sql: string): Promise<string> => String(Object.values((await node.sql(sql))[0]!)[0]).replaceAll('\n', '');

const MYSQL: Dialect = {
  flavour: 'mysql',
  start: async (names) => {
    const servers = await startServers(names, []);
    const { dir, nodes, tools } = servers;
    return { dir, nodes, programs: { mysql: [tools.mysql], mysqlbinlog: [tools.mysqlbinlog] }, stop: async () => servers.stop() };
  },
  forget: ['RESET BINARY LOGS AND GTIDS'],
  copied: (executed) => ['RESET BINARY LOGS AND GTIDS', `SET GLOBAL gtid_purged = '${executed}'`],
  rejoin: async () => [],
  follow: ({ port }) =>
    `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${port}, SOURCE_USER='repl', SOURCE_PASSWORD='repl', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1`,
  executed: async (node) => text(node, 'SELECT @@global.gtid_executed'),
  wait: async (node, executed) => (await text(node, `SELECT WAIT_FOR_EXECUTED_GTID_SET('${executed}', 20)`)) === '0',
  received: async (node) =>
    Number(
      String((await node.sql('SHOW REPLICA STATUS'))[0]!['Retrieved_Gtid_Set'])
        .split(/[:-]/)
        .at(-1),
    ),
  gtid: async (old, n) => `${await text(old, 'SELECT @@server_uuid')}:${n}`,
  lost: async (old, fresh) => text(old, `SELECT GTID_SUBTRACT('${await MYSQL.executed(old)}', '${await MYSQL.executed(fresh)}')`),
  only: (gtids) => [`--include-gtids=${gtids}`],
  track: 'SET SESSION session_track_gtids = OWN_GTID',
  logPosition: 'SHOW BINARY LOG STATUS',
  semiSync: async (source) => {
    const plugins = await source.sql("SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'rpl_semi_sync_source'");
    if (plugins.length === 0) await source.sql("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'");
    await source.sql('SET GLOBAL rpl_semi_sync_source_timeout = 4294967295', 'SET GLOBAL rpl_semi_sync_source_enabled = ON');
  },
};

/** MariaDB: the old source's last transaction that a server has. */
const lastOfOld = async (node: Node): Promise<string> =>
  (await text(node, 'SELECT @@global.gtid_binlog_state')).split(',').find((g) => g.startsWith('0-1-')) ?? '0-1-0';

const MARIADB: Dialect = {
  flavour: 'mariadb',
  start: async (names) => startMariadbs(names, []),
  forget: ['RESET MASTER', "SET GLOBAL gtid_slave_pos = ''"],
  copied: (executed) => ['RESET MASTER', `SET GLOBAL gtid_slave_pos = '${executed}'`],
  rejoin: async (fresh) => [`SET GLOBAL gtid_slave_pos = '${await lastOfOld(fresh)}'`],
  follow: ({ port }) =>
    `CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${port}, MASTER_USER='repl', MASTER_PASSWORD='repl', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1`,
  executed: async (node) => text(node, 'SELECT @@global.gtid_binlog_pos'),
  wait: async (node, executed) => (await text(node, `SELECT MASTER_GTID_WAIT('${executed}', 20)`)) === '0',
  received: async (node) =>
    Number(
      String((await node.sql('SHOW REPLICA STATUS'))[0]!['Gtid_IO_Pos'])
        .split('-')
        .at(-1),
    ),
  gtid: async (_, n) => `0-1-${n}`,
  // the position of the old one's last transaction on the new one, and the old one's own
  lost: async (old, fresh) => {
    const [from, to] = [await lastOfOld(fresh), await lastOfOld(old)];
    return from === to ? '' : `${from}..${to}`;
  },
  only: (gtids) => {
    const [first = '', last] = gtids.split('..');
    if (last !== undefined) return [`--start-position=${first}`, `--stop-position=${last}`];
    const n = Number(first.split('-').at(-1));
    return [`--start-position=0-1-${n - 1}`, `--stop-position=${first}`];
  },
  track: 'DO 0',
  logPosition: 'SHOW MASTER STATUS',
  semiSync: async (source) =>
    void (await source.sql(
      "SET GLOBAL rpl_semi_sync_master_wait_point = 'AFTER_SYNC', rpl_semi_sync_master_timeout = 4294967295, rpl_semi_sync_master_wait_no_slave = ON",
      'SET GLOBAL rpl_semi_sync_master_enabled = ON',
    )),
};

export const DIALECTS: Readonly<Record<Flavour, Dialect>> = { mysql: MYSQL, mariadb: MARIADB };
