/** Findings for people: where, what was seen, what it means, what to do. */
import { FINDINGS } from '../../../core/binlog/finding.ts';
import type { Finding, FindingLevel } from '../../../core/binlog/finding.ts';
import { KEPT_MAX } from '../../../core/binlog/finding-list.ts';
import type { FindingList } from '../../../core/binlog/finding-list.ts';
import { count } from '../../../core/report/text.ts';
import type { Line } from '../live-text.ts';
import { ADVICE } from './advice.ts';
import { levelStyle } from './words.ts';

const ORDER: Record<FindingLevel, number> = { damage: 0, unknown: 1, note: 2 };

/** of a kind */
const SHOWN_MAX = 20;

/** Damage first; each kind's meaning once, behind the last of the kind. */
export function findingLines(findings: FindingList, told: (f: Finding) => boolean = () => true): Line[] {
  const lines: Line[] = [];
  const kinds = [...findings.counts].sort(([a], [b]) => ORDER[FINDINGS[a]] - ORDER[FINDINGS[b]]);
  for (const [kind, n] of kinds) {
    const some = findings.kept.filter((f) => f.kind === kind && told(f));
    if (some.length === 0) continue;
    const level = FINDINGS[kind];
    const style = levelStyle(level);
    lines.push([
      [`  ${level === 'note' ? 'note' : level.toUpperCase()}  `, style],
      [kind, level === 'note' ? 'dim' : 'bold'],
      [n > 1 ? `  ${count(n)} times` : '', 'dim'],
    ]);
    for (const f of some.slice(0, SHOWN_MAX))
      lines.push([
        [`    ${f.file}:${f.offset}  `, 'dim'],
        [`${f.text}${f.gtid ? ` (${f.gtid})` : ''}`, level === 'note' ? 'dim' : 'plain'],
      ]);
    if (n > SHOWN_MAX) lines.push([[`    and ${count(n - SHOWN_MAX)} more; --json names up to ${KEPT_MAX}`, 'dim']]);
    lines.push([[`    means: ${ADVICE[kind].means}`, 'dim']], [[`    to do: ${ADVICE[kind].todo}`, 'dim']]);
  }
  return lines;
}
