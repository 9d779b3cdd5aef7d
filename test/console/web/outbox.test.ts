/** What has been said to be safe is sent, once, in its order, by this process or the next. */
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

test('a message is on disk when post returns, for its owner only', () => {
  const file = fresh();
  const box = new Outbox(file, never, quiet);
  const e = act('fence');
  box.post(e);
  expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual([`${JSON.stringify({ envelope: e })}\n`, 0o600]);
  box.close();
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
