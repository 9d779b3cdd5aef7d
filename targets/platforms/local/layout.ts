/** Names, addresses and paths of a local lab; what its starter and its holder tell each other. */
import { join } from 'node:path';
import { DrillError } from '../../../core/errors.ts';
import type { Tools } from '../../tools.ts';
import type { ServerPaths } from '../../systems/mysql/server.ts';

export const SERVICE_ADDRESS = '10.77.0.100';
export const CLIENT = { name: 'client', address: '10.77.0.9', mac: '02:d2:00:00:00:09' };
export const PORT = 3306;
/** UDP port of the probes, in every namespace. */
export const AGENT_PORT = 7077;
export const NODES_MAX = 8;
/** sun_path takes 107 bytes; mysqld adds ".lock" to its own. */
export const SOCKET_PATH_BYTES_MAX = 100;

export interface Place {
  /** name of the node and of its network namespace */
  name: string;
  address: string;
  mac: string;
}

export const nodeNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `db${i + 1}`);
export const placeOf = (i: number): Place => ({ name: `db${i + 1}`, address: `10.77.0.${i + 1}`, mac: `02:d2:00:00:00:0${i + 1}` });
/** The bridge's port that leads to a place; cuts match on these names. */
export const portOf = (name: string): string => `p-${name}`;

/** What the holder is started with (a file; its path is the only argument). */
export interface HolderConfig {
  tools: Tools;
  dir: string;
  cacheDir: string;
  workDir: string;
  nodes: number;
  uid: number;
  /** null: ends when stdin closes; a number: ends when not kept alive for so long */
  ttlMs: number | null;
  /** the lab's folder goes when the lab ends in order */
  scratch: boolean;
}

/** lab.json: how to find a running lab again. Pids are as seen from outside; start times are ticks since boot (/proc/PID/stat, field 22), so a reused pid is noticed. */
export interface LabState {
  version: 1;
  id: string;
  dir: string;
  workDir: string;
  socket: string;
  boot: string;
  pid: number;
  startTicks: string;
  unsharePid: number;
  namespaces: { net: string; mnt: string; pid: string; user: string };
  nodes: { name: string; address: string; port: number; dataDir: string; socket: string; optionFile: string }[];
  service: { address: string; port: number };
}

export const holderSocketOf = (dir: string): string => join(dir, 'holder.sock');
export const holderLogOf = (dir: string): string => join(dir, 'holder.log');
export const stateFileOf = (dir: string): string => join(dir, 'lab.json');
export const serverPathsOf = (dir: string, name: string): ServerPaths => ({ name, dir: join(dir, name), socket: join(dir, `${name}.sock`) });

/** Refuses a folder in which a socket's path would be cut off, or that the lab's own /run hides. */
export function checkDir(dir: string): void {
  const longest = Buffer.byteLength(holderSocketOf(dir));
  if (longest > SOCKET_PATH_BYTES_MAX) {
    throw new DrillError(
      'DRILL_PATH_TOO_LONG',
      `${holderSocketOf(dir)} has ${longest} bytes; a unix socket's path may have ${SOCKET_PATH_BYTES_MAX}`,
      'use a drill folder with a shorter path',
    );
  }
  if (dir === '/run' || dir.startsWith('/run/') || dir.startsWith('/proc/')) {
    throw new DrillError(
      'DRILL_LAB_DIR',
      `${dir}: the lab has a /run and a /proc of its own, which would hide this folder`,
      'use a drill folder elsewhere, for example below /tmp or your home',
    );
  }
}
