/** The other ends of a manual with people, on real systems: sent back by the approver, skipped, rejected; handed over and not taken; a role that is absent, and an abort. */
import { bySignal, byUpdate, CALM, stepIs, stepThat, TestCrew, viewOf } from '../support/crew.ts';
import { startDrill } from '../support/drill.ts';
import { recordHistory } from '../support/histories.ts';
import { perform } from '../support/perform.ts';
import { httpReceiver } from '../support/receivers.ts';

const ABSENT: [string, string][] = [
  ['\nobjectives:\n', '\nabsent: [sre]\n\nobjectives:\n'],
  ['    needs: [recover]\n', '    needs: [recover]\n    escalate: [dba]\n'],
];
const crew = new TestCrew({
  Ada: { roles: ['sre'] },
  Edsger: { roles: ['dba'] },
  Grace: { roles: ['incident-commander'], rights: ['responder', 'approver', 'coordinator'] },
});

test('a step that its approver sends back and the coordinator skips; one that is rejected ends the drill as unknown', async () => {
  await using d = await startDrill({ crew: crew.text, changes: [...CALM, ['    acknowledge: 15s\n', '    approve: incident-commander\n']] });
  const fence = await stepIs(d, 'fence', 'active');
  await byUpdate(d, crew.says(d, 'Ada', 'acknowledge', fence));
  perform(d.runbook, 'fence', viewOf(d, fence).values);
  await byUpdate(d, crew.says(d, 'Ada', 'done', fence, { viewDigest: fence.viewDigest }));
  await stepIs(d, 'fence', 'checked');
  await byUpdate(d, crew.says(d, 'Grace', 'send-back', fence, { reason: 'who has looked at the switch?' }));
  const again = await stepIs(d, 'fence', 'active', 2);
  expect(again.sentBack).toEqual(['sent back by Grace: who has looked at the switch?']);
  await byUpdate(d, crew.says(d, 'Grace', 'skip', again, { reason: 'I have' }));
  const collect = await stepIs(d, 'collect', 'active');
  await bySignal(d, crew.says(d, 'Edsger', 'reject', collect, { reason: 'the disk is gone' }));
  expect((await d.result()).verdict).toBe('unknown');
  expect(d.history().flatMap((e) => (e.kind === 'problem' ? [e.code, e.seen] : []))).toEqual(['DRILL_STEP_REJECTED', 'step collect was rejected by Edsger']);
  expect(d.history().flatMap((e) => ('envelope' in e && e.envelope ? [`${e.envelope.transition} by ${e.envelope.by}`] : []))).toEqual([
    'acknowledge by Ada',
    'done by Ada',
    'send-back by Grace',
    'skip by Grace',
    'reject by Edsger',
  ]);
  await recordHistory('sent-back-skipped-rejected', d.handle);
}, 240_000);

test('a step that was handed to somebody who does not take it is escalated, and whoever is called may take it', async () => {
  const quick: [string, string] = ['    acknowledge: 15s\n', '    acknowledge: 6s\n'];
  await using pager = await httpReceiver();
  Object.assign(process.env, { PAGER_KEY: 'k'.repeat(32) });
  const routes = `routes:\n  - { name: pager, kind: pagerduty, key: { env: PAGER_KEY }, url: "${pager.url}", for: [dba] }\n`;
  await using d = await startDrill({ crew: crew.text + routes, changes: [...CALM, quick] });
  const fence = await stepIs(d, 'fence', 'active');
  await byUpdate(d, crew.says(d, 'Ada', 'acknowledge', fence));
  await byUpdate(d, crew.says(d, 'Ada', 'delegate', fence, { reason: 'Grace' }));
  await expect(byUpdate(d, crew.says(d, 'Edsger', 'acknowledge', fence))).rejects.toThrow(/was handed to Grace$/);
  const called = await stepThat(d, 'fence', (s) => s.roles!.includes('dba'));
  expect(called.handedAt! - fence.openedAt!).toBeGreaterThan(0);
  await byUpdate(d, crew.says(d, 'Edsger', 'acknowledge', fence));
  await expect(byUpdate(d, crew.says(d, 'Grace', 'acknowledge', fence))).rejects.toThrow(/is for the roles sre, dba, not incident-commander/);
  await byUpdate(d, crew.says(d, 'Ada', 'abort', null, { reason: 'enough was seen' }));
  expect((await d.result()).verdict).toBe('unknown');
  const events = d.history().flatMap((e) => (e.kind === 'step-escalated' ? [[e.to, e.why, Math.floor((e.at.wallMs - called.handedAt!) / 1000)]] : []));
  expect(events).toEqual([['dba', 'not acknowledged within 6 s by Grace, to whom it was handed', 6]]);
  const pages = pager.got.map((g) => JSON.parse(g.body) as { event_action: string; dedup_key: string });
  // of a role that was called for a step of another role, and of a step that was never finished
  expect(pages.filter((p) => p.dedup_key.endsWith('/fence')).map((p) => p.event_action)).toEqual(['trigger', 'resolve']);
  await recordHistory('handed-over-escalated', d.handle);
}, 240_000);

test('the step of a role that is absent is the next one’s as it opens; a signed abort ends the drill as unknown', async () => {
  await using pager = await httpReceiver();
  Object.assign(process.env, { PAGER_KEY: 'k'.repeat(32) });
  // of a role that has nothing to do with the step: one that nobody may do is told to everybody
  const routes = `routes:\n  - { name: pager, kind: pagerduty, key: { env: PAGER_KEY }, url: "${pager.url}", for: [incident-commander] }\n`;
  await using d = await startDrill({ crew: crew.text + routes, changes: [...CALM, ...ABSENT] });
  const fence = await stepIs(d, 'fence', 'active');
  expect(fence.roles).toEqual(['dba']);
  await expect(byUpdate(d, crew.says(d, 'Ada', 'acknowledge', fence))).rejects.toThrow(/is for the role dba/);
  await byUpdate(d, crew.says(d, 'Edsger', 'acknowledge', fence));
  await bySignal(d, crew.says(d, 'Ada', 'abort', null, { reason: 'the wrong cluster' }));
  expect((await d.result()).verdict).toBe('unknown');
  expect(d.history().flatMap((e) => (e.kind === 'aborted' ? [e.by, e.reason] : []))).toEqual(['Ada', 'the wrong cluster']);
  expect(d.history().flatMap((e) => (e.kind === 'step-escalated' ? [[e.to, e.why]] : []))).toEqual([['dba', 'nobody has the role sre in this drill']]);
  const pages = pager.got.map((g) => JSON.parse(g.body) as { event_action: string; dedup_key: string });
  expect(pages.filter((p) => p.dedup_key.endsWith('/fence')).map((p) => p.event_action)).toEqual(['trigger', 'resolve']);
  await recordHistory('absent-aborted', d.handle);
}, 240_000);
