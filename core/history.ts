/**
 * The history of a drill: the append-only list of everything that happened; the report is a fold over it (docs/semantics.md, 6).
 * The workflow numbers the entries; one activity appends them, idempotent by number; `prev` chains them by SHA-256 of the line before.
 */
import type { EffectInterval, Instant } from './time.ts';
import type { Expectations } from './plan.ts';
import type { Envelope } from './message.ts';
import type { NoticeKind } from './notice.ts';
import { sha256Hex } from './json.ts';
import { DrillError } from './errors.ts';

export const VERDICTS = ['pass', 'fail', 'unknown'] as const;
export type Verdict = (typeof VERDICTS)[number];

export interface CheckResult {
  check: string;
  verdict: Verdict;
  /** one sentence: what was seen */
  seen: string;
  details?: string[];
}

/** What happened. `at` of the entry is when it happened where that is known, else when the workflow learnt of it. */
export type HistoryEvent =
  | { kind: 'drill-started'; drillId: string; planDigest: string; runbook: string; target: string; rehearsal: string | null }
  | { kind: 'target-locked'; session: string; version: string; clock: { boot: string; wallMinusMonoMs: number; errorMs: number } }
  | { kind: 'workload-started'; rate: number; concurrency: number }
  | { kind: 'baseline-held'; chainId: string; forMs: number; acked: number; notAcked: number }
  | { kind: 'writes-went-on'; chainId: string; phase: string; forMs: number; acked: number; notAcked: number }
  | {
      kind: 'fault-injected';
      chainId: string;
      verb: string;
      title: string;
      undo: string;
      leaseMs: number | null;
      effect: EffectInterval;
      facts: Record<string, string>;
    }
  | { kind: 'fault-healed'; chainId: string; verb: string; how: 'drill' | 'lease' | 'vanished'; effect: EffectInterval | null }
  | { kind: 'fault-held'; chainId: string; until: string; held: boolean; seen: string }
  | { kind: 'lease-renewed'; chainIds: string[]; count: number }
  | { kind: 'lease-lapsed'; chainIds: string[]; seen: string }
  | { kind: 'step-opened'; stepId: string; attempt: number; viewDigest: string; instructionsDigest: string }
  | { kind: 'step-acknowledged'; stepId: string; attempt: number; envelope: Envelope }
  | { kind: 'step-done'; stepId: string; attempt: number; envelope: Envelope }
  | { kind: 'step-checked'; stepId: string; attempt: number; viewDigest: string; results: CheckResult[] }
  | { kind: 'step-verified'; stepId: string; attempt: number }
  | { kind: 'step-approved'; stepId: string; attempt: number; envelope: Envelope }
  | { kind: 'step-escalated'; stepId: string; attempt: number; to: string; why: string }
  | { kind: 'step-delegated'; stepId: string; attempt: number; to: string; envelope: Envelope }
  | { kind: 'step-sent-back'; stepId: string; attempt: number; seen: string[]; envelope?: Envelope }
  | { kind: 'step-skipped'; stepId: string; attempt: number; envelope: Envelope }
  | { kind: 'step-rejected'; stepId: string; attempt: number; envelope: Envelope }
  | { kind: 'step-overdue'; stepId: string; attempt: number; budgetMs: number }
  | { kind: 'people-told'; route: string; notice: NoticeKind; stepId: string }
  | { kind: 'people-not-told'; route: string; notice: NoticeKind; stepId: string; why: string }
  | { kind: 'comment'; stepId: string; envelope: Envelope }
  | { kind: 'message-refused'; via: 'signal' | 'update'; messageId: string; by: string; reason: string }
  | { kind: 'workload-stopped'; writes: number }
  | { kind: 'verified'; converged: boolean | null; acked: number; bad: number; unknown: number }
  | { kind: 'disaster-not-reproduced'; reasons: string[]; expect: Expectations }
  | { kind: 'engine-gap'; fromWallMs: number; toWallMs: number; seen: string }
  | { kind: 'aborted'; by: string; reason: string; envelope: Envelope | null }
  | { kind: 'problem'; code: string; seen: string; hint: string }
  | { kind: 'residue-checked'; clean: boolean | null; findings: string[] }
  | { kind: 'target-unlocked' };

export type HistoryEntry = HistoryEvent & {
  n: number;
  prev: string;
  at: Instant;
  /** stamped by the recorder when the line was written */
  recorded: Instant;
};

export const CHAIN_START = '0'.repeat(64);

/**
 * Parses a chained JSON Lines text (history, ledger, samples) and verifies numbers and digests.
 * Throws DRILL_CHAIN_BROKEN with the line; a torn last line (no newline at the end) is left out and reported in `torn`.
 */
export function parseChain<T extends { n: number; prev: string }>(text: string, name: string): { lines: T[]; torn: boolean; head: string } {
  const raw = text.split('\n');
  const torn = raw.pop() !== '';
  const lines: T[] = [];
  let prev = CHAIN_START;
  for (const [i, line] of raw.entries()) {
    const broken = (why: string) =>
      new DrillError('DRILL_CHAIN_BROKEN', `${name} line ${i + 1}: ${why}`, 'the file was changed after it was written; use the original');
    let value: T;
    try {
      value = JSON.parse(line) as T;
    } catch {
      throw broken('not JSON');
    }
    if (value.n !== i + 1) throw broken(`number ${value.n} where ${i + 1} belongs`);
    if (value.prev !== prev) throw broken('the digest of the line before does not fit');
    lines.push(value);
    prev = sha256Hex(line);
  }
  return { lines, torn, head: prev };
}

/** The line to append after `prev`; canonical key order is not needed, the bytes are what is chained. */
export function chainLine(n: number, prev: string, value: object): { line: string; digest: string } {
  const line = JSON.stringify({ n, prev, ...value });
  return { line: `${line}\n`, digest: sha256Hex(line) };
}
