/** The default drill and the one that must go red, on real MySQL and real Temporal. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ATTRIBUTES } from '../../core/attributes.ts';
import type { FateLine } from '../../core/bundle.ts';
import { BUNDLE } from '../../core/bundle.ts';
import type { ReportModel } from '../../core/report.ts';
import { mysqlSystem } from '../../targets/systems/mysql/system.ts';
import { connectLocal } from '../../targets/platforms/local/connect.ts';
import { send } from '../../console/door.ts';
import { newKeyPair, signEnvelope } from '../../core/message.ts';
import { transitionSignal } from '../../workflows/messages.ts';
import { expectedBad } from '../support/independent.ts';
import { ROOT, startDrill } from '../support/drill.ts';
import type { TestDrill } from '../support/drill.ts';
import { recordHistory } from '../support/histories.ts';
import { testTools } from '../support/tools.ts';

const DRILL_MS = 240_000;
const lines = <T>(d: TestDrill, name: string): T[] =>
  readFileSync(join(d.bundle, name), 'utf8')
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l) as T);
const report = (d: TestDrill) => JSON.parse(readFileSync(join(d.bundle, BUNDLE.report), 'utf8')) as ReportModel;

const isBad = (f: FateLine, undecided: Set<string>): boolean =>
  ['missing', 'altered', 'duplicated'].includes(f.fate ?? '') && !(f.table === 'drill.acct' && undecided.has(f.key));

/** What `drillbook report` computes from the folder in a process of its own. */
function recomputed(d: TestDrill): { model: string; status: number } {
  try {
    return { model: execFileSync(process.execPath, [join(ROOT, 'console/cli/main.ts'), 'report', d.bundle, '--json'], { encoding: 'utf8' }), status: 0 };
  } catch (e) {
    const { stdout, status } = e as { stdout: string; status: number };
    return { model: stdout, status };
  }
}

test(
  'the manual brings every acknowledged write back; the verdict is the same in a fresh process; the history replays',
  async () => {
    await using d = await startDrill();
    await refuses(d);
    const result = await d.result();
    expect([result.sentence, d.history().filter((e) => e.kind === 'problem')]).toEqual([result.sentence, []]);
    expect(result.verdict).toBe('pass');
    const again = recomputed(d);
    expect(again.status).toBe(0);
    expect(again.model.trim()).toBe(readFileSync(join(d.bundle, BUNDLE.report), 'utf8').trim());
    expect(
      d
        .history()
        .filter((e) => e.kind === 'fault-injected')
        .map((e) => e.chainId),
    ).toEqual(['cut-source', 'kill-source', 'promote-stale', 'repoint-db3']);
    expect(d.history().filter((e) => e.kind === 'message-refused')).toMatchObject([
      { via: 'update', by: 'operator (script)', reason: 'acknowledge of fence: the signature does not fit the message' },
      { via: 'update', by: 'mallory', reason: 'acknowledge of fence: key rehearsal-operator may not sign for mallory' },
      { via: 'update', reason: 'acknowledge of fence: step fence is for the role sre, not dba' },
      { via: 'update', reason: 'acknowledge of fence: step fence is pending' },
      { via: 'signal', messageId: 'by-signal', reason: 'step fence is pending' },
    ]);
    expect(d.history().filter((e) => e.kind === 'comment')).toHaveLength(1);
    const recorded = await recordHistory('default', d.handle);
    expect(listedIn(recorded.events!)).toEqual([
      'preparing',
      'chain',
      'manual',
      ...['sre', 'dba', 'incident-commander'].map((role) => `manual ${role}`),
      'verifying',
      'sealing',
      'ended',
    ]);
    const { typedSearchAttributes: now } = await d.handle.describe();
    expect([now.get(ATTRIBUTES.verdict), now.get(ATTRIBUTES.waits), now.get(ATTRIBUTES.runbook)]).toEqual(['pass', undefined, 'mysql-stale-promotion']);
  },
  DRILL_MS,
);

test(
  'a forced replay: service is back, GTID sets are equal, and the verdict names exactly the writes that are gone',
  async () => {
    await using d = await startDrill({ rehearse: 'forced-replay' });
    const result = await d.result();
    expect(result.verdict).toBe('fail');
    const platform = await connectLocal(d.session.lab.stateFile);
    const system = mysqlSystem(platform, { tools: testTools() });
    try {
      const sets = await Promise.all(['db1', 'db2', 'db3'].map(async (n) => (await system.position(n)).gtidExecuted.replace(/\s/g, '')));
      expect(sets).toEqual([sets[0], sets[0], sets[0]]);
      const { bad: independent, undecided } = await expectedBad(join(d.bundle, BUNDLE.ledger), (sql) => system.query('db2', sql));
      expect(independent.length).toBeGreaterThan(20);
      const bad = lines<FateLine>(d, BUNDLE.fates).filter((f) => isBad(f, undecided));
      expect(new Set(bad.map((f) => f.fate))).toEqual(new Set(['missing', 'altered']));
      expect(bad.map((f) => `${f.table} ${f.w}`).sort()).toEqual(independent.sort());
      expect(report(d).verdict).toBe('fail');
      const byHand = reconcileByHand(d, undecided);
      expect(byHand.status).toBe(1);
      expect(byHand.bad.sort()).toEqual(independent.sort());
      await recordHistory('forced-replay', d.handle);
    } finally {
      platform.close();
    }
  },
  DRILL_MS,
);

/** Phases and whom they waited for, each as it was first told to Temporal's lists. */
function listedIn(events: readonly { upsertWorkflowSearchAttributesEventAttributes?: Upsert | null }[]): string[] {
  const told = events.flatMap((e) => {
    const fields = e.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields;
    const value = (name: string): unknown => JSON.parse(Buffer.from(fields?.[name]?.data ?? 'null').toString() || 'null');
    // Temporal's own, of a change that is patched in, names no phase
    return fields?.[ATTRIBUTES.phase.name] ? [[value(ATTRIBUTES.phase.name), ...((value(ATTRIBUTES.waits.name) as string[] | null) ?? [])].join(' ')] : [];
  });
  return [...new Set(told)];
}
interface Upsert {
  searchAttributes?: { indexedFields?: Record<string, { data?: Uint8Array | null }> | null } | null;
}

/** Wrong messages: by update refused without a trace in the workflow, by signal recorded as refused. */
async function refuses(d: TestDrill): Promise<void> {
  await d.reached('baseline', 'active');
  const events = async () => (await d.handle.fetchHistory()).events!.filter((e) => e.workflowExecutionUpdateAcceptedEventAttributes).length;
  const act = { drillId: d.prepared.drillId, stepId: 'fence', attempt: 1, transition: 'acknowledge' as const, role: 'sre' };
  const { signer } = d.prepared.operator!;
  const thief = { ...signer, secretKey: newKeyPair().secretKey };
  await expect(send(d.handle, thief, act, 5_000)).rejects.toThrow(/signature does not fit/);
  await expect(send(d.handle, { ...signer, by: 'mallory' }, act, 5_000)).rejects.toThrow(/may not sign for mallory/);
  await expect(send(d.handle, signer, { ...act, role: 'dba' }, 5_000)).rejects.toThrow(/is for the role sre/);
  await expect(send(d.handle, signer, act, 5_000)).rejects.toThrow(/step fence is pending/);
  expect(await events()).toBe(0);
  const body = { messageId: 'by-signal', ...act, by: signer.by, inputs: {}, viewDigest: '', reason: '', claimedAt: Date.now(), signedBy: signer.keyId };
  await d.handle.signal(transitionSignal, signEnvelope(body, signer.secretKey));
  const comment = { ...body, messageId: 'a-comment', transition: 'comment' as const, reason: 'seen from the pager' };
  const good = signEnvelope(comment, signer.secretKey);
  await d.handle.signal(transitionSignal, good);
  await d.handle.signal(transitionSignal, good);
}

/** `drillbook reconcile` as a person would run it after the drill. */
function reconcileByHand(d: TestDrill, undecided: Set<string>): { status: number; bad: string[] } {
  const lab = join(d.session.dir.path, 'lab');
  const out = join(d.bundle, 'work', 'by-hand');
  const args = [
    'reconcile',
    '--old',
    join(lab, 'work', d.prepared.drillId, 'engine-old-logs'),
    '--new',
    join(lab, 'db2.sock'),
    '--ledger',
    join(d.bundle, BUNDLE.ledger),
    '--out',
    out,
  ];
  let status = 0;
  try {
    execFileSync(process.execPath, [join(ROOT, 'console/cli/main.ts'), ...args], { stdio: 'pipe' });
  } catch (e) {
    status = (e as { status: number }).status;
  }
  const fates = readFileSync(join(out, BUNDLE.fates), 'utf8').trim().split('\n');
  const bad = fates.map((l) => JSON.parse(l) as FateLine).filter((f) => isBad(f, undecided));
  return { status, bad: bad.map((f) => `${f.table} ${f.w}`) };
}
