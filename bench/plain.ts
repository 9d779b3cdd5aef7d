/** The lab's rival: the same three servers from the same template, started by hand, one after another, without network namespaces; replication proven by a first row. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runOk } from '../targets/platforms/local/run.ts';
import { replicateFrom } from '../targets/systems/mysql/replication.ts';
import { dataDirOf, optionFileOf, optionFileText, serverArgs, tmpDirOf } from '../targets/systems/mysql/server.ts';
import type { ServerPaths } from '../targets/systems/mysql/server.ts';
import { withAdmin } from '../targets/systems/mysql/sql.ts';
import { answering, ensureTemplate } from '../targets/systems/mysql/template.ts';
import type { Tools } from '../targets/tools.ts';

const NODES = 3;

/** Milliseconds from the first copy to the first row on the last replica. */
export async function plainStart(o: { tools: Tools; cacheDir: string }): Promise<number> {
  const dir = await mkdtemp(join(await realpath(tmpdir()), 'dbl-'));
  const running: ChildProcess[] = [];
  try {
    const started = performance.now();
    const template = await ensureTemplate({ ...o, socketDir: dir, progress: () => undefined });
    const source = { address: '127.0.0.1', port: 0 };
    const nodes: ServerPaths[] = [];
    for (let i = 1; i <= NODES; i++) {
      const node: ServerPaths = { name: `n${i}`, dir: join(dir, `n${i}`), socket: join(dir, `n${i}.sock`) };
      nodes.push(node);
      const port = await freePort();
      running.push(await startOne(node, { ...o, template, serverId: i, port }));
      if (i === 1) source.port = port;
      else await withAdmin(node.name, node.socket, (sql) => replicateFrom(node.name, sql, source, 20_000));
    }
    await firstRow(nodes);
    return performance.now() - started;
  } finally {
    for (const child of running) {
      const gone = once(child, 'exit');
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await gone;
    }
    await rm(dir, { recursive: true, force: true });
  }
}

async function startOne(node: ServerPaths, o: { tools: Tools; template: string; serverId: number; port: number }): Promise<ChildProcess> {
  await mkdir(tmpDirOf(node), { recursive: true });
  const options = optionFileText(node, { serverId: o.serverId, port: o.port, basedir: o.tools.mysqlBasedir });
  await writeFile(optionFileOf(node), options.replace('bind_address = 0.0.0.0', 'bind_address = 127.0.0.1'));
  await runOk(['cp', '-rT', '--sparse=always', o.template, dataDirOf(node)], { timeoutMs: 60_000 });
  const child = spawn(o.tools.setpriv, ['--pdeathsig', 'KILL', o.tools.mysqld, ...serverArgs(node, false)], { stdio: 'ignore' });
  await answering(node, child);
  return child;
}

async function firstRow([first, ...replicas]: ServerPaths[]): Promise<void> {
  const { name, socket } = first!;
  const { g } = await withAdmin(name, socket, async (sql) => {
    await sql.rows('INSERT INTO drillbook_meta.heartbeat (server_uuid, at_ns) VALUES (@@server_uuid, 1)');
    return sql.one<{ g: string }>('SELECT @@gtid_executed AS g');
  });
  for (const r of replicas) await withAdmin(r.name, r.socket, (sql) => sql.one('SELECT WAIT_FOR_EXECUTED_GTID_SET(?, 10) AS rc', [g], 15_000));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
