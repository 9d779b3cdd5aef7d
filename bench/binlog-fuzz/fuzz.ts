/**
 * The mutation fuzzer of the binary log reader: damaged real logs in; nothing may be thrown, hang, or ask for more memory than was allowed, and in a log with checksums
 * nothing may be told otherwise than the sound log tells it without a finding of level damage or unknown that the sound one does not give.
 *
 * The same holds of an inventory, which hops over rows, for all that it tells. What reads on from there (JSON Lines, verify, statistics, row hashes, the
 * collector, a stream of the same events) may not throw either. Nothing may depend on how the bytes are cut into chunks, nor on what stands in memory behind an event's end.
 *
 * Silent by right, since a server could have written it, or nothing in a log could tell:
 * - a file that ends between two transactions: its calls are the first ones of the sound file, and a note says `in-use` or `unclosed`. Whether a transaction is missing
 *   the next file's PREVIOUS_GTIDS tells, which is a matter of whole logs. Relay logs end between transactions without a word: a replica writes on in the next file;
 * - the in-use flag, which is outside the checksum and only ever a note;
 * - in relay logs, whose positions are another server's: whole events that are missing, doubled or moved where the grammar allows it;
 * - in an inventory, an event inside a transaction whose type has become one that is hopped over by its header alone;
 * - forged checksums, and files without any: only their structure is promised.
 */
import { EVENT, HEADER_BYTES } from '../../core/binlog/codes.ts';
import { isRows } from '../../core/binlog/dispatch.ts';
import { u32 } from '../../core/binlog/wire.ts';
import { consume, CONSUMERS } from './consumers.ts';
import { Random } from './random.ts';
import { isOfItsEvents, soundLogs } from './logs.ts';
import type { SoundLog } from './logs.ts';
import { mutate } from './mutate.ts';
import type { Mutation } from './mutate.ts';
import { byEvent, transcribe, WHOLE } from './transcript.ts';
import type { FileTranscript, Pass } from './transcript.ts';

/** Far above any case: the machine may be busy. */
const CASE_MS_MAX = 5_000;
const FAILURES_MAX = 20;
const MAGIC_BYTES = 4;
const HOPPED = new Set<number>([EVENT.TABLE_MAP, EVENT.ROWS_QUERY, EVENT.MARIA_ANNOTATE_ROWS]);
/** What stands behind an event: numbers that are small, huge, and lengths that are none. */
const BEHIND = [0x00, 0x01, 0x55, 0xfb, 0xff];

export interface FuzzFailure {
  /** `fuzz(1, seed)` does it again */
  seed: number;
  what: string;
  /** what was thrown, or what was told otherwise without a finding */
  why: string;
}
export interface FuzzResult {
  cases: number;
  /** of them, those where a silent difference would have been seen */
  watched: number;
  /** of those, told by a finding; the others changed nothing that a reader sees, or are silent by right */
  found: number;
  failures: FuzzFailure[];
}

/** What the sound logs tell, by pass. */
type Sound = Record<Pass, ReadonlyMap<SoundLog, FileTranscript[]>>;

/** `seed` of the first case; the next ones count up. `at[0]`: how many were begun, for whoever watches. Ends early after 20 failures. */
export async function fuzzHere(cases: number, seed: number, at: Int32Array): Promise<FuzzResult> {
  const logs = soundLogs();
  const told = async (pass: Pass) => new Map(await Promise.all(logs.map(async (log) => [log, await transcribe(log.files, WHOLE, pass)] as const)));
  const sound: Sound = { rows: await told('rows'), inventory: await told('inventory') };
  const result: FuzzResult = { cases: 0, watched: 0, found: 0, failures: [] };
  for (let i = 0; i < cases && result.failures.length < FAILURES_MAX; i++) {
    Atomics.store(at, 0, i + 1);
    await fuzzOne((seed + i) >>> 0, logs, sound, result);
  }
  return result;
}

async function fuzzOne(seed: number, logs: readonly SoundLog[], sound: Sound, result: FuzzResult): Promise<void> {
  const random = new Random(seed);
  const log = random.pick(logs);
  const mutation = mutate(log, logs, random);
  result.cases++;
  const fail = (why: string): void => void result.failures.push({ seed, what: mutation.what, why });
  const begun = performance.now();
  try {
    await read(mutation, log, sound, random, result, fail);
  } catch (e) {
    fail(e instanceof Error ? (e.stack ?? e.message) : String(e));
  }
  const ms = performance.now() - begun;
  if (ms > CASE_MS_MAX) fail(`took ${Math.round(ms)} ms`);
}

async function read(mutation: Mutation, log: SoundLog, sound: Sound, random: Random, result: FuzzResult, fail: (why: string) => void): Promise<void> {
  const { files, forged } = mutation;
  const pass: Pass = random.chance(6) ? 'inventory' : 'rows';
  // small chunks cost
  const piece = random.chance(6) ? random.pick([1000, 1000, 37, 37, 1]) : 0;
  const told = await transcribe(files, piece === 0 ? WHOLE : { next: () => 1 + random.below(piece) }, pass);
  if (random.chance(forged ? 3 : 12)) {
    const again = await transcribe(files, byEvent(random.pick(BEHIND)), pass);
    if (JSON.stringify(again.map(asText)) !== JSON.stringify(told.map(asText))) fail(`${pass}: something else is told when the same bytes come event by event`);
  }
  if (random.chance(5)) await consume(random.pick(CONSUMERS), files);
  if (forged || !log.checksums) return;
  result.watched++;
  if (pass === 'inventory' && log.files.some((f, k) => becameHopped(f.bytes, mutation.files[k]!.bytes))) return;
  const why = silent(sound[pass].get(log)!, told, log, mutation);
  if (why === 'found') result.found++;
  else if (why !== null) fail(`${pass}: ${why}`);
}

const asText = (file: FileTranscript): string => `${file.calls.join()} ${file.findings.map((f) => `${f.kind} ${f.offset} ${f.text}`).join()}`;

/** Whether an event of a sound file is now of a type that an inventory hops over. */
function becameHopped(sound: Uint8Array, now: Uint8Array): boolean {
  if (now.length !== sound.length) return false;
  for (let at = MAGIC_BYTES; at + HEADER_BYTES <= sound.length; at += u32(sound, at + 9)) {
    const type = now[at + 4]!;
    if (type !== sound[at + 4] && (isRows(type) || HOPPED.has(type))) return true;
  }
  return false;
}

/** Why a difference is silent without right; null when there is none; `found` when a finding tells it. */
function silent(sound: readonly FileTranscript[], told: readonly FileTranscript[], log: SoundLog, mutation: Mutation): string | null {
  if (hasNewFinding(sound, told)) return 'found';
  for (const [i, file] of sound.entries()) {
    const now = told[i];
    if (!now) return `nothing was told of file ${i}`;
    const same = sharedCalls(file.calls, now.calls);
    if (same === file.calls.length && same === now.calls.length) continue;
    if (log.relay && log.files.every((f, k) => isOfItsEvents(f, mutation.files[k]!.bytes))) continue;
    const cut = same === now.calls.length && file.between.has(same);
    const noted = now.findings.some((f) => f.kind === 'in-use' || f.kind === 'unclosed');
    if (!cut || !(noted || log.relay)) return `file ${i} tells something else from call ${same} of ${file.calls.length} on, without a finding`;
  }
  return null;
}

function sharedCalls(a: readonly number[], b: readonly number[]): number {
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  return same;
}

/** Of level damage or unknown, and more of its kind than the sound log has. */
function hasNewFinding(sound: readonly FileTranscript[], told: readonly FileTranscript[]): boolean {
  const known = new Map<string, number>();
  for (const f of sound.flatMap((file) => file.findings)) known.set(f.kind, (known.get(f.kind) ?? 0) + 1);
  for (const f of told.flatMap((file) => file.findings)) {
    if (f.level === 'note') continue;
    const left = (known.get(f.kind) ?? 0) - 1;
    if (left < 0) return true;
    known.set(f.kind, left);
  }
  return false;
}
