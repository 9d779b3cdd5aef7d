/** The passes of a proof while writers may run: what differs is read again until it is settled, or real twice. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDrillError } from '../../core/errors.ts';
import { GtidSet } from '../../core/gtid.ts';
import { KeyList } from '../../targets/systems/mysql/compare/keys.ts';
import type { Keys } from '../../targets/systems/mysql/compare/keys.ts';
import { keyText } from '../../targets/systems/mysql/compare/plan.ts';
import type { ComparePlan } from '../../targets/systems/mysql/compare/plan.ts';
import type { Base } from './converge-base.ts';
import { openLocked } from './converge-locked.ts';
import { closeSnapshots, common, openSnapshots, positions, reopen, stoodStill } from './converge-nodes.ts';
import type { ProofNode } from './converge-nodes.ts';
import { gtidExecuted } from '../../targets/systems/mysql/dsn.ts';
import { readTable } from './converge-read.ts';
import type { Group, Method, TableRead } from './converge-read.ts';
import { settle } from './converge-settle.ts';
import { TouchedKeys } from './converge-touched.ts';
import { readWindow } from './converge-window.ts';
import type { TableWindow } from './converge-window.ts';

export interface PassOptions {
  method: Method;
  /** how long rows that are being written may take to be settled */
  settleMs: number;
  /** how long writers may be made to wait for tables that no log can tell of; 0: not at all */
  lockMsMax: number;
  /** a former proof: of what it read, only what was touched since is read */
  base: Base | null;
  /** once, in the first pass's snapshots */
  inSnapshots?: () => Promise<void>;
  progress: (text: string) => void;
}

export interface Proof {
  /** the first reading of each table, or the locked one */
  reads: Map<string, TableRead>;
  real: { table: string; group: Group }[];
  /** how many rows differ; with `atLeast`, there are more */
  count: number;
  atLeast: boolean;
  untold: string[];
  /** words for who reads the result */
  notes: string[];
  /** what all nodes had executed before the first pass; null: there was none */
  from: GtidSet | null;
  /** positions at the end of the last pass */
  after: string[];
}

const PAUSE_MS = 100;
const PAUSE_MS_MAX = 1_000;

/** What is still to be read of a table: the rows of these keys (keyText); null: all. */
type Pending = Map<ComparePlan, readonly string[] | null>;

export async function provePlans(nodes: readonly ProofNode[], plans: readonly ComparePlan[], opts: PassOptions): Promise<Proof> {
  const passes = new Passes(nodes, opts);
  let pending: Pending = new Map(plans.map((p) => [p, null]));
  const deadline = performance.now() + opts.settleMs;
  for (let pass = 1; pending.size > 0; pass++) {
    pending = await passes.pass(pending, pass, performance.now() > deadline);
    if (passes.proof.real.length > 0 || passes.proof.atLeast) break;
    if (pending.size > 0) await sleep(Math.min(PAUSE_MS_MAX, PAUSE_MS * pass));
  }
  await passes.lockedPass();
  return passes.proof;
}

class Passes {
  readonly proof: Proof = { reads: new Map(), real: [], count: 0, atLeast: false, untold: [], notes: [], from: null, after: [] };
  private readonly nodes: readonly ProofNode[];
  private readonly opts: PassOptions;
  /** seen as real once: a second time counts */
  private suspects = new Set<string>();
  /** to be compared under a lock, and why */
  private readonly locked = new Map<ComparePlan, string>();

  constructor(nodes: readonly ProofNode[], opts: PassOptions) {
    this.nodes = nodes;
    this.opts = opts;
  }

  /** Gives what must be read again. `last`: nothing is. */
  async pass(pending: Pending, pass: number, last: boolean): Promise<Pending> {
    const { nodes, opts, proof } = this;
    const before = await openSnapshots(nodes);
    proof.from ??= common(before);
    const base = pass === 1 && opts.base && (await this.sound(opts.base, before)) ? opts.base : null;
    const reads = base ? await this.readSince(base, [...pending.keys()]) : await this.readPending(pending);
    if (pass === 1) for (const read of reads) proof.reads.set(read.plan.info.name, read);
    if (pass === 1) await opts.inSnapshots?.();
    await closeSnapshots(nodes);
    proof.after = await positions(nodes);
    opts.progress(
      `rows on ${nodes.length} nodes: ${nodes.map((_, i) => reads.reduce((sum, r) => sum + r.raw.rows[i]!, 0)).join(', ')}${pass > 1 ? ' read again' : ''}`,
    );
    if (stoodStill(before, proof.after)) {
      for (const read of reads) this.allReal(read);
      return new Map();
    }
    return this.judge(reads, await this.window(reads), last);
  }

  private async readPending(pending: Pending): Promise<TableRead[]> {
    const reads: TableRead[] = [];
    for (const [plan, keys] of pending) {
      const read = await this.read(plan, keys && new KeyList(keys));
      if (read) reads.push(read);
    }
    return reads;
  }

  /** Of the tables of a former proof what was touched since, while the log that tells of it is read; all of a table where it cannot be told. */
  private async readSince(base: Base, plans: readonly ComparePlan[]): Promise<TableRead[]> {
    const touched = new TouchedKeys(this.nodes[0]!.dsn, base.from, plans);
    const reads = new Map<ComparePlan, TableRead>();
    try {
      for (let left = plans; left.length > 0;) {
        const plan = await touched.first(left);
        left = left.filter((p) => p !== plan);
        const read = await this.read(plan, base.tables.has(plan.info.name) ? touched.of(plan) : null);
        if (read) reads.set(plan, read);
      }
    } finally {
      await touched.stop();
    }
    // in the order of the plans, whichever was there first: digests are made of it
    const inOrder = plans.flatMap((p) => reads.get(p) ?? []);
    for (const { plan, keys } of inOrder)
      if (keys !== null) this.proof.notes.push(`${plan.info.name}: the ${keys} keys that were written since the former proof`);
    return inOrder.filter((r) => r.keys !== 0);
  }

  /** null: it could not be read, as under DDL that came between its snapshot and its reading. */
  private async read(plan: ComparePlan, keys: Keys | null): Promise<TableRead | null> {
    try {
      return await readTable(this.nodes, plan, keys, this.opts.method);
    } catch (e) {
      if (!isDrillError(e) || e.code !== 'DRILL_ROWS_UNREADABLE') throw e;
      this.locked.set(plan, `could not be read: ${e.message}`);
      await reopen(this.nodes);
      return null;
    }
  }

  private allReal({ plan, raw, groups, more }: TableRead): void {
    const { proof } = this;
    for (const group of groups) proof.real.push({ table: plan.info.name, group });
    proof.count += Math.max(raw.more ? raw.count : 0, groups.length, more ? raw.count : 0);
    proof.atLeast ||= raw.more;
  }

  private judge(reads: readonly TableRead[], windows: ReadonlyMap<string, TableWindow> | string, last: boolean): Pending {
    const again: Pending = new Map();
    const suspects = new Set<string>();
    for (const read of reads) {
      const { plan, groups, more } = read;
      const { name } = plan.info;
      const window = typeof windows === 'string' ? null : windows.get(name)!;
      const untold = typeof windows === 'string' ? `cannot be told: ${windows}` : untoldOf(plan, windows.get(name)!);
      if (untold !== null) {
        this.locked.set(plan, untold);
        continue;
      }
      if (!plan.key) {
        this.allReal(read);
        continue;
      }
      const keys: string[] = [];
      for (const group of groups) {
        const touches = [...group.ids].flatMap((id) => window!.touched.get(id) ?? []);
        const settled = settle(group.rows, touches);
        if (settled === 'settled') continue;
        const id = `${name}\0${group.same}`;
        if (settled === 'real' && this.suspects.has(id)) this.real(name, group);
        else keys.push(...spellings(group));
        if (settled === 'real') suspects.add(id);
      }
      if (more) again.set(plan, null);
      else if (keys.length > 0) again.set(plan, keys);
    }
    this.suspects = suspects;
    if (!last) return again;
    for (const [plan, keys] of again)
      this.proof.untold.push(`${keys ? `${keys.length} rows` : 'rows'} of ${plan.info.name} were being written and could not be settled`);
    return new Map();
  }

  private real(table: string, group: Group): void {
    this.proof.real.push({ table, group });
    this.proof.count++;
  }

  /** What the source's log says since the first pass began; words where it cannot be read. */
  private async window(reads: readonly TableRead[]): Promise<Map<string, TableWindow> | string> {
    const wanted = new Map(reads.map((r) => [r.plan.info.name, new Set(r.groups.flatMap((g) => [...g.ids]))]));
    const plans = reads.map((r) => r.plan);
    try {
      return await readWindow(this.nodes[0]!.dsn, this.proof.from!, plans, wanted);
    } catch (e) {
      if (isDrillError(e)) return e.message;
      throw e;
    }
  }

  /** false: a node has lost what the proof had, or a replica has transactions of its own: all is to be read. */
  private async sound(base: Base, before: readonly string[]): Promise<boolean> {
    const source = GtidSet.parse(await gtidExecuted(this.nodes[0]!.admin));
    return before.every((b) => GtidSet.parse(b).contains(base.from) && source.contains(GtidSet.parse(b)));
  }

  async lockedPass(): Promise<void> {
    const { nodes, opts, proof, locked } = this;
    if (locked.size === 0 || proof.real.length > 0) return;
    const plans = [...locked.keys()];
    const names = plans.map((p) => p.info.name);
    const lockedMs = opts.lockMsMax > 0 ? await openLocked(nodes, names, opts.lockMsMax) : null;
    if (lockedMs === null) {
      const why = opts.lockMsMax > 0 ? `, and could not be locked on all nodes within ${opts.lockMsMax} ms` : '';
      for (const [plan, untold] of locked) proof.untold.push(`${plan.info.name} ${untold}${why}`);
      return;
    }
    proof.notes.push(`${names.join(', ')}: locked for ${Math.ceil(lockedMs)} ms`);
    let held = true;
    for (const plan of plans) {
      const read: TableRead | null = held ? await this.read(plan, null) : null;
      // snapshots that had to be opened again are not those of the lock
      held = read !== null;
      if (read === null) {
        proof.untold.push(`${plan.info.name} ${locked.get(plan)!}`);
        continue;
      }
      proof.reads.set(plan.info.name, read);
      this.allReal(read);
    }
    await closeSnapshots(nodes);
    proof.after = await positions(nodes);
  }
}

const untoldOf = (plan: ComparePlan, window: TableWindow): string | null =>
  window.untold ?? (!plan.key && window.changed ? 'has no key and was written while it was read' : null);

/** Every spelling of a group's key. */
const spellings = (group: Group): string[] => [...group.ids].map((id) => keyText(JSON.parse(id) as string[]));
