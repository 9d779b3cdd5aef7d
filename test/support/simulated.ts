/**
 * A simulated target: nodes, cuts, leases and probes as plain data on a clock that tests move. It tests what the engine does around a target
 * (retries, leases, undo); what a real network or server does, the lab tests show.
 */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deps, Target } from '../../activities/deps.ts';
import { DrillError } from '../../core/errors.ts';
import type { EffectInterval, Instant } from '../../core/time.ts';
import { folderStore } from '../../evidence/store.ts';
import type { NodePosition, Pair, Platform, System } from '../../targets/port.ts';
import type { DrillRef } from '../../workflows/messages.ts';

const MS = 1_000_000n;
const GTID = '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7';
const name = ([a, b]: Pair): string => `${a}→${b}`;

/** Thrown at a call: the process "died" before or after the call took effect. */
export class Crash extends Error {}

export interface SimulatedNode {
  running: boolean;
  safeState: boolean;
  readOnly: boolean;
  offline: boolean;
  source: string | null;
  applies: boolean;
}

export class SimulatedPlatform {
  readonly workDir = realpathSync(mkdtempSync(join(tmpdir(), 'drillbook-sim-')));
  readonly nodes: Record<string, SimulatedNode> = { db1: node(null), db2: node('db1'), db3: node('db1') };
  holders = ['db1'];
  /** what took effect, in order, and when; a repetition that changes nothing is not in it */
  readonly effects: { what: string; ns: bigint }[] = [];
  readonly helpers: { name: string; running: boolean; exitCode: number | null }[] = [];
  /** probes that see nothing, whatever happens */
  blind = false;
  dropped = 0;
  /** what each path to a node says to a write */
  writes: Awaited<ReturnType<System['tryWrites']>> = [];
  readonly #lose = Promise.withResolvers<Error>();
  readonly #leases = new Map<string, { pair: Pair; untilNs: bigint }>();
  readonly #seen = { lost: new Map<string, EffectInterval>(), ok: new Map<string, EffectInterval>() };
  #ns = 1_000n * MS;
  #calls = 0;
  #crashAt: { call: number; when: 'before' | 'after' } | null = null;

  get calls(): number {
    return this.#calls;
  }
  crashAt(call: number, when: 'before' | 'after'): void {
    this.#calls = 0;
    this.#crashAt = { call, when };
  }
  stopCrashing(): void {
    this.#crashAt = null;
  }
  lose(): void {
    this.#lose.resolve(new DrillError('DRILL_LAB_GONE', 'the simulated target is gone'));
  }
  /** Time goes by; leases that end in it lapse, and probes see it. */
  pass(ms: number): void {
    const end = this.#ns + BigInt(ms) * MS;
    for (const [key, lease] of this.#leases) {
      if (lease.untilNs > end) continue;
      this.#leases.delete(key);
      this.#see('ok', lease.pair, lease.untilNs);
    }
    this.#ns = end;
  }
  dispose(): void {
    rmSync(this.workDir, { recursive: true, force: true });
  }

  #instant(ns = this.#ns): Instant {
    return { wallMs: 1_700_000_000_000 + Number(ns / MS), monoNs: String(ns), boot: 'simulated', by: 'simulated' };
  }
  #see(to: 'lost' | 'ok', pair: Pair, ns: bigint): void {
    if (!this.blind) this.#seen[to].set(name(pair), { absent: this.#instant(ns - 5n * MS), present: this.#instant(ns + 5n * MS), probe: 'simulated' });
  }
  #took(what: string): void {
    this.effects.push({ what, ns: this.#ns });
  }
  #node(n: string): SimulatedNode {
    return this.nodes[n]!;
  }
  #up(n: string): SimulatedNode {
    if (!this.#node(n).running) throw new DrillError('DRILL_NODE_DOWN', `${n} does not answer`);
    return this.#node(n);
  }

  readonly platform: Platform = this.#crashing<Platform>({
    facts: async () => ({
      id: 'simulated',
      nodes: Object.entries(this.nodes).map(([n, { running, safeState }], i) => {
        const optionFile = join(this.workDir, `${n}.cnf`);
        return { name: n, address: `10.0.0.${i + 1}`, port: 3306, dataDir: this.workDir, socket: `${n}.sock`, optionFile, running, safeState };
      }),
      service: { address: '10.0.0.100', port: 3306, holders: [...this.holders] },
      workDir: this.workDir,
    }),
    start: async (n) => void (this.#node(n).running = true),
    stop: async (n) => void (this.#node(n).running = false),
    kill: async (n) => {
      const absent = this.#instant();
      if (this.#node(n).running) this.#took(`kill ${n}`);
      Object.assign(this.#node(n), { running: false, safeState: this.holders.includes(n) || this.#node(n).safeState });
      this.holders = this.holders.filter((h) => h !== n);
      this.pass(1);
      return { absent, present: this.#instant(), probe: 'simulated' };
    },
    cut: async (pairs, leaseMs) => {
      if (pairs.some((p) => this.#leases.has(name(p)))) throw new DrillError('DRILL_ALREADY_CUT', 'cut already');
      this.#took(`cut ${pairs.map(name).join(' ')}`);
      for (const pair of pairs) {
        this.#leases.set(name(pair), { pair, untilNs: this.#ns + BigInt(leaseMs) * MS });
        this.#see('lost', pair, this.#ns);
      }
      this.pass(20);
    },
    renewCut: async (pairs, leaseMs) => {
      if (!pairs.every((p) => this.#leases.has(name(p)))) throw new DrillError('DRILL_LEASE_LAPSED', 'the lease has run out');
      for (const pair of pairs) this.#leases.get(name(pair))!.untilNs = this.#ns + BigInt(leaseMs) * MS;
    },
    healCut: async (pairs) => {
      const live = pairs.filter((p) => this.#leases.delete(name(p)));
      if (live.length > 0) this.#took('heal');
      for (const pair of live) this.#see('ok', pair, this.#ns);
      this.pass(20);
    },
    cutState: async () => ({
      live: [...this.#leases.values()].map((l) => ({ pair: l.pair, expiresInMs: Number((l.untilNs - this.#ns) / MS) })),
      dropped: this.dropped,
    }),
    watch: async () => undefined,
    transitions: async (pairs, to) => pairs.map((p) => this.#seen[to].get(name(p)) ?? null),
    moveService: async (n) => {
      const absent = this.#instant();
      if (!this.holders.includes(n)) this.#took(`service to ${n}`);
      this.holders = [n];
      this.pass(10);
      return { absent, present: this.#instant(), probe: 'simulated' };
    },
    spawn: async () => ({ pid: 1, attached: false }),
    end: async () => undefined,
    processes: async () => this.helpers,
    keepAlive: async () => undefined,
    now: async () => {
      this.pass(1);
      return this.#instant();
    },
    close: () => undefined,
  });

  readonly system: System = this.#crashing<System>({
    version: async () => 'Simulated 1.0',
    dsn: async (n) => `${n}.sock`,
    position: async (n): Promise<NodePosition> => {
      const { readOnly, offline, source, applies } = this.#up(n);
      const [io, sql] = applies ? ['Yes', 'Yes'] : ['Yes', 'No'];
      const from =
        source === null ? null : { address: `10.0.0.${Number(source.slice(2))}:3306`, io, sql, lastError: applies ? '' : 'duplicate key', retrieved: '' };
      return { node: n, serverUuid: `uuid-${n}`, gtidExecuted: GTID, readOnly, superReadOnly: readOnly, offline, source: from };
    },
    promote: async (n) => {
      if (this.#up(n).readOnly) this.#took(`promote ${n}`);
      Object.assign(this.#node(n), { readOnly: false, source: null });
      return { gtidExecuted: GTID };
    },
    repoint: async (n, to) => {
      if (this.#up(n).source !== to) this.#took(`repoint ${n} to ${to}`);
      this.#node(n).source = to;
    },
    collectLogs: async (n, dir) => {
      writeFileSync(join(dir, 'binlog.000001'), `log of ${n}`);
      return [{ file: join(dir, 'binlog.000001'), bytes: 10, sha256: '' }];
    },
    waitFor: async (n) => this.#up(n).applies,
    tryWrites: async () => this.writes,
    leftovers: async () => [],
  });

  readonly target: Target = {
    name: 'simulated',
    platform: this.platform,
    system: this.system,
    lost: this.#lose.promise,
    stateFile: join(this.workDir, 'lab.json'),
  };
  readonly ref: DrillRef = { drillId: 'drill-1', bundle: this.workDir, target: 'simulated' };

  deps(more: Partial<Deps> = {}): Deps {
    const tools = {} as Deps['tools'];
    return {
      tools,
      root: '',
      target: () => Promise.resolve(this.target),
      store: folderStore,
      pingEngine: () => Promise.resolve(),
      sessionQueue: 'session',
      secretEnv: {},
      ...more,
    };
  }

  /** The same methods, each of which may be the one at which the process dies. */
  #crashing<T extends object>(methods: T): T {
    const wrap =
      (method: (...a: unknown[]) => unknown) =>
      async (...a: unknown[]) => {
        const at = this.#crashAt?.call === ++this.#calls ? this.#crashAt.when : null;
        if (at === 'before') throw new Crash();
        const result = await method(...a);
        if (at === 'after') throw new Crash();
        return result;
      };
    return Object.fromEntries(Object.entries(methods).map(([key, method]) => [key, wrap(method as () => unknown)])) as T;
  }
}

const node = (source: string | null): SimulatedNode => ({ running: true, safeState: false, readOnly: source !== null, offline: false, source, applies: true });
