/** How a drill gets into the lists of Temporal: known attributes, unknown ones that are taught, and a server that cannot be taught. Nobody works on these drills. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { choosePorts, startTemporal } from '../../console/cli/run/engine.ts';
import type { Child } from '../../console/cli/run/children.ts';
import { startDrill } from '../../console/start-drill.ts';
import { ATTRIBUTES } from '../../core/attributes.ts';
import { beginDrill, boardDir, ROOT } from '../support/board.ts';
import { testTools } from '../support/tools.ts';

const dir = boardDir();
const { seen } = beginDrill(dir);
let server: Child;
let connection: Connection;

beforeAll(async () => {
  const ports = await choosePorts({});
  server = await startTemporal({ tools: testTools(), root: ROOT, dir, logDir: dir, env: process.env }, ports);
  connection = await Connection.connect({ address: `127.0.0.1:${ports.frontend}` });
}, 60_000);
afterAll(async () => {
  await connection?.close();
  await server?.end(3_000);
  rmSync(dir, { recursive: true, force: true });
});

/** A namespace knows only what it was taught. */
async function fresh(namespace: string): Promise<Client> {
  const day = { seconds: 86_400 as unknown as Long };
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: day });
  return new Client({ connection, namespace });
}
type Long = NonNullable<NonNullable<Parameters<Connection['workflowService']['registerNamespace']>[0]['workflowExecutionRetentionPeriod']>['seconds']>;

async function started(client: Client, drillId: string): Promise<{ listed: boolean; notes: string[]; found: string[]; phase: unknown; memo: unknown }> {
  const notes: string[] = [];
  const ref = { drillId, bundle: join('/evidence', drillId), target: drillId };
  const handle = await startDrill(client, { ref, plan: seen.plan, planDigest: '' }, (line) => notes.push(line));
  const about = await handle.describe();
  const found: string[] = [];
  const query = `WorkflowType = 'drill'${notes.length === 0 ? ` AND ${ATTRIBUTES.runbook.name} = '${seen.plan.runbook}'` : ''}`;
  for (const deadline = Date.now() + 20_000; found.length === 0 && Date.now() < deadline;) {
    for await (const w of client.workflow.list({ query })) found.push(w.workflowId);
    await new Promise((r) => setTimeout(r, 100));
  }
  const { events } = await handle.fetchHistory();
  const [data] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  const { listed } = JSON.parse(Buffer.from(data!.data!).toString()) as { listed: boolean };
  return { listed, notes, found, phase: about.typedSearchAttributes.get(ATTRIBUTES.phase), memo: about.memo?.['title'] };
}

test('the built-in server knows the attributes from the first', async () => {
  const client = new Client({ connection, namespace: 'default' });
  expect(await started(client, 'd1')).toEqual({ listed: true, notes: [], found: ['d1'], phase: 'preparing', memo: seen.plan.title });
}, 60_000);

test('a server that does not know them is taught, once', async () => {
  const client = await fresh('untaught');
  expect(await started(client, 'd2')).toEqual({ listed: true, notes: [], found: ['d2'], phase: 'preparing', memo: seen.plan.title });
}, 60_000);

test('where one of the names means something else the drill runs all the same, and it is said what to type', async () => {
  const client = await fresh('taken');
  await connection.operatorService.addSearchAttributes({ namespace: 'taken', searchAttributes: { [ATTRIBUTES.waits.name]: 4 } });
  const s = await started(client, 'd3');
  expect(s).toMatchObject({ listed: false, found: ['d3'], phase: undefined });
  expect(s.notes.join('\n')).toContain('temporal operator search-attribute create --namespace taken --name DrillbookPhase --type Keyword');
}, 90_000);
