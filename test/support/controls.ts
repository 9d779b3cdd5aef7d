/**
 * A scenario language for the negative controls: two or three real servers that share a past, part, and are recovered well or badly; then the command line judges.
 * A control is told once and runs twice: as the disaster, which must not pass, and as its healthy twin, which must.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Connection } from 'mysql2/promise';
import type { CliContext } from '../../console/cli/context.ts';
import { reconcileCommand } from '../../console/cli/reconcile.ts';
import type { ReconcileOptions } from '../../activities/reconcile/run.ts';
import type { ReconcileSummary } from '../../core/bundle.ts';
import type { ConflictClass } from '../../core/plan.ts';
import { DIALECTS } from './controls-dialect.ts';
import type { Dialect, Flavour, Node, Servers } from './controls-dialect.ts';
import { LedgerClient } from './controls-ledger.ts';

/** Statements, run on one connection of the phase's server; or anything else. */
export type Steps = readonly string[] | ((s: Scene) => Promise<void>);

/** The phases in their order. Tables of a control's own live in schema `c`. */
export interface Control {
  name: string;
  nodes?: 3;
  /** on every server, not logged, with `c` as default schema */
  ddl?: readonly string[];
  /** on the old source, before the fork */
  past?: Steps;
  /** how the sides part; default: the new source has everything, stops and forgets its source */
  cut?: Steps;
  /** on the old source, after the fork */
  lost?: Steps;
  /** on the new source, after the fork */
  fresh?: Steps;
  /** on the new source, by whoever recovers: what makes it the disaster, and what makes it right */
  bad?: Steps;
  good?: Steps;
  flags?: (s: Scene) => string[];
  /** of the disaster; its healthy twin passes */
  wanted: 'fail' | 'unknown';
  /** `table key`, or its beginning: rows that the disaster's answer must name. Of an unknown one: what its reason must name. */
  names: readonly string[];
  /** fates of writes in the disaster, by write id */
  fates?: Readonly<Record<string, string>>;
  /** a class of conflict that the disaster must count, and only once */
  conflict?: ConflictClass;
  /** where it is not so yet: what is accepted besides (`unnamed`: the rows are not named), and why. Never a pass of the disaster. */
  today?: { bad?: 'unknown'; good?: 'unknown'; unnamed?: true; why: string };
  /** what is otherwise on MariaDB, or why it does not apply there */
  mariadb?: Partial<Control> | string;
}

export interface Answer {
  code: number;
  verdict: string;
  sentence: string;
  summary: ReconcileSummary;
  /** `table key` of every write and row that is named, and of every difference between nodes */
  named: string[];
  /** of the writes that are named */
  fates: Record<string, string>;
}

const WORKLOAD = ['drill.orders', 'drill.acct', 'drill.journal', 'drillbook_meta.heartbeat'];

export class Stage {
  readonly servers: Servers;
  readonly dialect: Dialect;
  /** killed, or with options of their own: started anew before the next scene */
  private readonly odd = new Set<Node>();

  constructor(servers: Servers, dialect: Dialect) {
    this.servers = servers;
    this.dialect = dialect;
  }

  static async start(nodes: 2 | 3, flavour: Flavour): Promise<Stage> {
    const dialect = DIALECTS[flavour];
    return new Stage(await dialect.start(['old', 'fresh', 'third'].slice(0, nodes)), dialect);
  }

  stop = (): Promise<void> => this.servers.stop();

  /** Plays a control and asks for the answer. */
  async play(control: Control, healthy: boolean): Promise<{ scene: Scene; answer: Answer }> {
    for (const n of this.odd) await n.kill().then(() => n.start());
    this.odd.clear();
    await Promise.all(this.servers.nodes.map((n, i) => reset(n, i + 1, [...(control.ddl ?? []), ...this.dialect.forget])));
    const scene = new Scene(this, control, healthy, this.odd);
    await scene.replicate(scene.fresh, scene.old);
    await scene.run(scene.old, control.past);
    if (control.cut) await scene.run(scene.fresh, control.cut);
    else await scene.cut();
    await scene.run(scene.old, control.lost);
    await scene.run(scene.fresh, control.fresh);
    await scene.run(scene.fresh, healthy ? control.good : control.bad);
    const answer = await scene.reconcile();
    scene.end();
    return { scene, answer };
  }
}

/** As it came from the template: nothing of the scene before, whatever state it left the server in. */
async function reset(node: Node, serverId: number, ddl: readonly string[]): Promise<void> {
  for (const { data } of await node.sql('XA RECOVER')) await node.sql(`XA ROLLBACK '${String(data)}'`);
  await node.sql(
    'STOP REPLICA',
    'RESET REPLICA ALL',
    `SET GLOBAL server_id = ${serverId}`,
    'SET SESSION sql_log_bin = 0',
    'SET SESSION foreign_key_checks = 0',
    ...WORKLOAD.map((t) => `TRUNCATE TABLE ${t}`),
    'DROP DATABASE IF EXISTS c',
    'CREATE DATABASE c',
    'USE c',
    ...ddl,
  );
}

export class Scene {
  readonly servers: Servers;
  readonly dialect: Dialect;
  readonly healthy: boolean;
  readonly client = new LedgerClient();
  readonly old: Node;
  readonly fresh: Node;
  /** what --old and --new name */
  oldLogs: string;
  judged: Node;
  /** a GTID set that a phase keeps for a later one */
  base = '';
  /** an answer that was asked for before the last one */
  before: Answer | null = null;
  private readonly control: Control;
  private readonly odd: Set<Node>;
  private readonly connections: Connection[] = [];

  constructor({ servers, dialect }: Stage, control: Control, healthy: boolean, odd: Set<Node>) {
    this.servers = servers;
    this.dialect = dialect;
    this.odd = odd;
    this.control = control;
    this.healthy = healthy;
    [this.old, this.fresh] = servers.nodes as [Node, Node];
    this.oldLogs = this.old.dataDir;
    this.judged = this.fresh;
  }

  get third(): Node {
    return this.servers.nodes[2]!;
  }

  async run(node: Node, steps: Steps | undefined): Promise<void> {
    if (typeof steps === 'function') await steps(this);
    else if (steps && steps.length > 0) await node.sql(...steps);
  }

  /** A connection that the ledger's client writes through; closed with the scene. */
  async session(node: Node): Promise<Connection> {
    const c = await node.connect();
    this.connections.push(c);
    await c.query(this.dialect.track);
    return c;
  }

  end(): void {
    for (const c of this.connections) c.destroy();
  }

  async kill(node: Node): Promise<void> {
    this.odd.add(node);
    await node.kill();
  }

  async restart(node: Node, ...options: string[]): Promise<void> {
    await this.kill(node);
    await node.start(options);
  }

  async replicate(replica: Node, source: Node): Promise<void> {
    await replica.sql(this.dialect.follow(source), 'START REPLICA');
  }

  async executed(node: Node): Promise<string> {
    return this.dialect.executed(node);
  }

  async caughtUp(replica: Node, source: Node): Promise<void> {
    if (!(await this.dialect.wait(replica, await this.executed(source))))
      throw new Error(`${replica.name} did not catch up: ${JSON.stringify(await replica.sql('SHOW REPLICA STATUS'))}`);
  }

  /** The new source has all that the old one has, and is on its own from here. */
  async cut(): Promise<void> {
    await this.caughtUp(this.fresh, this.old);
    await this.promote();
  }

  async promote(): Promise<void> {
    await this.fresh.sql('STOP REPLICA', 'RESET REPLICA ALL');
  }

  async until(what: string, done: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + 20_000; !(await done()); await new Promise((r) => setTimeout(r, 20)))
      if (Date.now() > deadline) throw new Error(`${what}: not within 20 s`);
  }

  /** What the old source has and the new one has not, by SQL alone. */
  async lostSet(): Promise<string> {
    return this.dialect.lost(this.old, this.fresh);
  }

  /** The old source's transaction of this number. */
  async gtid(n: number): Promise<string> {
    return this.dialect.gtid(this.old, n);
  }

  /** `mysqlbinlog | mysql`: of the lost transactions, or of one GTID, under their own GTIDs. Throws when it fails; under `force` it must fail and go on. */
  async replay(mode: 'plain' | 'force' = 'plain', gtid?: string): Promise<void> {
    const [[binlog = '', ...binlogArgs], [mysql = '', ...mysqlArgs]] = [this.servers.programs.mysqlbinlog, this.servers.programs.mysql];
    const files = logsIn(this.oldLogs, /^binlog\.\d+$/).map((f) => join(this.oldLogs, f));
    const wanted = this.dialect.only(gtid ?? (await this.lostSet()));
    const log = spawnSync(binlog, [...binlogArgs, '--no-defaults', ...wanted, ...files], { maxBuffer: 1 << 28 });
    const force = mode === 'force' ? ['--force'] : [];
    const done = spawnSync(mysql, [...mysqlArgs, '--no-defaults', ...force, '--binary-mode', '-uroot', `--socket=${this.fresh.socket}`], { input: log.stdout });
    const said = done.stderr.toString();
    if (/ERROR/.test(said) !== (mode === 'force')) throw new Error(`the ${mode} replay said: ${said}`);
  }

  /** The old source's logs, as they are now, in a folder of their own; `change` may damage them. That folder is `--old` from here. */
  keepLogs(change: (name: string, bytes: Buffer) => Buffer | null = (_, bytes) => bytes): void {
    const dir = mkdtempSync(join(this.servers.dir, 'logs-'));
    for (const name of logsIn(this.old.dataDir, /^binlog\.\d+$/)) {
      const bytes = change(name, readFileSync(join(this.old.dataDir, name)));
      if (bytes) writeFileSync(join(dir, name), bytes);
    }
    this.oldLogs = dir;
  }

  /** Relay logs of the new source, the same. */
  keepRelayLogs(): void {
    const dir = mkdtempSync(join(this.servers.dir, 'relay-'));
    for (const name of logsIn(this.fresh.dataDir, /^relay\.\d+$/)) copyFileSync(join(this.fresh.dataDir, name), join(dir, name));
    this.oldLogs = dir;
  }

  /** Replaces a server's data and position by those of another one, as a restored backup does. Nothing of it is logged. */
  async rebuild(node: Node, from: Node): Promise<void> {
    const statements: string[] = [];
    for (const table of WORKLOAD) {
      const rows = (await from.sql(`SELECT * FROM ${table}`)).map(
        (r) =>
          `(${Object.values(r)
            .map((v) => `'${String(v)}'`)
            .join(', ')})`,
      );
      statements.push(`DELETE FROM ${table}`, ...(rows.length > 0 ? [`INSERT INTO ${table} VALUES ${rows.join(', ')}`] : []));
    }
    await node.sql('SET SESSION sql_log_bin = 0', ...statements, ...this.dialect.copied(await this.executed(from)));
  }

  /** Runs `drillbook reconcile` as a person does; and again as if not one row fitted into memory: the same answer, to the byte. */
  async reconcile(): Promise<Answer> {
    const args = ['--old', this.oldLogs, '--new', this.judged.socket, '--json', ...(this.control.flags?.(this) ?? [])];
    if (this.client.used) args.push('--ledger', await this.client.save(join(this.servers.dir, 'ledger.jsonl')));
    const whole = await this.command(args, 'whole');
    const parts = await this.command(args, 'parts', { rowsMax: 0, charactersMax: 0, parts: 3 });
    expect(parts).toEqual(whole);
    return answerOf(whole.code, JSON.parse(whole.out) as Printed);
  }

  private async command(args: readonly string[], name: string, memory?: ReconcileOptions['memory']): Promise<{ code: number; out: string; files: string[] }> {
    const [stdout, stderr] = [new PassThrough({ highWaterMark: 1 << 30 }), new PassThrough({ highWaterMark: 1 << 30 })];
    let code = -1;
    const ctx = {
      cwd: this.servers.dir,
      root: '/',
      cacheDir: '',
      env: { LANG: 'C.UTF-8' },
      stdout,
      stderr,
      colour: false,
      exit: (c: number) => (code = c),
    } as unknown as CliContext;
    const [dir, plan] = [join(this.servers.dir, name), join(this.servers.dir, `${name}.sql`)];
    await reconcileCommand(ctx, memory)
      .exitOverride()
      .parseAsync([...args, '--out', dir, '--plan', plan], { from: 'user' });
    const files = [...['reconcile.json', 'lost.jsonl', 'fates.jsonl'].map((f) => join(dir, f)), plan];
    // but for times and its own path
    const texts = files.map((f) => readFileSync(f, 'utf8').replace(/^-- made .* by/m, '-- made by'));
    return {
      code,
      out: String(stdout.read())
        .replaceAll(plan, '')
        .replaceAll(/"\w+Ns": .*/g, ''),
      files: texts,
    };
  }
}

const logsIn = (dir: string, name: RegExp): string[] =>
  readdirSync(dir)
    .filter((f) => name.test(f))
    .sort();

interface Named {
  table: string;
  key: string;
}
interface Printed {
  verdict: string;
  sentence: string;
  summary: ReconcileSummary;
  writes: (Named & { w: string; fate: string })[];
  rows: Named[];
  convergence?: { differences: Named[] };
}

function answerOf(code: number, p: Printed): Answer {
  const named = [...p.writes, ...p.rows, ...(p.convergence?.differences ?? [])].map((n) => `${n.table} ${n.key}`);
  return { code, verdict: p.verdict, sentence: p.sentence, summary: p.summary, named, fates: Object.fromEntries(p.writes.map((w) => [w.w, w.fate])) };
}
