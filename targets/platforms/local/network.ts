/**
 * The lab's network. The holder's own namespace holds the bridge; every node and the client have a namespace with one veth pair.
 * Cuts are made at one place, the bridge, per directed pair of ports: what a node sends, from whatever address, does not come out at
 * the other's port (ARP included, so a node that is cut off cannot answer for the service address).
 */
import { DrillError } from '../../../core/errors.ts';
import type { Pair, CutState } from '../../port.ts';
import type { Tools } from '../../tools.ts';
import { portOf, SERVICE_ADDRESS } from './layout.ts';
import type { Place } from './layout.ts';
import { run, runOk } from './run.ts';

/** A timeout element disappears by itself: the lease is kept by the kernel, whoever is dead. */
const CUT_TABLE = `table bridge cut {
  set pairs { type ifname . ifname; flags timeout; }
  chain c_fwd { type filter hook forward priority 0; policy accept;
    iifname . oifname @pairs counter drop
  }
}
`;

export class Network {
  readonly #tools: Tools;
  readonly #places: readonly Place[];

  constructor(tools: Tools, places: readonly Place[]) {
    this.#tools = tools;
    this.#places = places;
  }

  /** Prefix that runs a command at a place. nsenter execs, so the process that was spawned is the command itself. */
  at(place: string): string[] {
    return [this.#tools.nsenter, `--net=/run/netns/${place}`];
  }

  async build(): Promise<void> {
    await runOk(['mount', '-t', 'tmpfs', 'tmpfs', '/run']);
    const lines = ['link add br0 type bridge', 'link set br0 up', 'link set lo up'];
    for (const p of this.#places) {
      lines.push(
        `netns add ${p.name}`,
        `link add ${portOf(p.name)} type veth peer name eth0 address ${p.mac} netns ${p.name}`,
        `link set ${portOf(p.name)} master br0 up`,
      );
    }
    await this.#batch(lines);
    await Promise.all([runOk([this.#tools.nft, '-f', '-'], { input: CUT_TABLE }), ...this.#places.map((p) => this.connect(p.name))]);
  }

  /**
   * Link up, own address, and its peers' hardware addresses. These are static because the kernel's retry of an unanswered ARP
   * request (1 s) would otherwise blur the instant of a heal; the service address, which moves, is learnt as in life.
   */
  async connect(name: string): Promise<void> {
    const own = this.#place(name);
    const lines = ['link set lo up', 'link set eth0 up', `addr replace ${own.address}/24 dev eth0`];
    for (const p of this.#places) if (p.name !== name) lines.push(`neigh replace ${p.address} lladdr ${p.mac} dev eth0 nud permanent`);
    await this.#batch(lines, name);
  }

  /** Link down, every address gone. */
  async disconnect(name: string): Promise<void> {
    await this.#batch(['link set eth0 down', 'addr flush dev eth0'], name);
  }

  async addService(name: string): Promise<void> {
    await this.#batch([`addr replace ${SERVICE_ADDRESS}/32 dev eth0`], name);
  }

  async removeService(name: string): Promise<void> {
    const r = await run([this.#tools.ip, '-n', name, 'addr', 'del', `${SERVICE_ADDRESS}/32`, 'dev', 'eth0']);
    if (r.code !== 0 && !/Cannot assign requested address|Address not found/.test(r.stderr))
      throw new DrillError('DRILL_COMMAND_FAILED', `ip addr del on ${name}: ${r.stderr.trim()}`);
  }

  /** Gratuitous ARP. Without it a busy client keeps sending to the old holder for more than 11 s. */
  async announceService(name: string): Promise<void> {
    await run([...this.at(name), this.#tools.arping, '-U', '-c', '2', '-w', '2', '-I', 'eth0', SERVICE_ADDRESS], { timeoutMs: 5_000 });
  }

  async cut(pairs: readonly Pair[], leaseMs: number): Promise<void> {
    const r = await this.#nft(`create element bridge cut pairs { ${this.#elements(pairs, leaseMs)} }\n`);
    if (r.code === 0) return;
    if (/File exists/.test(r.stderr)) throw new DrillError('DRILL_ALREADY_CUT', `one of ${said(pairs)} is cut already`, 'renew or heal that cut first');
    throw new DrillError('DRILL_CUT_FAILED', `nft refused the cut of ${said(pairs)}: ${r.stderr.trim()}`);
  }

  /** One transaction: delete fails for an element that lapsed, and then nothing is added. (Adding a live element again renews nothing.) */
  async renew(pairs: readonly Pair[], leaseMs: number): Promise<void> {
    const r = await this.#nft(
      `delete element bridge cut pairs { ${this.#elements(pairs)} }\nadd element bridge cut pairs { ${this.#elements(pairs, leaseMs)} }\n`,
    );
    if (r.code === 0) return;
    if (/No such file or directory/.test(r.stderr))
      throw new DrillError(
        'DRILL_LEASE_LAPSED',
        `the lease of ${said(pairs)} has run out; the network has healed`,
        'the drill is unknown from here; start it again',
      );
    throw new DrillError('DRILL_CUT_FAILED', `nft refused to renew ${said(pairs)}: ${r.stderr.trim()}`);
  }

  /** Adding first makes the deletion of what is not there succeed; both are one transaction, so no packet sees the addition. */
  async heal(pairs: readonly Pair[]): Promise<void> {
    const r = await this.#nft(`add element bridge cut pairs { ${this.#elements(pairs)} }\ndelete element bridge cut pairs { ${this.#elements(pairs)} }\n`);
    if (r.code !== 0)
      throw new DrillError('DRILL_CUT_FAILED', `nft refused to heal ${said(pairs)}: ${r.stderr.trim()}`, 'stop the lab: that removes everything');
  }

  async cutState(): Promise<CutState> {
    const text = await runOk([this.#tools.nft, 'list', 'table', 'bridge', 'cut']);
    return parseCut(text);
  }

  #elements(pairs: readonly Pair[], leaseMs?: number): string {
    const lease = leaseMs === undefined ? '' : ` timeout ${Math.round(leaseMs)}ms`;
    return pairs.map(([from, to]) => `"${portOf(this.#place(from).name)}" . "${portOf(this.#place(to).name)}"${lease}`).join(', ');
  }

  #place(name: string): Place {
    const place = this.#places.find((p) => p.name === name);
    if (place === undefined) throw new DrillError('DRILL_NO_SUCH_NODE', `${name} is not in this lab`, `it has: ${this.#places.map((p) => p.name).join(', ')}`);
    return place;
  }

  #nft(input: string): ReturnType<typeof run> {
    return run([this.#tools.nft, '-f', '-'], { input });
  }

  async #batch(lines: readonly string[], place?: string): Promise<void> {
    await runOk([this.#tools.ip, ...(place === undefined ? [] : ['-n', place]), '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }
}

const said = (pairs: readonly Pair[]): string => pairs.map(([a, b]) => `${a}→${b}`).join(', ');

/** Reads nft's own listing: `"p-db1" . "p-db2" timeout 30s expires 29s996ms`. */
export function parseCut(text: string): CutState {
  const live: CutState['live'] = [];
  for (const m of text.matchAll(/"p-([^"]+)" \. "p-([^"]+)"[^,}]*? expires ([0-9a-z]+)/g)) {
    live.push({ pair: [m[1] ?? '', m[2] ?? ''], expiresInMs: nftMs(m[3] ?? '') });
  }
  return { live, dropped: Number(/counter packets (\d+)/.exec(text)?.[1] ?? 0) };
}

/** nft's durations: 1d2h3m4s5ms, each part optional. */
function nftMs(text: string): number {
  const unit: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
  let total = 0;
  for (const m of text.matchAll(/(\d+)(ms|d|h|m|s)/g)) total += Number(m[1]) * (unit[m[2] ?? ''] ?? 0);
  return total;
}
