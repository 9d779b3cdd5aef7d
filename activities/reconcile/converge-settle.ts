/** Is a difference between nodes one, or the same row at two moments (docs/semantics.md, 8)? From the states that the source's log gives a key. */
import type { Cell, Cells } from '../../core/reconcile/schema.ts';
import type { Touch } from './converge-window.ts';

/** `settled`: each node has a state of the source; `open`: it cannot be told yet, since no image covers a column of a state; `real` */
export type Settled = 'settled' | 'open' | 'real';

/** Rows of one key, source first; null: none. `touches` of that key in the window, in the log's order. */
export function settle(rows: readonly (readonly Cell[] | null)[], touches: readonly Touch[]): Settled {
  if (touches.length === 0) return 'real';
  const states = statesOf(touches);
  const covered = coveredBy(touches);
  const source = rows[0] ?? null;
  let worst: Settled = 'settled';
  for (const row of rows) {
    const fit = fitOf(row, states, covered, source);
    if (fit === 'real') return 'real';
    if (fit === 'open') worst = 'open';
  }
  return worst;
}

/** What is known of the row after each step, before the first one included; null: there was none. */
function statesOf(touches: readonly Touch[]): (Cells | null)[] {
  const states: (Cells | null)[] = [];
  let known: Cells | null = null;
  for (const { before, after } of touches) {
    known = before && overlay(known, before);
    states.push(known);
    known = after && overlay(before === null ? null : known, after);
    states.push(known);
  }
  return states;
}

const overlay = (under: Cells | null, over: Cells): Cells => over.map((cell, i) => (cell === undefined ? under?.[i] : cell));

/** By column: some image has it. */
function coveredBy(touches: readonly Touch[]): boolean[] {
  const covered: boolean[] = [];
  for (const { before, after } of touches)
    for (const image of [before, after]) if (image) for (const [i, cell] of image.entries()) covered[i] = covered[i] === true || cell !== undefined;
  return covered;
}

function fitOf(row: readonly Cell[] | null, states: readonly (Cells | null)[], covered: readonly boolean[], source: readonly Cell[] | null): Settled {
  if (row === null) return states.includes(null) ? 'settled' : 'real';
  let best: Settled = 'real';
  for (const state of states) {
    if (state === null) continue;
    const fit = fitState(row, state, covered, source);
    if (fit === 'settled') return fit;
    if (fit === 'open') best = fit;
  }
  return best;
}

function fitState(row: readonly Cell[], state: Cells, covered: readonly boolean[], source: readonly Cell[] | null): Settled {
  let fit: Settled = 'settled';
  for (const [i, cell] of row.entries()) {
    if (state[i] !== undefined) {
      if (state[i] !== cell) return 'real';
    } else if (covered[i] || source === null) fit = 'open';
    else if (source[i] !== cell) return 'real';
  }
  return fit;
}
