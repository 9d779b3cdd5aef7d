/**
 * The live view of a drill. On a terminal it redraws one frame in place; elsewhere it prints one plain line per thing that happens, without
 * escapes, so that a log of a drill reads like a story. No name in a runbook or from a target can steer the terminal.
 */
import type { ReportModel } from '../../core/report/model.ts';
import { clock, duration } from '../../core/report/text.ts';
import { finale, frame } from './live-frame.ts';
import type { FinishPaths } from './live-frame.ts';
import type { LiveState } from '../live-state.ts';
import { columns, paint } from './live-text.ts';
import type { Line, Look } from './live-text.ts';

export type { FinishPaths } from './live-frame.ts';

const WIDTH_MIN = 60;
const WIDTH_MAX = 120;
const WIDTH_PLAIN = 100;

export interface LiveOptions {
  stdout: { write(text: string): unknown; isTTY?: boolean; columns?: number; rows?: number };
  colour: boolean;
  /** fixed width, columns; default: the terminal's, read again at every frame */
  width?: number;
  /** false where the locale is not UTF-8 */
  unicode?: boolean;
}
export interface LiveView {
  update(state: LiveState): void;
  /** Replaces the frame by the table that stays. */
  finish(report: ReportModel, paths: FinishPaths): void;
  /** A line for people, above the frame. */
  note(line: string): void;
  /** Leaves the last frame where it is. Harmless when called twice. */
  close(): void;
}

/** UTF-8 by the usual variables, in their order of weight. */
export function isUtf8(env: Readonly<Record<string, string | undefined>>): boolean {
  return /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '');
}

export function createLiveView(o: LiveOptions): LiveView {
  return o.stdout.isTTY ? new TerminalView(o) : new PlainView(o);
}

function lookOf(o: LiveOptions): Look {
  const room = o.width ?? (o.stdout.isTTY ? o.stdout.columns : undefined) ?? WIDTH_PLAIN;
  return { width: Math.max(WIDTH_MIN, Math.min(room, WIDTH_MAX)), colour: o.colour && o.stdout.isTTY === true, unicode: o.unicode ?? true };
}

class TerminalView implements LiveView {
  readonly #o: LiveOptions;
  #state: LiveState | null = null;
  /** widths of the lines of the frame on the screen: a narrower terminal has wrapped them since */
  #drawn: number[] = [];
  #said = 0;
  #closed = false;

  constructor(o: LiveOptions) {
    this.#o = o;
  }

  update(state: LiveState): void {
    if (this.#closed) return;
    this.#state = state;
    const news = state.messages.slice(this.#said);
    this.#said = state.messages.length;
    this.#redraw(news.map((m): Line => [[`  ${m}`]]));
  }

  note(line: string): void {
    if (this.#closed) this.#o.stdout.write(`${paint([[line]], { ...lookOf(this.#o), width: Infinity })}\n`);
    else this.#redraw([[[`  ${line}`]]]);
  }

  finish(report: ReportModel, paths: FinishPaths): void {
    if (this.#closed) return;
    this.#closed = true;
    const look = lookOf(this.#o);
    this.#o.stdout.write(finaleText(report, paths, look));
  }

  close(): void {
    this.#closed = true;
  }

  /** One write per frame: lines that stay, then the frame over the old one. */
  #redraw(above: Line[]): void {
    const look = lookOf(this.#o);
    const screen = this.#o.stdout.columns ?? look.width;
    const up = this.#drawn.reduce((n, w) => n + Math.max(1, Math.ceil(w / screen)), 0);
    const lines = this.#state ? frame(this.#state, Math.min(look.width, screen), this.#o.stdout.rows ?? Infinity) : [];
    const painted = lines.map((l) => paint(l, { ...look, width: Math.min(look.width, screen) }));
    this.#drawn = lines.map((l) =>
      Math.min(
        l.reduce((n, [t]) => n + columns(t), 0),
        screen,
      ),
    );
    const back = up > 0 ? `\u001b[${up}A\r\u001b[J` : '';
    const stay = above.map((l) => `${paint(l, { ...look, width: Infinity })}\n`).join('');
    this.#o.stdout.write(`${back}${stay}${painted.map((l) => `${l}\n`).join('')}`);
  }
}

/** What a state says that the one before did not. */
class PlainView implements LiveView {
  readonly #o: LiveOptions;
  #before: LiveState | null = null;
  #said = 0;
  #closed = false;

  constructor(o: LiveOptions) {
    this.#o = o;
  }

  update(s: LiveState): void {
    if (this.#closed) return;
    const before = this.#before;
    this.#before = s;
    if (!before) this.#say(`${s.title} on ${s.target}`);
    // a count, not a comparison: the caller may hand over the same growing list each time
    for (const m of s.messages.slice(this.#said)) this.#say(m);
    this.#said = s.messages.length;
    for (const c of s.chain) {
      const was = before?.chain.find((b) => b.id === c.id)?.status ?? 'pending';
      if (was !== c.status) this.#say(`${c.title}: ${c.lease ? 'holds' : c.status}`);
    }
    for (const p of s.steps) {
      const was = before?.steps.find((b) => b.id === p.id);
      if ((was?.status ?? 'pending') !== p.status || (was && was.attempt !== p.attempt))
        this.#say(
          `step “${p.title}”${p.attempt > 1 ? `, attempt ${p.attempt}` : ''}: ${p.status === 'active' ? 'opened' : p.status}${p.by ? ` by ${p.by}` : ''}${p.tookMs !== null && p.status !== 'active' ? `, ${duration(p.tookMs)}` : ''}`,
        );
      if (p.overdue && was?.overdue === false) this.#say(`step “${p.title}” is over its budget of ${duration(p.budgetMs)}`);
    }
    for (const [name, now, was] of [
      ['service RTO', s.serviceRto, before?.serviceRto],
      ['data RTO', s.dataRto, before?.dataRto],
    ] as const) {
      if (now.state !== was?.state && (now.state === 'met' || now.state === 'missed'))
        this.#say(`${name} ${now.state}${now.ms === null ? '' : `: ${duration(now.ms)}`}`);
    }
    if (s.phase && s.phase !== before?.phase && !s.chain.some((c) => c.title === s.phase)) this.#say(s.phase);
  }

  note(line: string): void {
    this.#say(line);
  }

  finish(report: ReportModel, paths: FinishPaths): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#o.stdout.write(finaleText(report, paths, lookOf(this.#o)));
  }

  close(): void {
    this.#closed = true;
  }

  #say(text: string): void {
    const s = this.#before;
    const at = s ? `${s.t0Known ? 'T+' : 'start +'}${clock(s.elapsedMs)}  ` : '';
    this.#o.stdout.write(`${paint([[`${at}${text}`]], { ...lookOf(this.#o), width: Infinity })}\n`);
  }
}

/** The table that stays, paths and all: lines are not cut, so that a path can be copied whole. */
export function finaleText(report: ReportModel, paths: FinishPaths, look: Look): string {
  return finale(report, paths, look.width)
    .map((l) => `${paint(l, { ...look, width: Infinity })}\n`)
    .join('');
}
