/**
 * A drill that people take part in by HTTP alone, on real MySQL and real Temporal: nobody has a key, the board vouches for all. What is forged, over or taken back opens
 * nothing; an own step cannot be approved; and kill -9 of the board between a click and its acceptance neither loses nor doubles the act.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { revokeToken, tokenFolder } from '../../../console/people/tokens.ts';
import type { HistoryEntry } from '../../../core/history.ts';
import type { Envelope } from '../../../core/message.ts';
import type { ReportModel } from '../../../core/report/model.ts';
import { BoardProcess, boardDir, Browser, csrfIn, fieldsOf, ROOT, shownView, tokenFor } from '../../support/board.ts';
import { tied } from '../../../setup/process.mjs';

const dir = boardDir();
const config = join(dir, 'config', 'drillbook');
const env = { ...process.env, XDG_CONFIG_HOME: join(dir, 'config') };
/** Other drills may run on this machine. */
const NAME = `board-${randomBytes(3).toString('hex')}`;
const WAIT_MS = 60_000;

const crew = `crew: crew
title: Two people without a key
people:
  - { name: Ada, roles: [sre, dba, incident-commander], rights: [responder, approver] }
  - { name: Grace, roles: [sre, dba, incident-commander], rights: [responder, approver, coordinator] }
`;
let run: ChildProcess;
let board: BoardProcess;
let stdout = '';
let stderr = '';
let exit: Promise<number | null>;

beforeAll(async () => {
  let text = readFileSync(join(ROOT, 'runbooks/mysql-stale-promotion.yaml'), 'utf8');
  for (const [from, to] of [
    ['runbook: mysql-stale-promotion', `runbook: ${NAME}`],
    ['with: { for: 3s }', 'with: { for: 1s }'],
    ['phase: isolated, for: 4s', 'phase: isolated, for: 1s'],
    ['phase: promoted, for: 4s', 'phase: promoted, for: 1s'],
    ['    acknowledge: 15s\n', '    approve: incident-commander\n'],
    ['    escalate: [dba]\n', ''],
  ] as const) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  writeFileSync(join(dir, 'board.yaml'), text);
  writeFileSync(join(dir, 'crew.yaml'), crew);
  // the first token makes the board's key: the run puts it into the plan
  const issued = spawnSync(process.execPath, [join(ROOT, 'console/cli/main.ts'), 'token', 'issue', 'Nobody', '--json'], { env, encoding: 'utf8' });
  expect(JSON.parse(issued.stdout)).toMatchObject({ name: 'Nobody', state: 'valid' });
  run = spawn(...tied(process.execPath, [join(ROOT, 'console/cli/main.ts'), 'run', './board.yaml', '--crew', './crew.yaml', '--json']), {
    cwd: dir,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  run.stdout!.on('data', (d: Buffer) => (stdout += d.toString()));
  run.stderr!.on('data', (d: Buffer) => (stderr += d.toString()));
  exit = new Promise((resolve) => run.once('close', resolve));
  board = await BoardProcess.start(dir, env);
}, 60_000);
afterAll(async () => {
  await board.stop();
  if (run.exitCode === null) run.kill('SIGTERM');
  await exit;
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

async function signedIn(name: string): Promise<Browser> {
  const b = new Browser(board.url);
  expect((await b.signIn(tokenFor(config, name).text)).status).toBe(303);
  return b;
}
const drillOf = async (b: Browser): Promise<string> => {
  const page = await until(b, '/', (html) => html.includes(NAME));
  return new RegExp(`/drills/([^"]*${NAME})`).exec(page)![1]!;
};
async function until(b: Browser, path: string, so: (html: string) => boolean): Promise<string> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const { body } = await b.get(path);
    if (so(body)) return body;
    if (Date.now() > deadline || run.exitCode !== null)
      throw new Error(`${path} did not become so; the command (status ${run.exitCode}) said:\n${stderr}\n${body.slice(body.indexOf('<main'), 3_000)}`);
    await new Promise((r) => setTimeout(r, 100));
  }
}
const history = (drillId: string): HistoryEntry[] =>
  readFileSync(join(dir, 'drills', drillId, 'history.jsonl'), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((l) => JSON.parse(l) as HistoryEntry);

/** The worker of our own run. */
function workerPid(): number {
  const found = readdirSync('/proc').filter((pid) => {
    try {
      return (
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker/main.ts') &&
        readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1] === String(run.pid)
      );
    } catch {
      return false;
    }
  });
  expect(found.length).toBe(1);
  return Number(found[0]);
}

test('two people without keys take a step from fault to approval on the board', async () => {
  const expired = tokenFor(config, 'Ada', 1_000, Date.now() - 5_000).text;
  const revoked = tokenFor(config, 'Ada');
  revokeToken(tokenFolder(config), revoked.id, Date.now());
  for (const token of [expired, revoked.text, 'drb_none']) expect((await new Browser(board.url).signIn(token)).status).toBe(403);

  const [ada, grace] = [await signedIn('Ada'), await signedIn('Grace')];
  const drillId = await drillOf(ada);
  const [path, acts] = [`/drills/${drillId}`, `/drills/${drillId}/acts`];
  const json = { accept: 'application/json' };
  let page = await until(ada, path, (html) => html.includes('I take this step'));

  // forged, stolen, and from elsewhere
  const take = fieldsOf(page, 'acknowledge');
  expect((await ada.post(acts, { ...take, csrf: 'x' }, json)).status).toBe(403);
  expect((await ada.post(acts, { ...take, csrf: csrfIn((await grace.get(path)).body) }, json)).status).toBe(403);
  expect((await ada.post(acts, take, { ...json, origin: 'http://evil.example' })).status).toBe(403);
  expect((await new Browser(board.url).post(acts, take, json)).status).toBe(401);
  expect((await ada.get(path)).body).toContain('I take this step');

  // another person's page follows
  const stream = grace.stream(`${path}/live`);
  await stream.until((html) => html.includes('waits for Ada or Grace'));
  const took = await ada.post(acts, take, json);
  const acceptedMs = Date.now();
  expect([took.status, JSON.parse(took.body)]).toEqual([200, { state: 'accepted', says: 'Accepted.' }]);
  const lagMs = (await stream.until((html) => html.includes('Ada has it'))) - acceptedMs;
  stream.close();
  expect(lagMs).toBeLessThan(200);

  // done before it is done: the check sends it back, and the page says why
  page = await until(ada, path, (html) => html.includes('Done, check my work'));
  expect((await ada.post(acts, fieldsOf(page, 'done'), json)).status).toBe(200);
  page = await until(ada, path, (html) => html.includes('attempt 2') && html.includes('I take this step'));
  expect(page).toContain('It came back:');
  expect((await ada.post(acts, fieldsOf(page, 'acknowledge'))).headers.get('location')).toBe(`${path}#step-fence`);
  page = await until(ada, path, (html) => html.includes('Done, check my work'));
  const { values } = shownView(page);
  const nodes = values['nodes'] as Record<string, { optionFile: string }>;
  mkdirSync(String(values['work']), { recursive: true });
  writeFileSync(nodes['db1']!.optionFile, '\n[mysqld]\nsuper_read_only = ON\noffline_mode = ON\nskip_replica_start = ON\n', { flag: 'a' });
  expect((await ada.post(acts, { ...fieldsOf(page, 'done'), view: 'ab'.repeat(32) }, json)).status).toBe(409);
  expect((await ada.post(acts, fieldsOf(page, 'done'), json)).status).toBe(200);

  // nobody approves an own step, whatever the form says
  page = await until(grace, path, (html) => html.includes('Approve what was done'));
  const approve = fieldsOf(page, 'approve');
  expect((await ada.get(path)).body).not.toContain('Approve what was done');
  const refused = await ada.post(acts, { ...approve, csrf: csrfIn((await ada.get(path)).body) }, json);
  expect([refused.status, refused.body]).toEqual([409, expect.stringContaining('Ada did step fence: a second person approves it')]);
  expect((await ada.get(path)).body).toContain('a second person approves it. This is on record.');

  // the engine is away, the act is on disk, the board is killed: the next one delivers it, once
  const worker = workerPid();
  process.kill(worker, 'SIGSTOP');
  const clicked = grace.post(acts, approve, json).then(
    () => 'answered',
    () => 'cut off',
  );
  const outbox = join(config, 'board', 'outbox.jsonl');
  const deadline = Date.now() + 10_000;
  let sent: Envelope | undefined;
  while (!sent && Date.now() < deadline) {
    await new Promise((r) => setTimeout(r, 20));
    sent = readFileSync(outbox, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((l) => (JSON.parse(l) as { envelope?: Envelope }).envelope)
      .find((e) => e?.transition === 'approve' && e.by === 'Grace');
  }
  await board.kill();
  process.kill(worker, 'SIGCONT');
  expect(await clicked).toBe('cut off');
  board = await BoardProcess.start(dir, env, board.port);
  const again = await signedIn('Grace');
  await until(again, path, (html) => html.includes('verified'));
  const approvals = history(drillId).filter((e) => e.kind === 'step-approved');
  expect(approvals.map((e) => e.envelope.messageId)).toEqual([sent!.messageId]);
  expect((await grace.get(path)).status).toBe(303);

  page = await until(again, path, (html) => html.includes('Collect its binary logs'));
  expect((await again.post(acts, { csrf: csrfIn(page), transition: 'abort', reason: 'enough was seen' }, json)).status).toBe(200);
  expect(await exit).toBe(3);
  const report = JSON.parse(stdout) as ReportModel;
  const rows = report.people.rows.slice(0, 2).map((r) => [r.who, r.outcome, r.vouched.replace(/[0-9a-f]{8}$/, '…')]);
  expect(rows).toEqual([
    ['Ada', 'sent back by its check', 'vouched for by console board-…'],
    ['Ada', 'verified', 'vouched for by console board-…'],
  ]);
  expect(report.people.refused.map((r) => r.by)).toEqual(['Ada', 'Ada']);
  expect(report.reasons.filter((r) => r.text.includes('signed'))).toEqual([]);
  page = await until(again, path, (html) => html.includes('? UNKNOWN'));
  expect((await again.get(`${path}/report`)).body).toContain('enough was seen');
  console.info(`a second page saw the act ${lagMs} ms after it was accepted`);
}, 150_000);
