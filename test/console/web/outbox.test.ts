/** What has been said to be safe is sent, once, in its order, by this process or the next. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envelopeOf } from '../../../console/door.ts';
import { Outbox } from '../../../console/web/outbox.ts';
import type { Answer, Deliver } from '../../../console/web/outbox.ts';
import { newKeyPair } from '../../../core/message.ts';
import type { Envelope, Transition } from '../../../core/message.ts';

const dir = mkdtempSync(join(tmpdir(), 'dbo-'));
afterAll(() => rmSync(dir, { recursive: true }));
const { secretKey } = newKeyPair();
let files = 0;
const fresh = () => join(dir, `${++files}`, 'outbox.jsonl');
const act = (stepId: string, transition: Transition = 'acknowledge', by = 'Ada'): Envelope =>
  envelopeOf({ by, keyId: 'k', secretKey }, { drillId: 'd', stepId, attempt: 1, transition, role: 'sre' });
const never: Deliver = () => new Promise(() => undefined);
const accepting =
  (seen: Envelope[]): Deliver =>
  (e) => (seen.push(e), Promise.resolve<Answer>({ state: 'accepted' }));
const quiet = () => undefined;

test('a message is in the file when post returns, for its owner only, and on disk then or a little later', async () => {
  const file = fresh();
  const box = new Outbox(file, never, quiet);
  const e = act('fence');
  const { stored } = box.post(e);
  expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual([`${JSON.stringify({ envelope: e })}\n`, 0o600]);
  await stored;
  box.close();
});

test('what does not fit on the disk is told, and tears nothing: those before it are sent by the next process', async () => {
  const file = fresh();
  const { href } = new URL('../../../console/web/outbox.ts', import.meta.url);
  const script = `const { Outbox } = await import(${JSON.stringify(href)});
    const box = new Outbox(${JSON.stringify(file)}, () => new Promise(() => {}), () => {});
    const post = (id, pad) => { try { box.post({ messageId: id, drillId: 'd', by: id, reason: 'x'.repeat(pad) }); return 'taken'; } catch (e) { return e.code; } };
    console.log(JSON.stringify([post('one', 300), post('two', 300), post('large', 900), post('three', 10)])); process.exit(0);`;
  // files of at most 1 KiB, and a write beyond that is an error
  const ran = spawnSync('bash', ['-c', `trap '' XFSZ; ulimit -f 1; exec "$0" --input-type=module -e "$1"`, process.execPath, script], { encoding: 'utf8' });
  expect([ran.stderr, ran.stdout.trim()]).toEqual(['', '["taken","taken","EFBIG","taken"]']);
  const next = new Outbox(file, never, quiet);
  expect(next.pending.map((m) => m.envelope.messageId)).toEqual(['one', 'two', 'three']);
  next.close();
});

test('the next process sends what this one could not, as it was signed, and nothing that was answered', async () => {
  const file = fresh();
  const [lost, done] = [act('fence'), act('collect', 'acknowledge', 'Grace')];
  const first = new Outbox(file, (e) => (e.by === 'Grace' ? Promise.resolve({ state: 'refused', why: 'no' }) : never(e)), quiet);
  first.post(lost);
  await first.post(done).settled;
  first.close();
  const seen: Envelope[] = [];
  const answers: unknown[] = [];
  const second = new Outbox(file, accepting(seen), (m) => answers.push([m.envelope.messageId, m.answer]));
  expect(second.pending.map((m) => m.envelope)).toEqual([lost]);
  await new Promise((r) => setTimeout(r, 10));
  expect([seen, answers, second.pending]).toEqual([[lost], [[lost.messageId, { state: 'accepted' }]], []]);
  second.close();
  const third = new Outbox(file, accepting(seen), quiet);
  expect([third.pending, readFileSync(file, 'utf8')]).toEqual([[], '']);
  third.close();
});

test('a line that a crash tore is no message; those before it are', () => {
  const file = fresh();
  const box = new Outbox(file, never, quiet);
  const e = act('fence');
  box.post(e);
  box.close();
  appendFileSync(file, JSON.stringify({ envelope: act('collect') }).slice(0, 50));
  const next = new Outbox(file, never, quiet);
  expect(next.pending.map((m) => m.envelope)).toEqual([e]);
  next.close();
});

test('while there is no answer the same message is sent again; a second click is the same message, another act is not', async () => {
  const seen: Envelope[] = [];
  let away = true;
  const box = new Outbox(fresh(), (e) => (seen.push(e), away ? Promise.reject(new Error('away')) : Promise.resolve({ state: 'accepted' })), quiet);
  const one = box.post(act('fence'));
  const [again, other] = [box.post(act('fence')), box.post(act('fence', 'comment'))];
  expect([again.message === one.message, other.message === one.message]).toEqual([true, false]);
  await new Promise((r) => setTimeout(r, 20));
  expect(seen.length).toBe(1);
  away = false;
  expect(await one.settled).toEqual({ state: 'accepted' });
  await other.settled;
  // in order: the comment went after the act before it was answered
  expect(seen.map((e) => e.messageId)).toEqual([one, one, other].map((m) => m.message.envelope.messageId));
  box.close();
}, 10_000);
