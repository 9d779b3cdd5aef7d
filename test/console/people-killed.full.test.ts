/**
 * kill -9 of the board, of the worker and of Temporal at every boundary of a step, on real systems: a drill by people on the board, one for each of the three processes.
 * What a person was told to be safe is in the history once, whatever died when; nothing is there that nobody did; the verdict is that of the data.
 */
import type { HistoryEntry } from '../../core/history.ts';
import { shownView } from '../support/board.ts';
import { BoardDrill } from '../support/board-drill.ts';
import type { Part } from '../support/board-drill.ts';
import { CALM } from '../support/crew.ts';
import { perform } from '../support/perform.ts';

const CREW = `crew: crew
title: Two people without a key
people:
  - { name: Ada, roles: [sre, dba, incident-commander], rights: [responder, approver] }
  - { name: Grace, roles: [sre, dba, incident-commander], rights: [responder, approver] }
`;
/** Nobody is called because a process was away; the first step is approved, too. */
const CHANGES: [string, string][] = [...CALM, ['    acknowledge: 15s\n', '    approve: incident-commander\n'], ['    escalate: [dba]\n', '']];
const STEPS = [
  { id: 'fence', approved: true },
  { id: 'collect', approved: false },
  { id: 'list-lost', approved: false },
  { id: 'recover', approved: true },
  { id: 'rejoin', approved: false },
  { id: 'declare', approved: false },
];
const BOUNDARIES = [
  'opened',
  'acknowledge sent',
  'acknowledge accepted',
  'done sent',
  'done accepted',
  'checked',
  'approve sent',
  'approve accepted',
  'verified',
] as const;
type Boundary = (typeof BOUNDARIES)[number];
/** All that a step has: where nobody approves, it is verified as it is checked; else as it is approved. */
const boundariesOf = (approved: boolean): Boundary[] => BOUNDARIES.filter((b) => (approved ? b !== 'verified' : !/^(checked|approve)/.test(b)));
const KILLS = new Map(STEPS.map(({ id, approved }) => [id, boundariesOf(approved)]));
/** A child that ends 31 times, and never lives for ten seconds, is given up for good (children.ts): on a quick machine these would. To start again takes a few more. */
const STEADY_MS = 20_000;
/** An act that is on disk reaches Temporal within this time. */
const SENT_MS = 200;

test.each<Part>(['board', 'worker', 'temporal'])(
  'kill -9 of the %s at every boundary of every step: each act that was promised is in the history once, and nothing else',
  async (part) => {
    await using d = await BoardDrill.start(CREW, CHANGES);
    const k = new Killer(d, part);
    for (const { id, approved } of STEPS) {
      await takeStep(d, k, id, approved);
      await new Promise((r) => setTimeout(r, STEADY_MS));
    }
    const { code, report, history, notes } = await d.ended();
    expect(k.killed).toEqual([...KILLS].flatMap(([step, at]) => at.map((b) => `${step} ${b}`)));
    expect(k.killed.length).toBe(40);
    expect(signed(history)).toEqual(d.promised.map((p) => p.messageId));
    expect(d.promised.map((p) => p.says)).toEqual(
      STEPS.flatMap(({ id, approved }) => [`acknowledge ${id} Ada`, `done ${id} Ada`, ...(approved ? [`approve ${id} Grace`] : [])]),
    );
    expect(history.filter((e) => ['problem', 'message-refused', 'step-sent-back'].includes(e.kind))).toEqual([]);
    expect([code, report.verdict, report.reasons, notes]).toEqual([0, 'pass', report.reasons, notes]);
    expect(report.people.rows.map((r) => r.outcome.replace(' (no checks)', ''))).toEqual(STEPS.map(() => 'verified'));
  },
  1_500_000,
);

/** Message ids of what people signed, in the order of the history. */
const signed = (history: HistoryEntry[]): string[] => history.flatMap((e) => ('envelope' in e && e.envelope ? [e.envelope.messageId] : []));

/** Kills its process when a boundary's turn has come. */
class Killer {
  readonly killed: string[] = [];
  readonly #d: BoardDrill;
  readonly #part: Part;

  constructor(d: BoardDrill, part: Part) {
    this.#d = d;
    this.#part = part;
  }

  async at(step: string, boundary: Boundary): Promise<void> {
    if (!KILLS.get(step)!.includes(boundary)) return;
    await this.#d.ready();
    await this.#kill(step, boundary);
  }
  async #kill(step: string, boundary: Boundary): Promise<void> {
    this.killed.push(`${step} ${boundary}`);
    await this.#d.kill(this.#part);
  }

  /** Between the click and its acceptance, which cannot come while the worker stands still. A second click on what is on its way is the same act. */
  async click(who: string, step: string, fields: Record<string, string>, transition: 'acknowledge' | 'done' | 'approve'): Promise<void> {
    const clicks = KILLS.get(step)!.includes(`${transition} sent`) ? await this.#cutOff(who, step, fields, `${transition} sent`) : [this.#d.post(who, fields)];
    for (const answer of await Promise.all(clicks)) expect(answer).toMatch(/accepted|sending|nothing/);
    await this.#d.settled(await this.#d.onDisk(who, fields));
    await this.at(step, `${transition} accepted`);
  }

  /** What the clicks are told. */
  async #cutOff(who: string, step: string, fields: Record<string, string>, boundary: Boundary): Promise<Promise<string>[]> {
    await this.#d.ready();
    const worker = this.#d.pid('worker')!;
    process.kill(worker, 'SIGSTOP');
    try {
      const clicks = [this.#d.post(who, fields)];
      await this.#d.onDisk(who, fields);
      if (this.#part !== 'board') clicks.push(this.#d.post(who, fields));
      await new Promise((r) => setTimeout(r, SENT_MS));
      await this.#kill(step, boundary);
      return clicks;
    } finally {
      if (this.#part !== 'worker') process.kill(worker, 'SIGCONT');
    }
  }
}

async function takeStep(d: BoardDrill, k: Killer, step: string, approved: boolean): Promise<void> {
  await d.form('Ada', step, 'acknowledge');
  await k.at(step, 'opened');
  await k.click('Ada', step, await d.form('Ada', step, 'acknowledge'), 'acknowledge');
  const done = await d.form('Ada', step, 'done');
  const inputs = perform(d.runbook, step, shownView(await d.page('Ada')).values);
  await k.click('Ada', step, { ...done, ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`input.${name}`, value])) }, 'done');
  if (approved) {
    await d.form('Grace', step, 'approve');
    await k.at(step, 'checked');
    await k.click('Grace', step, await d.form('Grace', step, 'approve'), 'approve');
  }
  await d.written((e) => e.kind === 'step-verified' && e.stepId === step);
  await k.at(step, 'verified');
}
