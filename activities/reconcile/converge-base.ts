/** A former proof, from which a later one may go on: only what was written since it began is read again. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Convergence } from '../../core/bundle.ts';
import { DrillError, messageOf } from '../../core/errors.ts';
import { GtidSet } from '../../core/gtid.ts';
import { withConnection } from '../../targets/systems/mysql/dsn.ts';
import { serverUuid } from './converge-nodes.ts';

export interface Base {
  /** what all nodes had executed before a row of the former proof was read: what was written while it read may since have arrived otherwise on a node */
  from: GtidSet;
  /** that it read */
  tables: ReadonlySet<string>;
}

/** Of convergence.json, what a later proof needs. */
const file = z.looseObject({
  equal: z.boolean().nullable(),
  nodes: z.array(z.looseObject({ node: z.string(), uuid: z.string().optional() })),
  tables: z.array(z.string()),
  from: z.string().nullable().optional(),
});

/** Reads a convergence.json and asks the servers who they are. Throws DRILL_NO_BASE, DRILL_BASE_UNFIT. */
export async function readBase(path: string, nodes: readonly { name: string; dsn: string }[]): Promise<Convergence> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new DrillError('DRILL_NO_BASE', `${path} cannot be read: ${messageOf(cause)}`, HINT, { cause });
  }
  const parsed = file.safeParse(value);
  if (!parsed.success) throw new DrillError('DRILL_NO_BASE', `${path} is no convergence.json: ${parsed.error.issues[0]!.message}`, HINT);
  const base = value as Convergence;
  baseOf(base, await Promise.all(nodes.map(async ({ name, dsn }) => ({ name, uuid: await withConnection(dsn, serverUuid) }))));
  return base;
}

const HINT = 'name the convergence.json that a former --nodes with --out wrote';

/** Servers are known by their UUIDs: an address may be another server's by now. Throws DRILL_BASE_UNFIT. */
export function baseOf(base: Convergence, nodes: readonly { name: string; uuid: string }[]): Base {
  if (base.equal !== true) throw unfit('does not say that its nodes were equal');
  if (typeof base.from !== 'string') throw unfit('does not say from where on it counts');
  const other = nodes.find((n) => !base.nodes.some((b) => b.uuid === n.uuid));
  if (other) throw unfit(`is of other servers: ${other.name} (${other.uuid}) is not among ${base.nodes.map((b) => b.node).join(', ')}`);
  return { from: GtidSet.parse(base.from), tables: new Set(base.tables) };
}

const unfit = (seen: string): DrillError =>
  new DrillError('DRILL_BASE_UNFIT', `the former proof ${seen}`, 'name the last proof in which these very servers were equal, or none');
