/**
 * The default drill from fault to verdict by people of whom some sign by signal, as an integration would, others by the update and by the command line: what is wrong is
 * refused either way and on record, what comes by both ways counts once, and the verdict is that of the data.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { keyFolder } from '../../console/people/keys.ts';
import { newKeyPair, signEnvelope } from '../../core/message.ts';
import type { Envelope } from '../../core/message.ts';
import { reportOf } from '../../evidence/load.ts';
import { bySignal, byUpdate, CALM, stepIs, stepThat, TestCrew, viewOf } from '../support/crew.ts';
import { ROOT, startDrill } from '../support/drill.ts';
import type { TestDrill } from '../support/drill.ts';
import { recordHistory } from '../support/histories.ts';
import { perform } from '../support/perform.ts';

const dir = mkdtempSync(join(realpathSync(tmpdir()), 'dbs-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const env = { ...process.env, XDG_CONFIG_HOME: dir };
const crew = new TestCrew(
  {
    Ada: { roles: ['sre'] },
    Edsger: { roles: ['dba', 'incident-commander'], rights: ['responder', 'approver'] },
    Grace: { roles: ['incident-commander'], rights: ['responder', 'approver', 'coordinator'] },
  },
  keyFolder(env),
);
/** Message ids of what was accepted, in its order. */
const accepted: string[] = [];

async function drillbook(d: TestDrill, ...args: string[]): Promise<void> {
  const argv = [join(ROOT, 'console/cli/main.ts'), ...args, '--drill', d.prepared.drillId, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, argv, { env, cwd: dir });
  accepted.push((JSON.parse(stdout) as { messageId: string }).messageId);
}
async function update(d: TestDrill, e: Envelope): Promise<void> {
  expect(await byUpdate(d, e)).toMatchObject({ messageId: e.messageId, repeated: false });
  accepted.push(e.messageId);
}
async function signal(d: TestDrill, e: Envelope): Promise<void> {
  await bySignal(d, e);
  accepted.push(e.messageId);
}

test('people who signal and people who update take one drill from fault to verdict', async () => {
  await using d = await startDrill({ crew: crew.text, changes: [...CALM, ['acknowledge: 15s', 'acknowledge: 6s']] });
  await bySignal(d, crew.says(d, 'Ada', 'acknowledge', { id: 'fence', attempt: 1 }));

  // nobody takes it in time: the next role is called, and takes it
  const fence = await stepIs(d, 'fence', 'active');
  const mallory = newKeyPair().secretKey;
  const { signature, ...right } = crew.says(d, 'Ada', 'acknowledge', fence);
  expect(signature).toHaveLength(128);
  await bySignal(d, signEnvelope(right, mallory));
  await bySignal(d, signEnvelope({ ...right, by: 'Mallory', signedBy: 'Mallory' }, mallory));
  await bySignal(d, crew.says(d, 'Grace', 'acknowledge', fence));
  await stepThat(d, 'fence', (s) => s.roles!.includes('dba'));
  await signal(d, crew.says(d, 'Edsger', 'acknowledge', fence));
  await stepIs(d, 'fence', 'acknowledged');
  await bySignal(d, crew.says(d, 'Edsger', 'done', fence, { viewDigest: 'ab'.repeat(32) }));
  perform(d.runbook, 'fence', viewOf(d, fence).values);
  // by both ways, whichever comes first, and once more
  const fenced = crew.says(d, 'Edsger', 'done', fence, { viewDigest: fence.viewDigest });
  await signal(d, fenced);
  expect(await byUpdate(d, fenced)).toMatchObject({ messageId: fenced.messageId, repeated: true });
  await bySignal(d, fenced);

  const collect = await stepIs(d, 'collect', 'active');
  await drillbook(d, 'ack', 'collect', '--as', 'Edsger');
  await signal(d, crew.says(d, 'Edsger', 'delegate', collect, { reason: 'Ada' }));
  await stepThat(d, 'collect', (s) => s.delegate === 'Ada');
  await expect(byUpdate(d, crew.says(d, 'Edsger', 'acknowledge', collect))).rejects.toThrow(/was handed to Ada/);
  const taken = crew.says(d, 'Ada', 'acknowledge', collect);
  await update(d, taken);
  await bySignal(d, taken);
  perform(d.runbook, 'collect', viewOf(d, collect).values);
  await update(d, crew.says(d, 'Ada', 'done', collect, { viewDigest: collect.viewDigest }));

  const list = await stepIs(d, 'list-lost', 'active');
  await signal(d, crew.says(d, 'Edsger', 'acknowledge', list));
  await stepIs(d, 'list-lost', 'acknowledged');
  const inputs = perform(d.runbook, 'list-lost', viewOf(d, list).values);
  await bySignal(d, crew.says(d, 'Edsger', 'done', list, { viewDigest: list.viewDigest }));
  await update(d, crew.says(d, 'Edsger', 'done', list, { viewDigest: list.viewDigest, inputs }));

  const recover = await stepIs(d, 'recover', 'active');
  await update(d, crew.says(d, 'Edsger', 'acknowledge', recover));
  perform(d.runbook, 'recover', viewOf(d, recover).values);
  await signal(d, crew.says(d, 'Edsger', 'done', recover, { viewDigest: recover.viewDigest }));
  const { viewDigest } = await stepIs(d, 'recover', 'checked');
  await bySignal(d, crew.says(d, 'Edsger', 'approve', recover, { viewDigest, role: 'incident-commander' }));
  await bySignal(d, crew.says(d, 'Grace', 'approve', recover, { viewDigest: recover.viewDigest }));
  await drillbook(d, 'approve', 'recover', '--as', 'Grace', '--view', viewDigest);

  const rejoin = await stepIs(d, 'rejoin', 'active');
  await signal(d, crew.says(d, 'Ada', 'acknowledge', rejoin));
  perform(d.runbook, 'rejoin', viewOf(d, rejoin).values);
  await signal(d, crew.says(d, 'Ada', 'done', rejoin, { viewDigest: rejoin.viewDigest }));

  const declare = await stepIs(d, 'declare', 'active');
  await drillbook(d, 'ack', 'declare', '--as', 'Grace');
  perform(d.runbook, 'declare', viewOf(d, declare).values);
  await signal(d, crew.says(d, 'Grace', 'done', declare, { viewDigest: declare.viewDigest }));

  const result = await d.result();
  const history = d.history();
  expect([result.verdict, result.sentence, history.filter((e) => e.kind === 'problem')]).toEqual(['pass', result.sentence, []]);
  expect(history.flatMap((e) => ('envelope' in e && e.envelope ? [e.envelope.messageId] : []))).toEqual(accepted);
  expect(history.flatMap((e) => (e.kind === 'message-refused' ? [`${e.by} by ${e.via}: ${e.reason}`] : []))).toEqual([
    'Ada by signal: step fence is pending',
    'Ada by signal: the signature does not fit the message',
    'Mallory by signal: no key Mallory in the plan',
    'Grace by signal: step fence is for the role sre, not incident-commander',
    `Edsger by signal: the evidence changed since it was shown (signed abababababab, now ${fence.viewDigest.slice(0, 12)})`,
    'Edsger by update: acknowledge of collect: step collect was handed to Ada',
    'Edsger by signal: input lost is missing: GTID set of the lost transactions (list/lost.gtids)',
    'Edsger by signal: Edsger did step recover: a second person approves it',
    `Grace by signal: the evidence changed since it was shown (signed ${recover.viewDigest.slice(0, 12)}, now ${viewDigest.slice(0, 12)})`,
  ]);
  const { report } = reportOf(d.bundle);
  expect(report.people.rows.map((r) => [r.who, r.vouched, r.outcome])).toEqual([
    ['Edsger', 'own key', 'verified'],
    ['Ada', 'own key', 'verified'],
    ['Edsger', 'own key', 'verified'],
    ['Edsger', 'own key', 'verified'],
    ['Ada', 'own key', 'verified'],
    ['Grace', 'own key', 'verified (no checks)'],
  ]);
  expect(report.people.rows.flatMap((r) => r.notes)).toEqual([
    'escalated to dba: not acknowledged within 6 s',
    'handed to Ada by Edsger',
    expect.stringMatching(/^approved by Grace after .* \(own key\)$/),
  ]);
  await recordHistory('signals-and-updates', d.handle);
}, 300_000);
