/**
 * The report as plain data: report.json is this, canonical; the page and the terminal are drawn from it. Times are milliseconds from T0 (the
 * effect of the first fault; from the first history entry when no fault was seen). Every field is present; null says "not known" or "none".
 */
import type { Convergence, Fate, FateLine, LostKey, ReconcileSummary, StalenessSample } from '../bundle.ts';
import type { HistoryEntry, Verdict } from '../history.ts';
import type { LedgerAttempt } from '../ledger.ts';
import type { Plan } from '../plan.ts';
import type { RateSeries } from '../timeline.ts';
import type { VerdictReport } from '../verdict.ts';

export interface Finding {
  severity: 'note' | 'unknown' | 'fail';
  text: string;
}
export interface FileDigest {
  name: string;
  bytes: number;
  sha256: string;
}
/** What a report is made of: the bundle's contents and the verdict computed from them. */
export interface ReportInput {
  plan: Plan;
  planDigest: string;
  history: readonly HistoryEntry[];
  attempts: readonly LedgerAttempt[];
  series: RateSeries | null;
  samples: readonly StalenessSample[];
  fates: readonly FateLine[];
  lost: readonly LostKey[];
  reconcile: ReconcileSummary | null;
  convergence: Convergence | null;
  verdict: VerdictReport;
  /** what the loader could not read or did not believe */
  findings: readonly Finding[];
  /** the evidence files, without the report and the manifest */
  files: readonly FileDigest[];
}

export type FigureState = 'met' | 'missed' | 'unknown' | 'plain';
export interface FigureModel {
  id: 'service-rto' | 'data-rto' | 'convergence' | 'rpo-at-promotion' | 'rpo-after-recovery' | 'detection' | 'acknowledgement' | 'decision';
  name: string;
  unit: 'ms' | 'writes' | 's';
  value: number | null;
  /** the value in words, also when there is none: "9.4 s", "not reached", "unknown" */
  says: string;
  state: FigureState;
  objective: number | null;
  /** the objective in words, and what it counts from; "" without one */
  objectiveSays: string;
  from: string;
  errorMs: number;
  note: string;
}

export interface Bar {
  fromMs: number;
  toMs: number;
  label: string;
  kind: 'fault' | 'service' | 'down';
}
export interface Mark {
  atMs: number;
  label: string;
}
export interface PersonBar {
  label: string;
  fromMs: number;
  /** end of waiting; end of the person's part; null where it was not reached */
  ackMs: number | null;
  doneMs: number | null;
  toMs: number;
  state: Verdict;
}
export interface TimelineModel {
  /** what zero is: "T0, when probes saw …" */
  zero: string;
  /** its wall time, epoch ms; null: there was nothing */
  zeroWallMs: number | null;
  startMs: number;
  endMs: number;
  faults: { bars: Bar[]; marks: Mark[] };
  service: Bar[];
  people: PersonBar[];
  /** acknowledged writes that were only on the old side, as steps; empty when nothing was lost */
  atRisk: { atMs: number; writes: number }[];
  /** lost writes back in place (null: never seen), and the proof */
  backMs: number | null;
  provenMs: number | null;
  /** words for the data lane */
  data: { risk: string; after: string; afterState: Verdict; bad: number };
}

export interface ClientsModel {
  bucketMs: number;
  startMs: number;
  /** per second */
  acked: number[];
  failed: number[];
  unknown: number[];
  totals: { attempts: number; acked: number; failed: number; unknown: number };
  outages: { fromMs: number; toMs: number | null; failed: number }[];
  staleness: { node: string; points: { atMs: number; staleMs: number | null }[] }[];
}

export interface FateCount {
  fate: Fate;
  count: number;
  bad: boolean;
  means: string;
}
export interface BadWrite {
  w: string;
  fate: Fate;
  kind: string;
  table: string;
  key: string;
  ackedMs: number | null;
  lost: boolean;
  gtid: string;
  note: string;
}
export interface ConflictRow {
  conflict: string;
  table: string;
  keys: number;
  inPlace: number;
  notInPlace: number;
  unknown: number;
  settledBy: string;
}
export interface DataModel {
  /** false: nobody compared the logs, so of fates and losses nothing is known */
  reconciled: boolean;
  acked: number;
  fates: FateCount[];
  bad: { total: number; shown: BadWrite[] };
  conflicts: ConflictRow[];
  notInPlace: { total: number; shown: { table: string; key: string; conflict: string; effect: string; gtids: string; note: string }[] };
}

export interface StepRow {
  number: string;
  title: string;
  role: string;
  who: string;
  /** whose key vouches: "own key", "console web-1", "rehearsal key" */
  vouched: string;
  budgetMs: number;
  overBudget: boolean;
  /** since T0: opened, first taken, signed as done, its checks had passed, ended */
  openedMs: number | null;
  acknowledgedMs: number | null;
  doneMs: number | null;
  checkedMs: number | null;
  endedMs: number | null;
  tookMs: number | null;
  /** nobody had it, or it waited for its approver */
  waitingMs: number | null;
  /** somebody had it */
  personMs: number | null;
  machineMs: number | null;
  engineGapMs: number;
  state: Verdict | 'open';
  outcome: string;
  /** who approved it, to whom it was escalated or handed, as sentences */
  notes: string[];
  checks: { check: string; verdict: Verdict; seen: string }[];
  claimedWallMs: number | null;
  acceptedWallMs: number | null;
}
export interface PeopleModel {
  rehearsal: boolean;
  /** detection, acknowledgement, decision; none in a rehearsal */
  figures: FigureModel[];
  rows: StepRow[];
  /** spanMs: from the first step's opening to the last one's end; steps may overlap, so the sum may be larger */
  totals: { spanMs: number; tookMs: number; waitingMs: number; personMs: number; machineMs: number; engineGapMs: number };
  /** since T0: when a route had told the crew of the drill, the manual opened, was first acknowledged, and a first step was signed as done; null: never */
  firsts: { toldMs: number | null; openedMs: number | null; acknowledgedMs: number | null; doneMs: number | null };
  /** what was refused to whom; who it was is as the sender says */
  refused: { atMs: number; by: string; text: string }[];
  comments: { atMs: number; by: string; stepId: string; text: string }[];
}
export interface ExpectationRow {
  expected: string;
  seen: string;
  held: boolean | null;
}
export interface InstantRow {
  what: string;
  atMs: number;
  errorMs: number;
  probe: string;
}
export interface ReportModel {
  version: 1;
  verdict: Verdict;
  code: string | null;
  sentence: string;
  /** beside the stamp: "rehearsal: data proven, people not", "unannounced" */
  note: string;
  story: string[];
  meta: {
    drillId: string;
    runbook: string;
    title: string;
    target: string;
    platform: string;
    nodes: string[];
    systemVersion: string;
    startedWallMs: number | null;
    tookMs: number | null;
    rehearsal: string | null;
    /** the crew was told only when the first fault had taken effect */
    unannounced: boolean;
    crew: { name: string; roles: string[] }[];
  };
  figures: FigureModel[];
  timeline: TimelineModel;
  clients: ClientsModel;
  data: DataModel;
  people: PeopleModel;
  expectations: ExpectationRow[];
  residue: { clean: boolean | null; findings: string[] };
  reasons: { verdict: Verdict; text: string }[];
  findings: Finding[];
  belief: { sentences: string[]; instants: InstantRow[]; files: FileDigest[]; planDigest: string; evidenceDigest: string };
}
