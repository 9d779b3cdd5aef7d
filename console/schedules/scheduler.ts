/** The scheduler of this machine, `drillbook schedule serve`: who it is, which Temporal it has, and how other commands find both. */
import { existsSync, rmSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { Client, ServiceError } from '@temporalio/client';
import { DrillError } from '../../core/errors.ts';
import { writePrivate } from '../people/private.ts';
import type { Machine } from '../people/drills.ts';
import { livingOwner, thisOwner } from '../rundir.ts';
import type { Owner } from '../rundir.ts';
import { connectTemporal, definedOnly, namespaceOf, rpcMessageOf, withTemporal } from '../temporal.ts';
import type { Env } from '../temporal.ts';

interface Announcement extends Owner {
  /** how its Temporal is reached; null: as the environment says; missing: it is starting */
  temporal?: Env | null;
}

/** Whose crews and evidence a schedule of here is about. */
export const thisMachine = (): string => `${userInfo().username}@${hostname()}`;

/** What must outlive every command: the built-in Temporal's database (XDG_STATE_HOME, else ~/.local/state). */
export function schedulerFolder(env: Machine['env']): string {
  const xdg = env['XDG_STATE_HOME'];
  return join(xdg && isAbsolute(xdg) ? xdg : join(env['HOME'] ?? '/', '.local', 'state'), 'drillbook', 'schedules');
}

const fileIn = (folder: string): string => join(folder, 'serve.json');

function running(folder: string): Announcement | null {
  try {
    return livingOwner<Announcement>(fileIn(folder));
  } catch {
    return null;
  }
}

/** Two would share one database. DRILL_SCHEDULER_RUNS. */
export function becomeScheduler(folder: string): { announce(temporal: Env | null): void; release(): void } {
  const other = running(folder);
  if (other) throw new DrillError('DRILL_SCHEDULER_RUNS', `drillbook schedule serve runs already (pid ${other.pid})`, 'use that one, or end it');
  const file = fileIn(folder);
  writePrivate(file, thisOwner());
  return {
    announce: (temporal) => writePrivate(file, { ...thisOwner(), temporal }),
    release: () => rmSync(file, { force: true }),
  };
}

export interface OpenScheduler {
  client: Client;
  /** does anybody drill here when a schedule fires? */
  served: boolean;
}

/** Asks the Temporal that TEMPORAL_ADDRESS names; without it the scheduler's own. DRILL_NO_SCHEDULER, DRILL_NO_TEMPORAL. */
export async function withScheduler<T>({ env }: Pick<Machine, 'env'>, ask: (s: OpenScheduler) => Promise<T>): Promise<T> {
  const there = running(schedulerFolder(env));
  const found = env['TEMPORAL_ADDRESS'] ? definedOnly(env) : withTemporal(definedOnly(env), there?.temporal ?? noScheduler(there, schedulerFolder(env)));
  const connection = await connectTemporal(found);
  try {
    return await ask({ client: new Client({ connection, namespace: namespaceOf(found) }), served: there !== null });
  } catch (e) {
    if (!(e instanceof ServiceError)) throw e;
    throw new DrillError('DRILL_NO_TEMPORAL', rpcMessageOf(e), 'look at the Temporal server, and whether its namespace allows this', { cause: e });
  } finally {
    await connection.close();
  }
}

const no = (seen: string, hint: string): DrillError => new DrillError('DRILL_NO_SCHEDULER', `drillbook schedule serve ${seen}`, hint);

function noScheduler(there: Announcement | null, folder: string): never {
  if (there) throw there.temporal === undefined ? no('is starting', 'try again in a moment') : no('was started with a TEMPORAL_ADDRESS', 'set the same one');
  const kept = existsSync(join(folder, 'temporal.db')) ? '; its schedules are kept, and wait for it' : '';
  throw no(`does not run here${kept}`, 'start it, in another terminal or as a service: drillbook schedule serve');
}
