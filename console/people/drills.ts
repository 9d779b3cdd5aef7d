/** The drill that a person of this machine takes part in: which one, its plan, its state, and the door into it. */
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { BUNDLE } from '../../core/bundle.ts';
import { DrillError } from '../../core/errors.ts';
import type { Plan } from '../../core/plan.ts';
import { folderStore } from '../../evidence/store.ts';
import type { EvidenceStore } from '../../evidence/store.ts';
import { drillState } from '../../workflows/messages.ts';
import type { DrillState } from '../../workflows/messages.ts';
import type { StepState } from '../../workflows/steps.ts';
import { connectTemporal, definedOnly, namespaceOf, rpcMessageOf, withTemporal } from '../temporal.ts';
import { runningDrills } from '../rundir.ts';
import type { RunningDrill } from '../rundir.ts';
import { secretHere } from './secret.ts';

const QUERY_MS = 5_000;

export interface OpenDrill {
  running: RunningDrill;
  plan: Plan;
  store: EvidenceStore;
  handle: WorkflowHandle;
  /** Throws DRILL_NO_ENGINE when nobody answers. */
  state(): Promise<DrillState>;
  close(): Promise<void>;
}

/** The named one (its beginning or its end is enough), or the only one. DRILL_NO_DRILL, DRILL_WHICH_DRILL. */
export function chooseDrill(running: readonly RunningDrill[], wanted?: string): RunningDrill {
  const names = running.map((d) => d.drillId).join(', ');
  const found = running.filter((d) => wanted === undefined || d.drillId.startsWith(wanted) || d.drillId.endsWith(wanted));
  if (found.length === 1) return found[0]!;
  if (found.length > 1) throw new DrillError('DRILL_WHICH_DRILL', `several drills run here: ${names}`, 'name one with --drill');
  if (running.length === 0)
    throw new DrillError('DRILL_NO_DRILL', 'no drill runs on this machine', 'drillbook run --crew <file> starts one; take part on the machine that runs it');
  throw new DrillError('DRILL_NO_DRILL', `no drill ${wanted} runs here`, `running: ${names}`);
}

/** Where drills of this machine are found, and how Temporal is. */
export interface Machine {
  cacheDir: string;
  env: Readonly<Record<string, string | undefined>>;
}

/** Those that run here, and that whoever has keys here may know of. */
export function drillsHere(ctx: Machine): RunningDrill[] {
  const secret = secretHere(ctx.env);
  return runningDrills(ctx.cacheDir).filter((d) => !secret(d.bundle));
}

export const openDrill = (ctx: Machine, wanted?: string, among: readonly RunningDrill[] = drillsHere(ctx)): Promise<OpenDrill> =>
  enterDrill(ctx, chooseDrill(among, wanted));

export async function enterDrill(ctx: Machine, running: RunningDrill): Promise<OpenDrill> {
  const env = withTemporal(definedOnly(ctx.env), running.temporal);
  const connection = await connectTemporal(env);
  const client = new Client({ connection, namespace: namespaceOf(env) });
  const store = folderStore(running.bundle);
  const handle = client.workflow.getHandle(running.drillId);
  const state = async (): Promise<DrillState> => {
    try {
      return await connection.withDeadline(Date.now() + QUERY_MS, () => handle.query(drillState));
    } catch (cause) {
      throw new DrillError('DRILL_NO_ENGINE', `the drill does not answer: ${rpcMessageOf(cause)}`, 'it may be starting or ending: try again', { cause });
    }
  };
  const plan = JSON.parse(store.readText(BUNDLE.plan)) as Plan;
  return { running, plan, store, handle, state, close: () => connection.close() };
}

const ids = (list: readonly StepState[]): string => list.map((s) => `${s.id} (${s.status})`).join(', ');

/** The step that is meant: by its id, its number, or the only one that `fits`. DRILL_WHICH_STEP names what there is. */
export function stepOf(state: DrillState, wanted: string | undefined, fits: (s: StepState) => boolean): StepState {
  const named = state.steps.find((s, i) => s.id === wanted || String(i + 1) === wanted);
  if (named) return named;
  if (wanted !== undefined) throw new DrillError('DRILL_WHICH_STEP', `no step ${wanted} in this drill`, `steps: ${ids(state.steps)}`);
  const open = state.steps.filter(fits);
  if (open.length === 1) return open[0]!;
  throw new DrillError(
    'DRILL_WHICH_STEP',
    open.length === 0 ? `no step waits for that now (${state.doing})` : `several steps are open: ${ids(open)}`,
    open.length === 0 ? 'drillbook show tells where the drill is' : 'name one',
  );
}

/** Where a lab's writer answers, while it writes. */
export const writerSocket = ({ dir, drillId }: RunningDrill): string => join(dir, 'lab', 'work', drillId, 'writer.sock');
