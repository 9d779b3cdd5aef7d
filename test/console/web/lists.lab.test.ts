/** Drills of a Temporal that several machines share: in the list a page at a time, opened where their evidence is, shown as state where it is not. A simulated target; the rest is real. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startWorld } from '../../../bench/people-world.ts';
import type { World } from '../../../bench/people-world.ts';
import { listCommand } from '../../../console/cli/people/list.ts';
import type { CliContext } from '../../../console/cli/context.ts';
import type { Listed } from '../../../console/people/listed.ts';
import { TemporalLists } from '../../../console/people/visible.ts';
import { startDrill } from '../../../console/start-drill.ts';
import type { Board } from '../../../console/web/board.ts';
import { definedOnly } from '../../../console/temporal.ts';
import { beginDrill, boardDir, Browser, fieldsOf, ROOT, startBoard, tokenFor } from '../../support/board.ts';
import { recordHistory } from '../../support/histories.ts';
import { CACHE_DIR, testTools } from '../../support/tools.ts';

const dir = boardDir();
const stack = new AsyncDisposableStack();
let world: World;
let away: Board;
let drill: string;

beforeAll(async () => {
  world = await startWorld({ tools: testTools(), cacheDir: CACHE_DIR, root: ROOT, env: definedOnly(process.env), quick: true, say: () => undefined }, stack);
  [drill] = (await world.begin(1)) as [string];
  ({ board: away } = await startBoard(dir, { machine: { cacheDir: dir, env: world.env } }));
}, 120_000);
afterAll(async () => {
  await away?.close();
  await stack.disposeAsync();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

async function signedIn(url: string, token: string): Promise<Browser> {
  const b = new Browser(url);
  expect((await b.signIn(token)).status).toBe(303);
  return b;
}

const shown = (html: string): string[] => [...html.matchAll(/href="\/drills\/([^"]+)"/g)].map((m) => m[1]!);

test('where the evidence is, people open the drill and act; the list says whom it waits for', async () => {
  const b = await signedIn(world.boardUrl, world.token('Ada'));
  const list = (await b.get('/')).body;
  expect([list.includes(`href="/drills/${drill}"`), list.includes('waits for sre'), list.includes('another machine')]).toEqual([true, true, false]);
  // the first sight is of the evidence alone; the feed knows the step
  await b.get(`/drills/${drill}`);
  const stream = b.stream(`/drills/${drill}/live`);
  await stream.until((html) => html.includes('I take this step'));
  const { body } = await b.get(`/drills/${drill}`);
  const done = await b.post(`/drills/${drill}/acts`, fieldsOf(body, 'acknowledge'), { accept: 'application/json' });
  expect(JSON.parse(done.body)).toEqual({ state: 'accepted', says: 'Accepted.' });
  await stream.until((html) => html.includes('yours'));
  // no check, so the next step is open with the sign-off: it was made ready before
  await b.post(`/drills/${drill}/acts`, fieldsOf((await b.get(`/drills/${drill}`)).body, 'done'), { accept: 'application/json' });
  await stream.until((html) => html.includes('id="step-step-2"'));
  stream.close();
  const history = await recordHistory('no-checks', world.client.workflow.getHandle(drill));
  const told = history.events!.flatMap((e) => {
    const activity = e.activityTaskScheduledEventAttributes;
    if (activity?.activityType?.name === 'openStep')
      return `open ${(JSON.parse(Buffer.from(activity.input!.payloads![1]!.data!).toString()) as { stepId: string }).stepId}`;
    return e.workflowExecutionUpdateAcceptedEventAttributes ? 'signed' : (activity?.activityType?.name ?? []);
  });
  expect(told.slice(0, told.lastIndexOf('signed')).filter((t) => t.startsWith('open'))).toEqual(['open step-1', 'open step-2']);
  expect(told).not.toContain('checkStep');
}, 120_000);

test('where it is not, they see how far it is, and nothing to sign', async () => {
  const b = await signedIn(away.url, tokenFor(dir, 'Ada').text);
  expect((await b.get('/')).body).toContain('its evidence is on another machine (');
  const { status, body } = await b.get(`/drills/${drill}`);
  expect([status, body.includes('Step 1 of a long manual'), body.includes('take part on the machine that runs it'), body.includes('/acts')]).toEqual([
    200,
    true,
    true,
    false,
  ]);
  expect((await b.get('/drills/no-such-drill')).status).toBe(404);
  expect((await b.post(`/drills/${drill}/acts`, { csrf: await b.csrf('/'), transition: 'abort', reason: 'x' })).status).toBe(404);
}, 60_000);

test('many are a page at a time; one that ended says so; what no page is, is said', async () => {
  const other = boardDir();
  const { seen } = beginDrill(other);
  rmSync(other, { recursive: true });
  const ids = Array.from({ length: 60 }, (_, i) => `many-${i}`);
  for (const drillId of ids) {
    const ref = { drillId, bundle: '/evidence', target: 'nowhere' };
    const handle = await startDrill(world.client, { ref, plan: seen.plan, planDigest: '' }, () => undefined);
    if (drillId === 'many-0') await handle.terminate('to be over');
  }
  const b = await signedIn(away.url, tokenFor(dir, 'Ada').text);
  let first = '';
  for (const deadline = Date.now() + 20_000; !first.includes('60 in all') && Date.now() < deadline;) first = (await b.get('/')).body;
  expect(first).toContain('60 in all');
  // the list is asked for before the number is: what came in between is above this page
  first = (await b.get('/')).body;
  const next = /href="(\/\?page=[\w-]+)"/.exec(first)![1]!;
  const second = (await b.get(next)).body;
  const [now, later] = [shown(first.split('<h2>Past')[0]!), shown(second.split('<h2>Past')[0]!)];
  expect([now.length, later.length, new Set([...now, ...later]).size]).toEqual([50, 10, 60]);
  expect(shown(first.split('<h2>Past')[1]!)).toContain('many-0');
  expect((await b.get('/?page=<script>')).status).toBe(400);
  const lists = (await TemporalLists.of(world.env))!;
  const running = async (...drills: string[]) => [...(await lists.runningOf(drills))].toSorted();
  expect([await running('many-0', 'none'), await running('many-0', 'many-1', 'none'), await running('many-2', 'many-1')]).toEqual([
    [],
    ['many-1'],
    ['many-1', 'many-2'],
  ]);
  await lists.close();
}, 90_000);

test('of an unannounced drill nobody hears anything before its crew may know', async () => {
  const other = boardDir();
  const { seen } = beginDrill(other);
  rmSync(other, { recursive: true });
  const ref = { drillId: 'surprise', bundle: '/evidence', target: 'nowhere' };
  await startDrill(world.client, { ref, plan: { ...seen.plan, announce: 'at-fault' }, planDigest: '' }, () => undefined);
  const known = async () => {
    const found: string[] = [];
    for await (const w of world.client.workflow.list({ query: "WorkflowId = 'surprise'" })) found.push(w.workflowId);
    return found.length > 0;
  };
  for (const deadline = Date.now() + 20_000; !(await known()) && Date.now() < deadline;) await new Promise((r) => setTimeout(r, 100));
  const b = await signedIn(away.url, tokenFor(dir, 'Ada').text);
  expect([await known(), (await b.get('/')).body.includes('surprise'), (await b.get('/drills/surprise')).status]).toEqual([true, false, 404]);
}, 60_000);

test('drillbook list names them all, wherever they run', async () => {
  let out = '';
  const ctx = { cwd: dir, cacheDir: dir, env: world.env, stdout: { write: (text: string) => (out += text) }, exit: () => undefined } as unknown as CliContext;
  await listCommand(ctx).parseAsync(['--json', '--out', join(dir, 'none')], { from: 'user' });
  const all = JSON.parse(out) as Listed[];
  expect(all.filter((d) => d.phase !== null)).toHaveLength(60);
  expect(all.find((d) => d.drill === drill)).toMatchObject({
    phase: 'manual',
    verdict: null,
    says: expect.stringMatching(/^waits for sre; its evidence is on/) as string,
  });
  expect(all.find((d) => d.drill === 'surprise')).toBeUndefined();
  expect(all.find((d) => d.drill === 'many-0')).toMatchObject({ phase: null });
}, 60_000);
