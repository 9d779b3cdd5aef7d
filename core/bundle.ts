/**
 * The evidence bundle: the files of a drill's folder, and the shape of each line. The verdict is a function of these and of nothing else.
 *
 *   runbook.yaml         the runbook as it was read
 *   plan.json            Plan
 *   history.jsonl        HistoryEntry per line, chained (core/history.ts)
 *   ledger.jsonl         LedgerRecord per line, chained (core/ledger.ts)
 *   samples.jsonl        StalenessSample per line, chained
 *   reconcile.json       ReconcileSummary
 *   lost.jsonl           LostKey per line: net effect of every lost row change
 *   fates.jsonl          FateLine per line: fate of every write of the ledger
 *   rows.jsonl           RowLine per line: final reads, every node
 *   convergence.json     Convergence
 *   views/<digest>.json  evidence views (what people signed), instructions/<digest>.md
 *   report.json, report.html, manifest.json
 */
import type { ConflictClass } from './plan.ts';
import type { WriteKind, WriteOutcome } from './ledger.ts';

export const BUNDLE = {
  runbook: 'runbook.yaml',
  plan: 'plan.json',
  history: 'history.jsonl',
  ledger: 'ledger.jsonl',
  samples: 'samples.jsonl',
  reconcile: 'reconcile.json',
  lost: 'lost.jsonl',
  fates: 'fates.jsonl',
  rows: 'rows.jsonl',
  convergence: 'convergence.json',
  report: 'report.json',
  reportHtml: 'report.html',
  manifest: 'manifest.json',
} as const;

export type Fate = 'present' | 'superseded' | 'missing' | 'altered' | 'duplicated' | 'no-op' | 'unknown';

/** One reading of one replica's heartbeat row. */
export interface StalenessSample {
  n: number;
  prev: string;
  /** monotonic ns of the reading */
  at: string;
  node: string;
  /** age of the newest heartbeat the node has, ms; null: the node could not be read */
  staleMs: number | null;
  /** server_uuid of the newest heartbeat's writer */
  source?: string;
}

/** Which side's log holds a write, and where: the order evidence. Side `old` ranks before `new` under rule new-wins, after it under old-wins. */
export interface LogPlace {
  side: 'old' | 'new';
  /** ordinal of the transaction in that side's log */
  index: number;
  gtid: string;
  /** the transaction is in the lost set */
  lost: boolean;
}

export interface FateLine {
  w: string;
  kind: WriteKind;
  table: string;
  key: string;
  outcome: WriteOutcome;
  /** null: not acked, owes nothing */
  fate: Fate | null;
  /** acked writes that were found in the lost set */
  lost: boolean;
  place: LogPlace | null;
  /** SHA-256 the write put there ("" = absence), and what the final read saw (null = absent; several for a duplicate) */
  expected: string;
  seen: string[] | null;
  /** image digests of the row: before it was lost, on the new side, finally (where known) */
  oldImage?: string | null;
  newImage?: string | null;
  /** present: recovered under another AUTO_INCREMENT id, …; unknown: the reason */
  note?: string;
}

/** The net effect of the lost part on one key. */
export interface LostKey {
  table: string;
  key: string;
  /** what the lost part did, net: null image = absent */
  before: string | null;
  after: string | null;
  effect: 'insert' | 'update' | 'delete' | 'none';
  /** class of the conflict with the new side, or null when only the old side touched it */
  conflict: ConflictClass | null;
  /** lost GTIDs that touched it */
  gtids: string;
  /** true: the outcome that the rule demands is in place; null: cannot be told */
  inPlace: boolean | null;
  seen?: string | null;
  note?: string;
}

export interface RowLine {
  node: string;
  table: string;
  key: string;
  /** SHA-256 of canonical JSON of all columns {column: text|null} (equality between nodes) */
  image: string;
  /** SHA-256 of the client-supplied columns only (comparison with the ledger) */
  client: string;
  /** the row's write id, when the table has one */
  w?: string;
}

export interface ReconcileSummary {
  version: 1;
  fork: { set: string; how: 'given' | 'recorded' | 'derived'; findings: string[] };
  oldSet: string;
  newSet: string;
  /** lost = old set − fork */
  lost: string;
  lostCount: number;
  /** of these: acked by the ledger / not acked / our own heartbeats only */
  lostAcked: number;
  lostUnacked: number;
  lostHeartbeats: number;
  /** lost GTIDs that occur on the new side after the fork: equal images / anything else */
  late: string;
  forced: string;
  conflicts: Record<ConflictClass, number>;
  lostKeys: number;
  lostKeysInPlace: number;
  fates: Record<Fate, number>;
  acked: number;
  failed: number;
  unknownOutcome: number;
  /** seconds: ack time of the last lost acked write − ack time of the last acked write the promoted node had; null: nothing lost or not known */
  rpoAtPromotionS: number | null;
  /** immediate_commit_timestamp (epoch µs, decimal) on the new source of the last transaction that put a recoverable write in place */
  lastRecoveryCommitUs: string | null;
  findings: { severity: 'note' | 'unknown' | 'fail'; text: string }[];
  /** raw logs that were read: name, bytes, SHA-256 */
  logs: { side: 'old' | 'new'; file: string; bytes: number; sha256: string }[];
}

export interface Convergence {
  /** positions at the end of the reading; rows that were read, and one digest for equal rows */
  nodes: { node: string; uuid?: string; gtidExecuted: string; rows: number; digest: string; applier: string }[];
  /** what all nodes had executed before any row was read; null: no row was. A later proof of these servers may begin there. */
  from?: string | null;
  equal: boolean | null;
  differences: { table: string; key: string; nodes: Record<string, string | null> }[];
  /** that were compared */
  tables?: string[];
  startedNs: string;
  /** the proof's end: convergence counts to here */
  provenNs: string | null;
  reason?: string;
}
