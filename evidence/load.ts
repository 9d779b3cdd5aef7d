/**
 * Reads a drill's folder back: everything that the verdict and the report are functions of. What is missing, torn or altered is a finding,
 * never an exception, so that a damaged bundle still gives a report that says so; only a folder without a plan is no bundle.
 * The ledger is streamed and its chain verified; about 10 µs a line.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE } from '../core/bundle.ts';
import type { Convergence, FateLine, LostKey, ReconcileSummary, RowLine, StalenessSample } from '../core/bundle.ts';
import { DrillError, isDrillError, messageOf } from '../core/errors.ts';
import type { HistoryEntry } from '../core/history.ts';
import { digestOf } from '../core/json.ts';
import { AttemptFold, ChainReader } from '../core/ledger.ts';
import type { LedgerAttempt, LedgerRecord } from '../core/ledger.ts';
import type { Plan } from '../core/plan.ts';
import { buildReport } from '../core/report.ts';
import type { ReportModel } from '../core/report.ts';
import type { FileDigest, Finding } from '../core/report/model.ts';
import { rateSeries } from '../core/timeline.ts';
import { computeVerdict } from '../core/verdict.ts';
import type { VerdictReport } from '../core/verdict.ts';

export interface Bundle {
  plan: Plan;
  planDigest: string;
  history: HistoryEntry[];
  attempts: LedgerAttempt[];
  samples: StalenessSample[];
  fates: FateLine[];
  rows: RowLine[];
  lost: LostKey[];
  reconcile: ReconcileSummary | null;
  convergence: Convergence | null;
  findings: Finding[];
  files: FileDigest[];
}

const CHUNK_BYTES = 1 << 20;
const SERIES_BUCKET_MS = 100;

/** Throws DRILL_NO_BUNDLE when there is no plan to be read. */
export function loadBundle(dir: string): Bundle {
  const reader = new Reader(dir);
  const plan = reader.json<Plan>(BUNDLE.plan);
  if (!plan) throw new DrillError('DRILL_NO_BUNDLE', `${dir}: ${reader.findings[0]?.text ?? 'no plan'}`, 'name the evidence folder of a drill');
  const history = reader.chain<HistoryEntry>(BUNDLE.history);
  return {
    plan,
    planDigest: digestOf(plan),
    history,
    attempts: reader.attempts(BUNDLE.ledger),
    samples: reader.chain<StalenessSample>(BUNDLE.samples),
    reconcile: reader.json<ReconcileSummary>(BUNDLE.reconcile),
    lost: reader.lines<LostKey>(BUNDLE.lost),
    fates: reader.lines<FateLine>(BUNDLE.fates),
    rows: reader.lines<RowLine>(BUNDLE.rows),
    convergence: reader.json<Convergence>(BUNDLE.convergence),
    findings: reader.findings,
    files: reader.files,
  };
}

/** Verdict and report of a folder, computed anew: the same folder gives the same bytes, in any process. */
export function reportOf(dir: string): { report: ReportModel; verdict: VerdictReport } {
  const bundle = loadBundle(dir);
  try {
    const verdict = computeVerdict(bundle);
    return { verdict, report: buildReport({ ...bundle, series: rateSeries(bundle.attempts, SERIES_BUCKET_MS), verdict }) };
  } catch (cause) {
    if (isDrillError(cause)) throw cause;
    throw new DrillError(
      'DRILL_BUNDLE_UNREADABLE',
      `${dir}: the evidence is not in the expected form (${messageOf(cause)})`,
      'it was written by another version, or changed; use the original with its own version',
      { cause },
    );
  }
}

/** Reads files of one folder; digests what it reads, and keeps a finding for what it cannot believe. */
class Reader {
  readonly findings: Finding[] = [];
  readonly files: FileDigest[] = [];
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  json<T>(name: string): T | null {
    const parts: Buffer[] = [];
    if (!this.#read(name, (c) => parts.push(Buffer.from(c)))) return null;
    try {
      return JSON.parse(Buffer.concat(parts).toString('utf8')) as T;
    } catch (e) {
      return this.#doubt(`${name} is not JSON: ${messageOf(e)}`);
    }
  }

  /** A chained stream: the lines up to the first one that does not fit. */
  chain<T extends { n: number; prev: string }>(name: string): T[] {
    const out: T[] = [];
    this.#chained<T>(name, (record) => out.push(record));
    return out;
  }

  attempts(name: string): LedgerAttempt[] {
    const out: LedgerAttempt[] = [];
    const fold = new AttemptFold();
    this.#chained<LedgerRecord>(name, (record) => out.push(...fold.push(record)));
    out.push(...fold.end());
    return out;
  }

  /** JSON Lines without a chain: a line that is not JSON is left out and told. */
  lines<T>(name: string): T[] {
    const out: T[] = [];
    let rest = '';
    let n = 0;
    const text = new TextDecoder();
    const add = (line: string) => {
      n += 1;
      try {
        out.push(JSON.parse(line) as T);
      } catch {
        this.#doubt(`${name} line ${n} is not JSON`);
      }
    };
    const read = this.#read(name, (chunk) => {
      const lines = (rest + text.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop()!;
      for (const line of lines) add(line);
    });
    if (read && rest !== '') this.#doubt(`${name} ends in the middle of a line`);
    return out;
  }

  #chained<T extends { n: number; prev: string }>(name: string, each: (record: T) => void): void {
    const reader = new ChainReader<T>(name, (line) => createHash('sha256').update(line).digest('hex'));
    let broken = false;
    const read = this.#read(name, (chunk) => {
      if (broken) return;
      try {
        for (const record of reader.push(chunk)) each(record);
      } catch (e) {
        broken = true;
        this.#doubt(isDrillError(e) ? `${e.code}: ${e.message}; nothing after it is believed` : messageOf(e));
      }
    });
    if (read && !broken && reader.tornBytes > 0) this.#doubt(`${name} ends in the middle of a line, which is left out`);
  }

  #doubt(text: string): null {
    this.findings.push({ severity: 'unknown', text });
    return null;
  }

  #read(name: string, each: (chunk: Uint8Array) => void): boolean {
    let fd: number | null = null;
    try {
      fd = openSync(join(this.#dir, name), 'r');
      const hash = createHash('sha256');
      // no Buffer: the slice() of a Buffer is a view, and these bytes are overwritten by the next read
      const buffer = new Uint8Array(CHUNK_BYTES);
      let bytes = 0;
      for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer)) {
        hash.update(buffer.subarray(0, n));
        bytes += n;
        each(buffer.subarray(0, n));
      }
      this.files.push({ name, bytes, sha256: hash.digest('hex') });
      return true;
    } catch (e) {
      this.#doubt(`${name}: ${(e as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : messageOf(e)}`);
      return false;
    } finally {
      if (fd !== null) closeSync(fd);
    }
  }
}
