/** Children of lost parents on the new source, for core/reconcile/cascades.ts. */
import type { Connection } from 'mysql2/promise';
import { cascadeFindings, childTables, orphansOf } from '../../core/reconcile/cascades.ts';
import type { ForkFinding } from '../../core/reconcile/fork.ts';
import type { KeyIds } from '../../core/reconcile/keys.ts';
import type { KeyState } from '../../core/reconcile/lost.ts';
import type { Row } from '../../core/reconcile/tables.ts';
import { readRowsLike, readShapes } from '../../targets/systems/mysql/rows.ts';

/** What a foreign key may have done on the old side without a word in its log. Cheap where no lost change cascades. */
export async function unloggedCascades(
  connection: Connection,
  states: readonly KeyState[],
  identity: Record<string, string>,
  ids: KeyIds,
): Promise<ForkFinding[]> {
  const tables = childTables(states);
  if (tables.size === 0) return [];
  const findings: ForkFinding[] = [];
  for (const orphans of orphansOf(states, await readShapes(connection, tables, identity))) {
    const rows: Row[] = [];
    for await (const some of readRowsLike(connection, { ...orphans.child, key: orphans.spec }, orphans.wanted)) rows.push(...some);
    const after = states.flatMap((s) => (s.shape.name === orphans.child.name ? [s.after] : []));
    await ids.learn(orphans.spec, [...orphans.wanted, ...after]);
    if (orphans.child.key) await ids.learn(orphans.child.key, rows);
    findings.push(...cascadeFindings(orphans, rows, states, ids));
  }
  return findings;
}
