/** What a reconciliation comes to: the worst of everything it saw, in one sentence. */
import type { Convergence, FateLine, LostKey } from '../bundle.ts';
import type { Verdict } from '../history.ts';
import type { Reconciled } from './reconcile.ts';
import { filtered, joined } from './spill.ts';
import type { Sequence } from './spill.ts';

export interface Outcome {
  verdict: Verdict;
  sentence: string;
  /** acknowledged writes that are missing, altered or duplicated; then those that cannot be told */
  writes: FateLine[];
  /** lost row changes that are not in place; then those that cannot be told */
  rows: Sequence<LostKey>;
}

const BAD = new Set(['missing', 'altered', 'duplicated']);

/** Pure. Anything bad is fail; anything that cannot be told is unknown; nothing passes for want of evidence. */
export function outcomeOf(r: Reconciled, convergence: Convergence | null): Outcome {
  const bad = r.fates.filter((f) => f.fate && BAD.has(f.fate));
  const untold = r.fates.filter((f) => f.fate === 'unknown');
  const failed = r.summary.findings.filter((f) => f.severity === 'fail').map((f) => f.text);
  const unknown = r.summary.findings.filter((f) => f.severity === 'unknown').map((f) => f.text);
  const fails = [
    ...(bad.length > 0 ? [`${count(bad.length, 'acknowledged write')} missing, altered or duplicated`] : []),
    ...(r.out > 0 ? [`${count(r.out, 'lost row change')} not in place`] : []),
    ...failed,
    ...(convergence?.equal === false ? [`the nodes are not equal: ${convergence.reason ?? ''}`] : []),
  ];
  const doubts = [
    ...(untold.length > 0 ? [`the fate of ${count(untold.length, 'acknowledged write')} cannot be told`] : []),
    ...(r.open > 0 ? [`${count(r.open, 'lost row change')} cannot be told`] : []),
    ...unknown,
    ...(convergence && convergence.equal === null ? [`whether the nodes are equal cannot be told: ${convergence.reason ?? ''}`] : []),
  ];
  const verdict: Verdict = fails.length > 0 ? 'fail' : doubts.length > 0 ? 'unknown' : 'pass';
  return {
    verdict,
    sentence: verdict === 'pass' ? passed(r, convergence) : [...fails, ...doubts].join('; '),
    writes: [...bad, ...untold],
    rows: joined(
      filtered(r.lost, r.out, (l) => l.inPlace === false),
      filtered(r.lost, r.open, (l) => l.inPlace === null),
    ),
  };
}

function passed({ summary: s }: Reconciled, convergence: Convergence | null): string {
  const lost =
    s.lostCount === 0
      ? 'nothing was lost'
      : `lost ${count(s.lostCount, 'transaction')}, ${count(s.lostKeys, 'row')} by net effect: all in place or settled by the rule`;
  const acked = s.acked > 0 ? `; all ${s.acked} acknowledged writes are accounted for` : '';
  return `${lost}${acked}${convergence ? `; ${convergence.nodes.length} nodes equal, row by row` : ''}`;
}

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;
