/** How one mysqld of the lab is configured: what its option file says, and what a node in its safe state is forced to on top of it. */
import { join } from 'node:path';

export interface ServerPaths {
  name: string;
  /** folder of the node; holds my.cnf, error.log, data/, tmp/ */
  dir: string;
  /** admin socket; kept short, since the kernel takes 107 bytes */
  socket: string;
}

export const optionFileOf = (s: ServerPaths): string => join(s.dir, 'my.cnf');
export const dataDirOf = (s: ServerPaths): string => join(s.dir, 'data');
export const errorLogOf = (s: ServerPaths): string => join(s.dir, 'error.log');
/** What mysqld says before it has opened its error log. */
export const consoleLogOf = (s: ServerPaths): string => join(s.dir, 'console.log');
export const tmpDirOf = (s: ServerPaths): string => join(s.dir, 'tmp');

/** user = root: a server in the lab always runs as uid 0 of its namespace, an ordinary user outside. Without a buffer pool dump, performance schema and X plugin a node starts in 0.65 s and takes 270 MB; the replication tables work without performance schema. */
const COMMON = `user = root
secure_file_priv = NULL
mysqlx = OFF
skip_name_resolve = ON
performance_schema = OFF
innodb_buffer_pool_size = 32M
innodb_redo_log_capacity = 8M
innodb_buffer_pool_load_at_startup = OFF
innodb_buffer_pool_dump_at_shutdown = OFF
max_connections = 100
max_connect_errors = 1000000
table_open_cache = 200
thread_cache_size = 8
log_bin = binlog
gtid_mode = ON
enforce_gtid_consistency = ON
binlog_format = ROW
relay_log = relay
sync_binlog = 1
innodb_flush_log_at_trx_commit = 1
`;

/** The option file that a person edits to fence a node. basedir is the unpacked MySQL. */
export function optionFileText(s: ServerPaths, o: { serverId: number; port: number; basedir: string }): string {
  return `# ${s.name}: read at every start of this node. To fence it, add below [mysqld]:
#   super_read_only = ON
#   offline_mode = ON
[mysqld]
basedir = ${o.basedir}
lc_messages_dir = ${join(o.basedir, 'share/mysql')}
character_sets_dir = ${join(o.basedir, 'share/mysql/charsets')}
datadir = ${dataDirOf(s)}
socket = ${s.socket}
pid_file = ${join(s.dir, 'mysqld.pid')}
log_error = ${errorLogOf(s)}
tmpdir = ${tmpDirOf(s)}
server_id = ${o.serverId}
port = ${o.port}
bind_address = 0.0.0.0
plugin_load_add = mysql_clone.so
${COMMON}`;
}

/** Options of the server that makes the template: the same data format, no network, no account of its own. */
export function templateOptionText(s: ServerPaths, o: { basedir: string }): string {
  return `[mysqld]
basedir = ${o.basedir}
lc_messages_dir = ${join(o.basedir, 'share/mysql')}
character_sets_dir = ${join(o.basedir, 'share/mysql/charsets')}
datadir = ${dataDirOf(s)}
socket = ${s.socket}
pid_file = ${join(s.dir, 'mysqld.pid')}
log_error = ${errorLogOf(s)}
tmpdir = ${tmpDirOf(s)}
server_id = 1
skip_networking = ON
${COMMON}`;
}

/**
 * Command line of a start. The command line wins over the option file, so a node in its safe state cannot come back writable by
 * an edited file: clients refused, no writes even by root, replication stopped.
 */
export function serverArgs(s: ServerPaths, safeState: boolean): string[] {
  const forced = ['--super-read-only=ON', '--read-only=ON', '--offline-mode=ON', '--skip-replica-start=ON'];
  return [`--defaults-file=${optionFileOf(s)}`, ...(safeState ? forced : [])];
}
