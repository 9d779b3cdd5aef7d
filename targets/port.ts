/**
 * What a target must be able to do. A platform is where nodes run (what can be broken about machines); a system is what runs on
 * them (what can be broken about a store). Faults, checks and evidence speak to these two interfaces only.
 * Every method has a deadline of its own, fails with a coded DrillError, and is idempotent unless it says otherwise.
 */
import type { EffectInterval, Instant } from '../core/time.ts';

/** Directed pairs of node names; [a, b] cuts what a sends to b. */
export type Pair = readonly [from: string, to: string];

export interface NodeFacts {
  name: string;
  /** address on the replication network */
  address: string;
  port: number;
  dataDir: string;
  /** admin socket on this file system */
  socket: string;
  /** option file that the node reads at its next start */
  optionFile: string;
  running: boolean;
  /** killed as source: comes back only in its safe state */
  safeState: boolean;
}

export interface PlatformFacts {
  id: string;
  nodes: NodeFacts[];
  /** the service address that promotion moves */
  service: { address: string; port: number; holders: string[] };
  /** folder on the target where the drill may work (collected logs, lists, journals) */
  workDir: string;
}

/** State of a leased cut. */
export interface CutState {
  /** pairs that are cut now, with the rest of their lease */
  live: { pair: Pair; expiresInMs: number }[];
  /** packets dropped by the cut so far */
  dropped: number;
}

export interface Platform {
  facts(): Promise<PlatformFacts>;
  /** Starts the node's process; on a node in its safe state: read-only, offline, replication stopped, no service address. Resolves when it answers. */
  start(node: string): Promise<void>;
  stop(node: string): Promise<void>;
  /** `process`: the store's process only. `node`: process, link and addresses. Returns when it is gone. */
  kill(node: string, what: 'process' | 'node'): Promise<EffectInterval>;
  /** Cuts all pairs at once, for at most leaseMs, enforced by the target itself. Fails when one of them is cut already. */
  cut(pairs: Pair[], leaseMs: number): Promise<void>;
  /** One transaction: extends all, or fails with DRILL_LEASE_LAPSED and revives none. */
  renewCut(pairs: Pair[], leaseMs: number): Promise<void>;
  healCut(pairs: Pair[]): Promise<void>;
  cutState(): Promise<CutState>;
  /** Active probes between nodes. Watching starts at the first call for a pair and goes on. */
  watch(pairs: Pair[]): Promise<void>;
  /** The last transition of each pair to `lost` or `ok`, seen by probes; null where none was seen. */
  transitions(pairs: Pair[], to: 'lost' | 'ok'): Promise<(EffectInterval | null)[]>;
  /** Moves the service address to a node and announces it. A node that is only cut off keeps its copy, as in life. */
  moveService(node: string): Promise<EffectInterval>;
  /** A process in the client's place on the network, started idempotently by name: a second call attaches to the one that runs. */
  spawn(name: string, argv: string[], env: Record<string, string>, logFile: string): Promise<{ pid: number; attached: boolean }>;
  /** TERM, then KILL after graceMs. */
  end(name: string, graceMs: number): Promise<void>;
  processes(): Promise<{ name: string; running: boolean; exitCode: number | null }[]>;
  /** Extends the life of a target that has no owner. */
  keepAlive(ms: number): Promise<void>;
  now(): Promise<Instant>;
  close(): void;
}

export interface NodePosition {
  node: string;
  serverUuid: string;
  gtidExecuted: string;
  readOnly: boolean;
  superReadOnly: boolean;
  offline: boolean;
  /** replication threads, null when not configured */
  source: { address: string; io: string; sql: string; lastError: string; retrieved: string } | null;
}

export interface LogFile {
  file: string;
  bytes: number;
  sha256: string;
}

/** A connection string for `drillbook reconcile` and people: `mysql://user:password@host:port` or a socket path. */
export type Dsn = string;

export interface System {
  /** "MySQL 9.7.4" */
  version(): Promise<string>;
  dsn(node: string): Promise<Dsn>;
  /** Position of one node; throws DRILL_NODE_DOWN when it does not answer. */
  position(node: string): Promise<NodePosition>;
  /** Applies what was received, stops replication, opens for writes. Never drops a received, unapplied transaction. Returns gtid_executed at the moment of promotion, before writes were allowed. */
  promote(node: string): Promise<{ gtidExecuted: string }>;
  /** Makes node replicate from source (GTID auto-position). */
  repoint(node: string, source: string): Promise<void>;
  /** Copies the node's binary logs (the node may be dead) into dir, fsynced. */
  collectLogs(node: string, dir: string): Promise<LogFile[]>;
  /** Waits until node has executed the set; false at the deadline. */
  waitFor(node: string, gtidSet: string, timeoutMs: number): Promise<boolean>;
  /** Tries a write on every path to the node (service address, own address, admin socket); returns what each said. */
  tryWrites(node: string): Promise<{ path: string; accepted: boolean; said: string; serverUuid: string | null }[]>;
  /** What people's tools left on the node that is not part of the service, in sentences. */
  leftovers(node: string): Promise<string[]>;
}
