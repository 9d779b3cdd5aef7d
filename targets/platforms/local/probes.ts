/** The lab's active probes: one agent process per watched place, one judge per watched direction, every transition written down. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrillError } from '../../../core/errors.ts';
import type { EffectInterval, Instant } from '../../../core/time.ts';
import { entry } from '../../../setup/entry.mjs';
import type { Pair } from '../../port.ts';
import { instant } from './clock.ts';
import { Judge } from './judge.ts';
import type { Transition } from './judge.ts';
import { CLIENT, SERVICE_ADDRESS } from './layout.ts';
import type { Place } from './layout.ts';

/** holder → agent */
export interface AgentOrder {
  watch?: { id: number; to: string };
  /** ask who answers at an address; null: stop asking */
  who?: string | null;
}
/** agent → holder */
export interface AgentReport {
  /** [pair, sequence, ns] */
  sent: [number, number, number][];
  /** [pair, sequence] */
  got: [number, number][];
  /** everything that arrived before this ns has been read */
  alive: number;
  /** [sequence, asked ns, answered ns, name] */
  who: [number, number, number, string][];
}

const START_MS_MAX = 10_000;
const WHO_MS_MAX = 5_000;

interface Agent {
  child: ChildProcess;
  reports: number;
  answers: AgentReport['who'];
}
interface Watched {
  pair: Pair;
  judge: Judge;
}

export class Probes {
  readonly #node: string;
  readonly #at: (place: string) => string[];
  readonly #places: readonly Place[];
  readonly #file: string;
  readonly #agents = new Map<string, Agent>();
  readonly #watched: Watched[] = [];

  constructor(o: { node: string; at: (place: string) => string[]; places: readonly Place[]; workDir: string }) {
    this.#node = o.node;
    this.#at = o.at;
    this.#places = o.places;
    this.#file = join(o.workDir, 'probes.jsonl');
  }

  /** Resolves when every pair is watched and its agents report. */
  async watch(pairs: readonly Pair[]): Promise<void> {
    await this.start(pairs.flat());
    for (const pair of pairs) {
      if (this.#find(pair) !== undefined) continue;
      const id = this.#watched.length;
      this.#watched.push({ pair, judge: new Judge((t) => this.#record(pair, t)) });
      this.#order(pair[0], { watch: { id, to: this.#place(pair[1]).address } });
    }
  }

  /** Agents take 0.1 to 0.3 s to start; started ahead they cost the drill nothing. */
  async start(places: readonly string[]): Promise<void> {
    await Promise.all([...new Set(places)].map((p) => this.#agent(this.#place(p).name)));
  }

  /** Throws DRILL_PROBE_DEAD rather than answer from an agent that has ended: what nobody watches is unknown. */
  transitions(pairs: readonly Pair[], to: 'lost' | 'ok'): (EffectInterval | null)[] {
    return pairs.map((pair) => {
      for (const place of pair) this.#running(place);
      const watched = this.#find(pair);
      if (watched === undefined) throw new DrillError('DRILL_NOT_WATCHED', `${pair.join('→')} is not watched`, 'watch it before the fault');
      const t = watched.judge.last(to);
      return t === null ? null : interval(pair, t);
    });
  }

  /** Asks from the client's place until `name` answers at the service address. The interval lies between the last question that it did not answer and its first answer. */
  async untilServiceIs(name: string, since: Instant): Promise<EffectInterval> {
    await this.start([CLIENT.name, name]);
    const agent = this.#running(CLIENT.name);
    agent.answers = [];
    this.#order(CLIENT.name, { who: SERVICE_ADDRESS });
    try {
      const deadline = Date.now() + WHO_MS_MAX;
      for (;;) {
        const answers = this.#running(CLIENT.name).answers;
        const first = answers.findIndex(([, , , who]) => who === name);
        const hit = answers[first];
        if (hit !== undefined) {
          const before = answers[first - 1]?.[1] ?? 0;
          const absent = before > Number(since.monoNs) ? at(before) : since;
          return { absent, present: at(hit[2]), probe: `who answers at ${SERVICE_ADDRESS}, asked from the client's place every 10 ms` };
        }
        if (Date.now() > deadline)
          throw new DrillError(
            'DRILL_SERVICE_NOT_SEEN',
            `${name} has the service address, but for ${WHO_MS_MAX} ms did not answer there to the client`,
            'is it cut off from the client?',
          );
        await sleep(10);
      }
    } finally {
      if (this.#agents.has(CLIENT.name)) this.#order(CLIENT.name, { who: null });
    }
  }

  async #agent(place: string): Promise<Agent> {
    const agent = this.#agents.get(place) ?? this.#launch(place);
    const deadline = Date.now() + START_MS_MAX;
    while (agent.reports === 0) {
      this.#running(place);
      if (Date.now() > deadline)
        throw new DrillError('DRILL_PROBE_DEAD', `the probe in ${place} said nothing within ${START_MS_MAX} ms`, 'holder.log may say why');
      await sleep(5);
    }
    return agent;
  }

  #launch(place: string): Agent {
    const argv = [...this.#at(place), this.#node, entry(import.meta.dirname, 'agent'), place];
    const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
    const agent: Agent = { child, reports: 0, answers: [] };
    this.#agents.set(place, agent);
    const ended = (): void => void this.#agents.delete(place);
    child.on('exit', ended).on('error', ended);
    child.stdin.on('error', () => {});
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(place, agent, JSON.parse(line) as AgentReport));
    return agent;
  }

  #take(place: string, agent: Agent, r: AgentReport): void {
    agent.reports++;
    agent.answers.push(...r.who);
    for (const [id, seq, ns] of r.sent) this.#watched[id]?.judge.sent(seq, ns);
    for (const [id, seq] of r.got) this.#watched[id]?.judge.got(seq);
    for (const w of this.#watched) if (w.pair[1] === place) w.judge.alive(r.alive);
  }

  #order(place: string, order: AgentOrder): void {
    this.#agents.get(place)?.child.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  #running(place: string): Agent {
    const agent = this.#agents.get(place);
    if (agent === undefined)
      throw new DrillError('DRILL_PROBE_DEAD', `the probe in ${place} has ended`, 'what happened on the network since then is unknown; start the drill again');
    return agent;
  }

  #find(pair: Pair): Watched | undefined {
    return this.#watched.find((w) => w.pair[0] === pair[0] && w.pair[1] === pair[1]);
  }

  #place(name: string): Place {
    const place = this.#places.find((p) => p.name === name);
    if (place === undefined) throw new DrillError('DRILL_NO_SUCH_NODE', `${name} is not in this lab`, `it has: ${this.#places.map((p) => p.name).join(', ')}`);
    return place;
  }

  #record(pair: Pair, t: Transition): void {
    const e = interval(pair, t);
    appendFileSync(this.#file, `${JSON.stringify({ from: pair[0], to: pair[1], state: t.to, absent: e.absent, present: e.present })}\n`);
  }
}

const at = (ns: number): Instant => instant(BigInt(Math.round(ns)), 'probe');

const interval = (pair: Pair, t: Transition): EffectInterval => ({
  absent: at(t.absentNs),
  present: at(t.presentNs),
  probe: `UDP probe ${pair.join('→')} every 10 ms`,
});
