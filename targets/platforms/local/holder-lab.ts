/** What the holder holds, and the commands on it. */
import { DrillError } from '../../../core/errors.ts';
import type { EffectInterval } from '../../../core/time.ts';
import type { Pair, PlatformFacts } from '../../port.ts';
import { replicateFrom } from '../../systems/mysql/replication.ts';
import { withAdmin } from '../../systems/mysql/sql.ts';
import { ensureTemplate } from '../../systems/mysql/template.ts';
import { Clients } from './clients.ts';
import { instant } from './clock.ts';
import { CLIENT, placeOf, PORT, SERVICE_ADDRESS } from './layout.ts';
import type { HolderConfig, Place } from './layout.ts';
import { Network } from './network.ts';
import { Node } from './nodes.ts';
import { Probes } from './probes.ts';

/** What commands take; each reads its own. connect.ts gives every command its type. */
interface Arguments {
  node: string;
  what: 'process' | 'node';
  pairs: Pair[];
  to: 'lost' | 'ok';
  leaseMs: number;
  ms: number;
  name: string;
  argv: string[];
  env: Record<string, string>;
  logFile: string;
  graceMs: number;
}

export class Lab {
  readonly #config: HolderConfig;
  readonly #end: () => void;
  readonly #network: Network;
  readonly #nodes: Node[];
  readonly #clients: Clients;
  readonly #probes: Probes;
  readonly #holders = new Set<string>();
  #lease: NodeJS.Timeout | undefined;

  constructor(config: HolderConfig, end: () => void) {
    this.#config = config;
    this.#end = end;
    const places: Place[] = Array.from({ length: config.nodes }, (_, i) => placeOf(i));
    const everywhere = [...places, CLIENT];
    this.#network = new Network(config.tools, everywhere);
    this.#probes = new Probes({ node: config.tools.node, at: (place) => this.#network.at(place), places: everywhere, workDir: config.workDir });
    this.#nodes = places.map((p, i) => new Node(config, this.#network, p, i + 1));
    this.#clients = new Clients(this.#network.at(CLIENT.name));
  }

  async build(progress: (text: string) => void): Promise<void> {
    const { tools, cacheDir, dir } = this.#config;
    const network = this.#network.build();
    const template = await ensureTemplate({ tools, cacheDir, socketDir: dir, progress });
    progress(`starting ${this.#nodes.length} mysqld`);
    const start = async (node: Node): Promise<void> => {
      await Promise.all([node.prepare(template), network]);
      await node.start();
    };
    await Promise.all(this.#nodes.map(start));
    progress('starting replication');
    await this.#replicate();
    await this.#giveService(this.#first.name);
  }

  /** Called when the lab is ready: its life counts from now, and the probes' processes start while nothing waits for them. */
  opened(): void {
    if (this.#config.ttlMs !== null) this.#keepAlive(this.#config.ttlMs);
    this.#probes.start([...this.#nodes.map((n) => n.name), CLIENT.name]).catch(() => {});
  }

  /** The first node is the source, the others replicate from it; proven by a first row that arrives everywhere. */
  async #replicate(): Promise<void> {
    const source = this.#first.facts();
    const replicas = this.#nodes.slice(1);
    await Promise.all(replicas.map((n) => withAdmin(n.name, n.paths.socket, (sql) => replicateFrom(n.name, sql, source, 20_000))));
    const gtids = await withAdmin(this.#first.name, this.#first.paths.socket, async (sql) => {
      await sql.rows('INSERT INTO drillbook_meta.heartbeat (server_uuid, at_ns) VALUES (@@server_uuid, ?)', [instant().monoNs]);
      return (await sql.one<{ g: string }>('SELECT @@gtid_executed AS g')).g;
    });
    await Promise.all(
      replicas.map((n) =>
        withAdmin(n.name, n.paths.socket, async (sql) => {
          const { rc } = await sql.one<{ rc: number }>('SELECT WAIT_FOR_EXECUTED_GTID_SET(?, 10) AS rc', [gtids], 15_000);
          if (rc !== 0) throw new DrillError('DRILL_REPLICATION_NOT_RUNNING', `the first row did not reach ${n.name} within 10 s`);
        }),
      ),
    );
  }

  async handle(command: string, args: unknown): Promise<unknown> {
    const a = args as Arguments;
    switch (command) {
      case 'facts':
        return this.#facts();
      case 'now':
        return instant();
      case 'start':
        return this.#start(a.node);
      case 'stop':
        return this.#node(a.node).stop();
      case 'lift':
        this.#node(a.node).safeState = false;
        return null;
      case 'kill':
        return this.#kill(a.node, a.what);
      case 'move-service':
        return this.#moveService(a.node);
      case 'cut':
        return this.#network.cut(a.pairs, a.leaseMs);
      case 'renew':
        return this.#network.renew(a.pairs, a.leaseMs);
      case 'heal':
        return this.#network.heal(a.pairs);
      case 'watch':
        return this.#probes.watch(a.pairs);
      case 'transitions':
        return this.#probes.transitions(a.pairs, a.to);
      case 'cut-state':
        return this.#network.cutState();
      case 'spawn':
        return this.#clients.start(a.name, a.argv, a.env, a.logFile);
      case 'end':
        return this.#clients.end(a.name, a.graceMs);
      case 'processes':
        return this.#clients.list();
      case 'keep-alive':
        return this.#keepAlive(a.ms);
      case 'shut-down':
        setTimeout(this.#end, 20);
        return null;
      default:
        throw new DrillError('DRILL_LAB_FAULT', `the holder knows no command "${command}"`);
    }
  }

  #facts(): PlatformFacts {
    return {
      id: `local:${this.#config.dir}`,
      nodes: this.#nodes.map((n) => n.facts()),
      service: { address: SERVICE_ADDRESS, port: PORT, holders: [...this.#holders] },
      workDir: this.#config.workDir,
    };
  }

  /** A node in its safe state never has the service address. */
  async #start(name: string): Promise<void> {
    const node = this.#node(name);
    if (node.safeState && !node.running) await this.#dropService(name);
    await node.start();
  }

  /** A node that holds the service address when it is killed is a killed source: it comes back only in its safe state, until that is lifted. */
  async #kill(name: string, what: 'process' | 'node'): Promise<EffectInterval> {
    const node = this.#node(name);
    if (this.#holders.has(name)) node.safeState = true;
    const effect = await node.kill();
    if (what === 'node') {
      await node.disconnect();
      this.#holders.delete(name);
    }
    return effect;
  }

  async #moveService(to: string): Promise<EffectInterval> {
    this.#node(to);
    const before = instant();
    await this.#giveService(to);
    return this.#probes.untilServiceIs(to, before);
  }

  /** As a VIP manager does it: taken from every holder that the new one can reach; one that is cut off from it keeps its copy. */
  async #giveService(to: string): Promise<void> {
    const { live } = await this.#network.cutState();
    const cutOff = (from: string): boolean => live.some(({ pair: [a, b] }) => (a === from && b === to) || (a === to && b === from));
    for (const old of this.#holders) if (old !== to && !cutOff(old)) await this.#dropService(old);
    await this.#network.addService(to);
    this.#holders.add(to);
    void this.#network.announceService(to).catch(() => {});
  }

  async #dropService(name: string): Promise<void> {
    if (!this.#holders.has(name)) return;
    await this.#network.removeService(name);
    this.#holders.delete(name);
  }

  #keepAlive(ms: number): void {
    if (this.#config.ttlMs === null) return;
    clearTimeout(this.#lease);
    this.#lease = setTimeout(this.#end, ms);
  }

  get #first(): Node {
    return this.#nodes[0]!;
  }

  #node(name: string): Node {
    const node = this.#nodes.find((n) => n.name === name);
    if (node === undefined) throw new DrillError('DRILL_NO_SUCH_NODE', `${name} is not in this lab`, `it has: ${this.#nodes.map((n) => n.name).join(', ')}`);
    return node;
  }
}
