/**
 * A small bundle that passes, made by hand: 100 writes a second for 20 s; partition at 6.0 s, source killed at 8.0 s, service back
 * at 9.0 s on db2, the writes of the partition recovered at 12.0 s, nodes equal at 15.0 s. Times are ms on the monotonic clock.
 */
import type { Convergence, FateLine, LostKey, ReconcileSummary, RowLine } from '../../core/bundle.ts';
import { CHAIN_START, type HistoryEntry, type HistoryEvent } from '../../core/history.ts';
import { digestOf, sha256Hex as slowSha256 } from '../../core/json.ts';
import type { LedgerAttempt } from '../../core/ledger.ts';
import { newKeyPair, signEnvelope } from '../../core/message.ts';
import type { Envelope, EnvelopeBody } from '../../core/message.ts';
import type { ConflictClass, Plan } from '../../core/plan.ts';
import type { EffectInterval, Instant } from '../../core/time.ts';
import type { VerdictInput } from '../../core/verdict.ts';

export interface TestBundle extends VerdictInput {
  plan: Plan;
  history: HistoryEntry[];
  attempts: LedgerAttempt[];
  fates: FateLine[];
  rows: RowLine[];
  lost: LostKey[];
  reconcile: ReconcileSummary | null;
  convergence: Convergence | null;
  findings: { severity: 'note' | 'unknown' | 'fail'; text: string }[];
}

const digests = new Map<string, string>();
const sha256Hex = (text: string): string => digests.get(text) ?? (digests.set(text, slowSha256(text)), digests.get(text)!);

export const NODES = ['db1', 'db2', 'db3'];
const WALL_MINUS_MONO_MS = 1_700_000_000_000;
const BOOT = 'boot-1';
export const at = (ms: number): Instant => ({ monoNs: String(Math.round(ms * 1e6)), wallMs: WALL_MINUS_MONO_MS + ms, boot: BOOT, by: 'test' });
const effect = (ms: number): EffectInterval => ({ absent: at(ms), present: at(ms + 12), probe: 'test' });

/** Ada does, Ben approves. */
const secrets = { Ada: newKeyPair(), Ben: newKeyPair() };
export const PEOPLE_KEYS: Plan['keys'] = (['Ada', 'Ben'] as const).map((name) => ({
  id: name,
  publicKey: secrets[name].publicKey,
  kind: 'person',
  people: [{ name, roles: name === 'Ada' ? ['dba'] : ['lead'], rights: [name === 'Ada' ? 'responder' : 'approver'] }],
}));
export function signed(by: 'Ada' | 'Ben', transition: EnvelopeBody['transition'], more: Partial<EnvelopeBody> = {}): Envelope {
  const role = by === 'Ada' ? 'dba' : 'lead';
  const base = { messageId: `${by} ${transition}`, drillId: 'd', stepId: 'recover', attempt: 1, inputs: {}, viewDigest: '', reason: 'because', claimedAt: 1 };
  return signEnvelope({ ...base, transition, by, role, signedBy: by, ...more }, secrets[by].secretKey);
}

const PLAN: Plan = {
  version: 1,
  runbook: 'mysql-stale-promotion',
  title: 'test',
  runbookDigest: '',
  target: { name: 'local', platform: 'local', system: 'mysql', site: 'here', nodes: NODES, disposable: true },
  objectives: {
    serviceRto: { withinMs: 30_000, from: 'kill' },
    dataRto: { withinMs: 300_000, from: 'cut' },
    convergence: { withinMs: 300_000, from: 'cut' },
    rpoWrites: 0,
  },
  workload: { rate: 100, concurrency: 8, payloadBytes: 1, hotKeys: 4, timeoutMs: 1000 },
  chain: [
    { id: 'baseline', title: 'baseline', do: 'baseline', with: {}, undo: 'none' },
    { id: 'cut', title: 'partition', do: 'partition', with: {}, undo: 'leased', leaseMs: 30_000, heldUntil: 'kill' },
    { id: 'kill', title: 'kill db1', do: 'kill-node', with: {}, undo: 'one-way' },
    { id: 'promote', title: 'promote db2', do: 'promote', with: {}, undo: 'one-way' },
    { id: 'new-writes', title: 'writes go on', do: 'writes', with: {}, undo: 'none' },
  ],
  expect: { lostTransactions: 100, conflicts: { 'insert/insert': 20, 'update/update': 1 } },
  steps: [{ id: 'recover', title: 'recover', role: 'dba', budgetMs: 60_000, needs: [], inputs: [], checks: [] }],
  rules: { conflict: 'new-wins', identity: {} },
  keys: PEOPLE_KEYS,
  rehearsal: 'default',
  limits: { drillMs: 600_000, sessionLostMs: 10_000, catchUpMs: 10_000 },
};

const EVENTS: (plan: Plan) => [HistoryEvent, number][] = (plan) => [
  [{ kind: 'drill-started', drillId: 'd', planDigest: digestOf(plan), runbook: plan.runbook, target: 'local', rehearsal: plan.rehearsal }, 0],
  [{ kind: 'target-locked', session: 's', version: 'MySQL 9.7.4', clock: { boot: BOOT, wallMinusMonoMs: WALL_MINUS_MONO_MS, errorMs: 1 } }, 100],
  [{ kind: 'baseline-held', chainId: 'baseline', forMs: 5000, acked: 500, notAcked: 0 }, 5900],
  [{ kind: 'fault-injected', chainId: 'cut', verb: 'partition', title: 'partition', undo: 'leased', leaseMs: 30_000, effect: effect(6000), facts: {} }, 6012],
  [{ kind: 'fault-injected', chainId: 'kill', verb: 'kill-node', title: 'kill', undo: 'one-way', leaseMs: null, effect: effect(8000), facts: {} }, 8012],
  [{ kind: 'fault-held', chainId: 'cut', until: 'kill', held: true, seen: 'probes' }, 8013],
  [{ kind: 'fault-healed', chainId: 'cut', verb: 'partition', how: 'drill', effect: effect(8100) }, 8112],
  [
    {
      kind: 'fault-injected',
      chainId: 'promote',
      verb: 'promote',
      title: 'promote',
      undo: 'one-way',
      leaseMs: null,
      effect: effect(8900),
      facts: { node: 'db2', gtidExecuted: 'u:1-600' },
    },
    8912,
  ],
  [{ kind: 'writes-went-on', chainId: 'new-writes', phase: 'promoted', forMs: 2000, acked: 200, notAcked: 0 }, 11_000],
  [{ kind: 'step-verified', stepId: 'recover', attempt: 1 }, 14_000],
  [{ kind: 'workload-stopped', writes: 2000 }, 20_000],
  [{ kind: 'verified', converged: true, acked: 1900, bad: 0, unknown: 0 }, 21_000],
  [{ kind: 'residue-checked', clean: true, findings: [] }, 22_000],
];

/** Which of the two thousand a write is. */
const role = (i: number) => ({
  /** due while nobody served */
  refused: i >= 800 && i < 900,
  /** acked by db1 alone */
  lost: i >= 600 && i < 800,
  /** four writes on one key: lost, then superseded by the new side; a deleted key; a delete of nothing */
  acct: { 100: 'set', 700: 'set', 950: 'set', 960: 'set', 970: 'delete', 980: 'no-op' }[i] as 'set' | 'delete' | 'no-op' | undefined,
});
const acctKey = (i: number) => (i === 960 || i === 970 ? '2' : i === 980 ? '3' : '1');

const conflict = (i: number): ConflictClass | null => (i === 700 ? 'update/update' : i < 625 ? 'insert/insert' : null);

export function passingBundle(): TestBundle {
  const plan = structuredClone(PLAN);
  const history = EVENTS(plan).map(([event, ms], i): HistoryEntry => ({ ...event, n: i + 1, prev: CHAIN_START, at: at(ms), recorded: at(ms) }));
  const attempts: LedgerAttempt[] = [];
  const fates: FateLine[] = [];
  const rows: RowLine[] = [];
  for (let i = 0; i < 2000; i += 1) {
    const { refused, lost, acct } = role(i);
    const w = `w-${i}`;
    const [table, key] = acct ? ['drill.acct', acctKey(i)] : ['drill.orders', w];
    const kind = acct === undefined ? 'insert' : acct === 'set' ? 'set' : 'delete';
    const digest = kind === 'delete' ? '' : sha256Hex(w);
    const intendedNs = BigInt(i) * 10_000_000n;
    const common = {
      writeId: w,
      attempt: 1,
      kind,
      table,
      key,
      digest,
      intendedNs,
      sentNs: intendedNs,
      repliedNs: intendedNs + 3_000_000n,
      serverUuid: 'u',
    } as const;
    attempts.push(
      refused
        ? { ...common, outcome: 'failed', matched: undefined, changed: undefined, gtid: undefined, error: 'not sent: ECONNREFUSED' }
        : { ...common, outcome: 'acked', matched: acct === 'no-op' ? 0 : 1, changed: 1, gtid: `u:${i}`, error: undefined },
    );
    const fate = refused ? null : acct === 'no-op' ? 'no-op' : [100, 700, 960].includes(i) ? 'superseded' : 'present';
    const there = fate === 'present' && kind !== 'delete';
    fates.push({ w, kind, table, key, outcome: refused ? 'failed' : 'acked', fate, lost, place: null, expected: digest, seen: there ? [digest] : null });
    if (there) for (const node of NODES) rows.push({ node, table, key, image: digest, client: digest, w });
  }
  const lost = fates
    .filter((f) => f.lost)
    .map((f): LostKey => {
      const i = Number(f.w.slice(2));
      return { table: f.table, key: f.key, before: null, after: f.expected, effect: 'insert', conflict: conflict(i), gtids: `u:${i}`, inPlace: true };
    });
  return {
    plan,
    history,
    attempts,
    fates,
    rows,
    lost,
    samples: [],
    findings: [],
    reconcile: {
      version: 1,
      fork: { set: 'u:1-599', how: 'recorded', findings: [] },
      oldSet: 'u:1-799',
      newSet: 'u:1-599',
      lost: 'u:600-799',
      lostCount: 220,
      lostAcked: 200,
      lostUnacked: 0,
      lostHeartbeats: 20,
      late: '',
      forced: '',
      conflicts: { 'insert/insert': 25, 'update/update': 1, 'update/delete': 0, 'delete/update': 0 },
      lostKeys: 200,
      lostKeysInPlace: 200,
      fates: { present: 1896, superseded: 3, missing: 0, altered: 0, duplicated: 0, 'no-op': 1, unknown: 0 },
      acked: 1900,
      failed: 100,
      unknownOutcome: 0,
      rpoAtPromotionS: 2,
      lastRecoveryCommitUs: String((WALL_MINUS_MONO_MS + 12_000) * 1000),
      findings: [],
      logs: [],
    },
    convergence: {
      nodes: NODES.map((node) => ({ node, gtidExecuted: 'u:1-2000', rows: rows.length / 3, digest: 'same', applier: 'on' })),
      equal: true,
      differences: [],
      startedNs: at(14_500).monoNs,
      provenNs: at(15_000).monoNs,
    },
  };
}
