/** The lab's mysqlds: direct children of the holder, so that they are reaped (an unreaped one blocks its own restart) and end with it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { DrillError } from '../../../core/errors.ts';
import type { EffectInterval } from '../../../core/time.ts';
import type { NodeFacts } from '../../port.ts';
import { consoleLogOf, dataDirOf, optionFileOf, optionFileText, serverArgs, tmpDirOf } from '../../systems/mysql/server.ts';
import type { ServerPaths } from '../../systems/mysql/server.ts';
import { answering } from '../../systems/mysql/template.ts';
import { instant } from './clock.ts';
import { PORT, serverPathsOf } from './layout.ts';
import type { HolderConfig, Place } from './layout.ts';
import type { Network } from './network.ts';
import { runOk } from './run.ts';

const STOP_MS_MAX = 20_000;

export class Node {
  readonly name: string;
  readonly paths: ServerPaths;
  readonly #config: HolderConfig;
  readonly #network: Network;
  readonly #place: Place;
  readonly #serverId: number;
  #child: ChildProcess | null = null;
  #starting: Promise<void> | null = null;
  #connected = true;
  safeState = false;

  constructor(config: HolderConfig, network: Network, place: Place, serverId: number) {
    this.name = place.name;
    this.#config = config;
    this.#network = network;
    this.#place = place;
    this.#serverId = serverId;
    this.paths = serverPathsOf(config.dir, place.name);
  }

  get running(): boolean {
    return this.#child !== null;
  }

  facts(): NodeFacts {
    return {
      name: this.name,
      address: this.#place.address,
      port: PORT,
      dataDir: dataDirOf(this.paths),
      socket: this.paths.socket,
      optionFile: optionFileOf(this.paths),
      running: this.running,
      safeState: this.safeState,
    };
  }

  /** Own folder, option file, and a copy of the template; holes stay holes (97 MB take 26). */
  async prepare(template: string): Promise<void> {
    await mkdir(tmpDirOf(this.paths), { recursive: true });
    const { tools } = this.#config;
    await writeFile(optionFileOf(this.paths), optionFileText(this.paths, { serverId: this.#serverId, port: PORT, basedir: tools.mysqlBasedir }));
    await runOk(['cp', '-rT', '--sparse=always', template, dataDirOf(this.paths)], { timeoutMs: 60_000 });
  }

  /** Resolves when it answers. A second call while it starts waits for the same start. */
  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = null;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    if (!this.#connected) {
      await this.#network.connect(this.name);
      this.#connected = true;
    }
    // One that runs already may be about to end (a server that was just cloned shuts down for seconds): then it is started again.
    const old = this.#child;
    if (old !== null) {
      const answered = await answering(this.paths, old).then(
        () => true,
        (e: unknown) => {
          if (old.exitCode === null && old.signalCode === null) throw e;
          return false;
        },
      );
      if (answered) return;
    }
    await rm(`${this.paths.socket}.lock`, { force: true });
    await rm(this.paths.socket, { force: true });
    await answering(this.paths, this.#launch());
  }

  #launch(): ChildProcess {
    const log = openSync(consoleLogOf(this.paths), 'a');
    const argv = [...this.#network.at(this.name), this.#config.tools.mysqld, ...serverArgs(this.paths, this.safeState)];
    const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    const ended = (): void => {
      if (this.#child === child) this.#child = null;
    };
    child.on('exit', ended).on('error', ended);
    return child;
  }

  /** Orderly, then by force: a node that does not stop in time is killed, and that is an error. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    await gone;
    clearTimeout(late);
    if (child.signalCode === 'SIGKILL')
      throw new DrillError('DRILL_NODE_STOP', `${this.name} did not stop within ${STOP_MS_MAX} ms and was killed`, 'its error log says what it waited for');
  }

  /** SIGKILL. The interval is from before the signal to the exit as its parent sees it. */
  async kill(): Promise<EffectInterval> {
    const absent = instant();
    const child = this.#child;
    if (child !== null) {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    return { absent, present: instant(), probe: `exit of ${this.name}'s mysqld as seen by its parent` };
  }

  async disconnect(): Promise<void> {
    await this.#network.disconnect(this.name);
    this.#connected = false;
  }
}
