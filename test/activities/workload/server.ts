/** One throw-away mysqld with the workload's tables, as the workload's processes see it. */
import type { ChildProcess } from 'node:child_process';
import type { Endpoint } from '../../../activities/workload/session.ts';
import { APP } from '../../../targets/systems/mysql/accounts.ts';
import { startServers, type TestMysqld, type TestServers } from '../../support/mysqld.ts';

export interface TestServer extends Pick<TestServers, 'dir' | 'stop'> {
  node: TestMysqld;
  endpoint: Endpoint;
}

export async function startServer(): Promise<TestServer> {
  const servers = await startServers(['db'], []);
  const node = servers.nodes[0]!;
  return { dir: servers.dir, stop: () => servers.stop(), node, endpoint: { host: '127.0.0.1', port: node.port, ...APP } };
}

/** Waits for the end of a process that the test started; kills it at the deadline. */
export function ended(child: ChildProcess, withinMs: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve(child.exitCode);
      return;
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`process ${child.pid} did not end within ${withinMs} ms`));
    }, withinMs);
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}
