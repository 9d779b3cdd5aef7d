/** Drills of a Temporal that several machines share: in the list a page at a time, opened where their evidence is, shown as state where it is not. A simulated target; the rest is real. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startWorld } from '../../../bench/people-world.ts';
import type { World } from '../../../bench/people-world.ts';
import { listCommand } from '../../../console/cli/people/list.ts';
import type { CliContext } from '../../../console/cli/context.ts';
import type { Listed } from '../../../console/people/listed.ts';
import { startDrill } from '../../../console/start-drill.ts';
import type { Board } from '../../../console/web/board.ts';
import { definedOnly } from '../../../console/temporal.ts';
import { beginDrill, boardDir, Browser, fieldsOf, ROOT, startBoard, tokenFor } from '../../support/board.ts';
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
  stream.close();
}, 60_000);

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
  const shown = (html: string) => [...html.matchAll(/href="\/drills\/([^"]+)"/g)].map((m) => m[1]!);
  let first = '';
  for (const deadline = Date.now() + 20_000; !first.includes('60 in all') && Date.now() < deadline;) first = (await b.get('/')).body;
  expect(first).toContain('60 in all');
  const next = /href="(\/\?page=[\w-]+)"/.exec(first)![1]!;
  const second = (await b.get(next)).body;
  const [running, later] = [shown(first.split('<h2>Past')[0]!), shown(second.split('<h2>Past')[0]!)];
  expect([running.length, later.length, new Set([...running, ...later]).size]).toEqual([50, 10, 60]);
  expect(shown(first.split('<h2>Past')[1]!)).toContain('many-0');
  expect((await b.get('/?page=<script>')).status).toBe(400);
}, 90_000);

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
  expect(all.find((d) => d.drill === 'many-0')).toMatchObject({ phase: null });
}, 60_000);
