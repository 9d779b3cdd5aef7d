/** Children of lost parents on the new source, for core/reconcile/cascades.ts. */
import type { Connection } from 'mysql2/promise';
import { cascadeFindings, childTables, OrphanSearch } from '../../core/reconcile/cascades.ts';
import type { Orphans } from '../../core/reconcile/cascades.ts';
import type { ForkFinding } from '../../core/reconcile/fork.ts';
import type { KeyIds } from '../../core/reconcile/keys.ts';
import type { KeyState } from '../../core/reconcile/lost.ts';
import { idOf } from '../../core/reconcile/net.ts';
import type { Parts } from '../../core/reconcile/parts.ts';
import type { Row, TableShape } from '../../core/reconcile/tables.ts';
import { readRowsLike, readShapes } from '../../targets/systems/mysql/rows.ts';

/** What a foreign key may have done on the old side without a word in its log. Cheap where no lost change cascades. */
export async function unloggedCascades(
  connection: Connection,
  states: readonly KeyState[],
  identity: Record<string, string>,
  ids: KeyIds,
): Promise<ForkFinding[]> {
  const tables = childTables(new Set(states.map((s) => s.shape)));
  if (tables.size === 0) return [];
  const search = new OrphanSearch(await readShapes(connection, tables, identity));
  for (const [rank, state] of states.entries()) search.add(state, rank);
  const findings: ForkFinding[] = [];
  for (const orphans of search.orphans()) {
    const rows = await childrenOf(connection, orphans, ids);
    await ids.learn(
      orphans.spec,
      states.flatMap((s) => (s.shape.name === orphans.child.name ? [s.after] : [])),
    );
    findings.push(...cascadeFindings(orphans, rows, states, ids));
  }
  return findings;
}

/** The same of keys in parts. `told`: their tables. Memory: the lost parents of these keys, and the children that still refer to them. */
export async function cascadesOfParts(
  connection: Connection,
  parts: Parts,
  told: readonly TableShape[],
  identity: Record<string, string>,
  ids: KeyIds,
): Promise<ForkFinding[]> {
  const tables = childTables(told);
  if (tables.size === 0) return [];
  const names = new Set(told.map((s) => s.name));
  const search = new OrphanSearch(await readShapes(connection, tables, identity));
  for (let n = 0; n < parts.count; n++)
    for (const state of (await parts.open(n, 'old')).states.values()) if (names.has(state.shape.name)) search.add(state, state.lost[0]!.nth!);
  const all = search.orphans();
  const children: Row[][] = [];
  for (const orphans of all) children.push(await childrenOf(connection, orphans, ids));
  const concerned = all.map((orphans, i) => concernedBy(orphans, children[i]!, ids));
  const found: KeyState[][] = all.map(() => []);
  for (let n = 0; n < parts.count && all.length > 0; n++) {
    const { states } = await parts.open(n, 'old');
    for (const [i, { spec, child }] of all.entries()) {
      const own = [...states.values()].filter((s) => s.shape.name === child.name && names.has(child.name));
      await ids.learn(
        spec,
        own.map((s) => s.after),
      );
      found[i]!.push(...own.filter((s) => concerned[i]!(s)));
    }
  }
  return all.flatMap((orphans, i) =>
    cascadeFindings(
      orphans,
      children[i]!,
      found[i]!.sort((a, b) => nth(a) - nth(b)),
      ids,
    ),
  );
}

const nth = (s: KeyState): number => s.lost[0]!.nth!;

/** Rows of the new source that refer to what is gone. */
async function childrenOf(connection: Connection, { child, spec, wanted }: Orphans, ids: KeyIds): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const some of readRowsLike(connection, { ...child, key: spec }, wanted)) rows.push(...some);
  await ids.learn(spec, wanted);
  if (child.key) await ids.learn(child.key, rows);
  return rows;
}

/** Keys of the children's table that the answer depends on. */
function concernedBy({ child, spec, wanted }: Orphans, rows: readonly Row[], ids: KeyIds): (state: KeyState) => boolean {
  const there = new Set(rows.map((row) => idOf(child, row, ids)));
  const gone = new Set(wanted.map((row) => ids.idOf(spec, row)));
  return (s) => there.has(s.id) || (s.after !== null && gone.has(ids.idOf(spec, s.after)));
}
