/** The start of a drill's workflow, in the lists of Temporal (core/attributes.ts) where they can hold it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { hostname } from 'node:os';
import type { Client, Connection, WorkflowHandle } from '@temporalio/client';
import { ServiceError } from '@temporalio/client';
import { ATTRIBUTES, ATTRIBUTE_TYPES } from '../core/attributes.ts';
import { DrillError } from '../core/errors.ts';
import type { drill } from '../workflows/drill.ts';
import { WORKFLOW_QUEUE } from '../workflows/messages.ts';
import type { DrillInput } from '../workflows/messages.ts';
import { rpcMessageOf } from './temporal.ts';

const START_MS = 30_000;
/** What was registered takes this long to be known everywhere in a cluster. */
const KNOWN_MS = 20_000;
const AGAIN_MS = 500;
/** As temporal.api.enums.v1.IndexedValueType counts. */
const TYPES = { Keyword: 2, KeywordList: 7 } as const;
const [INVALID_ARGUMENT, ALREADY_EXISTS] = [3, 6];

/**
 * A server that does not know the attributes is taught them, which takes the right to do so and some seconds, once. Where it cannot be taught the drill runs all the same,
 * without them: a list then knows that it runs and not where it is, and `note` hears what to type. Throws DRILL_NO_ENGINE when the server
 * does not take it within START_MS.
 */
export async function startDrill(client: Client, input: DrillInput, note: (line: string) => void): Promise<WorkflowHandle<typeof drill>> {
  const { plan, ref } = input;
  const start = (listed: boolean) =>
    client.connection.withDeadline(Date.now() + START_MS, () =>
      client.workflow.start<typeof drill>('drill', {
        args: [{ ...input, listed }],
        taskQueue: WORKFLOW_QUEUE,
        workflowId: ref.drillId,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        memo: { title: plan.title, evidence: `${hostname()}:${ref.bundle}`, announce: plan.announce ?? '' },
        ...(listed
          ? {
              typedSearchAttributes: [
                { key: ATTRIBUTES.runbook, value: plan.runbook },
                { key: ATTRIBUTES.target, value: plan.target.name },
                { key: ATTRIBUTES.phase, value: 'preparing' },
                // said for the server's sake: one that does not know an attribute refuses here, where it can be helped, and not in the middle of the drill
                { key: ATTRIBUTES.verdict, value: 'none' },
                { key: ATTRIBUTES.waits, value: ['none'] },
              ],
            }
          : {}),
      }),
    );
  const deadline = Date.now() + KNOWN_MS;
  for (let taught = false; ; taught = true) {
    try {
      return await start(true);
    } catch (e) {
      if (!unknownAttribute(e)) throw notStarted(client, e);
      if (!taught && !(await teach(client))) break;
      if (Date.now() > deadline) break;
      await sleep(AGAIN_MS);
    }
  }
  note(`this Temporal does not know by which attributes drills are listed, so lists will say little of this one. To teach it:\n${command(client)}`);
  return start(false);
}

const notStarted = ({ options }: Client, cause: unknown): DrillError =>
  new DrillError(
    'DRILL_NO_ENGINE',
    `Temporal did not start the drill (namespace ${options.namespace}): ${rpcMessageOf(cause)}`,
    'look at its log, or at the server that TEMPORAL_ADDRESS names',
    { cause },
  );

const command = ({ options: { namespace } }: Client): string =>
  ATTRIBUTE_TYPES.map(({ name, type }) => `  temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${type}`).join('\n');

const codeOf = (e: unknown): unknown => {
  const cause = e instanceof ServiceError ? e.cause : e;
  return cause instanceof Error && 'code' in cause ? cause.code : undefined;
};

function unknownAttribute(e: unknown): boolean {
  const cause = e instanceof ServiceError ? e.cause : e;
  return codeOf(e) === INVALID_ARGUMENT && cause instanceof Error && /search attribute/i.test(cause.message);
}

async function teach(client: Client): Promise<boolean> {
  const { operatorService } = client.connection as Connection;
  for (const { name, type } of ATTRIBUTE_TYPES) {
    try {
      await operatorService.addSearchAttributes({ namespace: client.options.namespace, searchAttributes: { [name]: TYPES[type] } });
    } catch (e) {
      if (codeOf(e) !== ALREADY_EXISTS) return false;
    }
  }
  return true;
}
