/** Findings of a pass, in bounded memory: every one counts, the first of each kind are kept. */
import { FINDINGS } from './finding.ts';
import type { Finding, FindingKind, FindingLevel } from './finding.ts';

/** of a kind */
export const KEPT_MAX = 100;
const WEIGHT: Record<FindingLevel, number> = { note: 0, unknown: 1, damage: 2 };

export class FindingList {
  /** in the order they came, at most KEPT_MAX of a kind */
  readonly kept: Finding[] = [];
  readonly counts = new Map<FindingKind, number>();

  add(f: Finding): void {
    const n = (this.counts.get(f.kind) ?? 0) + 1;
    this.counts.set(f.kind, n);
    if (n <= KEPT_MAX) this.kept.push(f);
  }

  /** What the pass comes to: the worst level; `note` when there is nothing. */
  worst(): FindingLevel {
    let worst: FindingLevel = 'note';
    for (const kind of this.counts.keys()) if (WEIGHT[FINDINGS[kind]] > WEIGHT[worst]) worst = FINDINGS[kind];
    return worst;
  }
}
