/**
 * The decoder of binary logs against other readers of the same files, in turns. Speeds are those of a process that has read the log once already (what a
 * start and the first compilation cost is in the lines that compare whole commands); CPU is of the same run as the time.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { definedOnly } from '../console/temporal.ts';
import { DrillError } from '../core/errors.ts';
import { nodeEnv, nodeFlags } from '../setup/node-env.mjs';
import { CORPORA, ensureCorpus, startServer } from './binlog-corpus.ts';
import type { Corpus, CorpusName, RunningServer } from './binlog-corpus.ts';
import type { Mode, Passes, Seen } from './binlog-ours.ts';
import { ensureRivals, NPM_READERS } from './binlog-rivals.ts';
import type { NpmReader, Rivals } from './binlog-rivals.ts';
import { timedNode, timedProgram } from './binlog-timed.ts';
import type { Used } from './binlog-timed.ts';
import { measurement, median } from './measure.ts';
import type { Measurement } from './measure.ts';
import type { BenchOptions } from './options.ts';

const ROUNDS = 5;
/** of which the last counts: the first ones are slower until everything is compiled */
const PASSES = 4;
const PEAK_MB_MAX = 150;

/** One timed run: of a process, or of the last pass inside it. */
interface Run {
  wallS: number;
  cpuS: number;
  /** of the process; null: not known */
  peakMb: number | null;
}
type Round = Map<string, Run>;
type Counts = Record<CorpusName, Seen>;

interface Context {
  o: BenchOptions;
  corpus: Corpus;
  counts: Counts;
  rivals: Rivals;
  server: RunningServer;
}

export async function benchBinlog(o: BenchOptions, rounds = ROUNDS): Promise<Measurement[]> {
  const corpus = await ensureCorpus(o);
  const rivals = await ensureRivals(o);
  for (const note of rivals.notes) o.say(`binlog: ${note}`);
  const counts = await countAll(o, corpus, rivals);
  await using stack = new AsyncDisposableStack();
  const server = await startServer(corpus.dir, o);
  stack.defer(() => server.stop());
  const runs = runsOf({ o, corpus, counts, rivals, server });
  o.say('binlog: once, cold: of this only the memory counts');
  const cold = await coldRound({ o, corpus, counts, rivals, server });
  const seen: Round[] = [];
  for (let i = 1; i <= rounds; i++) {
    o.say(`binlog: round ${i} of ${rounds}`);
    const round: Round = new Map();
    for (const [key, run] of runs) round.set(key, await run());
    seen.push(round);
  }
  return lines(corpus, counts, seen, cold);
}

/** Ours as after an installation: each process compiles everything anew. */
async function coldRound(c: Context): Promise<Round> {
  const round: Round = new Map();
  const dir = await mkdtemp(join(tmpdir(), 'dbl-'));
  try {
    const env = { ...c.o.env, NODE_COMPILE_CACHE: join(dir, 'compiled') };
    for (const [key, run] of runsOf({ ...c, o: { ...c.o, env } })) {
      if (!isOurs(key)) continue;
      await rm(env.NODE_COMPILE_CACHE, { recursive: true, force: true });
      round.set(key, await run());
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return round;
}

/** As bin/drillbook.mjs starts `drillbook binlog`. */
const asCommand = (o: BenchOptions) => definedOnly(nodeEnv(o.env, 'binlog'));
const ours = (o: BenchOptions, mode: Mode, target: string, passes: number, executed = ''): Promise<Used> =>
  timedNode(o.tools.node, [...nodeFlags('binlog'), join(import.meta.dirname, 'binlog-ours.ts'), mode, target, String(passes), executed], asCommand(o), true);
const peer = (o: BenchOptions, program: string, mode: 'events' | 'rows' | 'cells', file: string): Promise<Used> =>
  timedProgram(program, [mode, file], o.env, true);

/** What is in the logs, by our own account and by the native reader's, which must agree. */
async function countAll(o: BenchOptions, corpus: Corpus, rivals: Rivals): Promise<Counts> {
  const counts: Partial<Counts> = {};
  for (const name of CORPORA) {
    const { file } = corpus.logs[name];
    const { seen } = JSON.parse((await ours(o, 'count', file, 1)).out) as Passes;
    counts[name] = sound(seen, name);
    if (!rivals.peer) continue;
    const theirs = JSON.parse((await peer(o, rivals.peer, 'rows', file)).out.split('\n')[0]!) as { events: number; images: number };
    if (theirs.events !== seen.events || theirs.images !== seen.images)
      throw new DrillError(
        'DRILL_BENCH',
        `${name}: ${seen.events} events and ${seen.images} row images; the native reader saw ${theirs.events} and ${theirs.images}`,
      );
  }
  return counts as Counts;
}

function sound(seen: Seen, what: string): Seen {
  if (seen.findings.length > 0) throw new DrillError('DRILL_BENCH', `${what}: ${seen.findings[0]}`);
  return seen;
}

/** Every run of a round, in its order: each of ours beside what it is compared with. */
function runsOf(c: Context): Map<string, () => Promise<Run>> {
  const { o, corpus, counts, rivals, server } = c;
  const runs = new Map<string, () => Promise<Run>>();
  const file = (name: CorpusName) => corpus.logs[name].file;
  const native = (mode: 'events' | 'rows' | 'cells', name: CorpusName) => {
    const { peer: program } = rivals;
    if (program) runs.set(`${mode} ${name}`, () => peer(o, program, mode, file(name)));
  };
  const pass = (mode: Mode, name: CorpusName) => runs.set(`${mode} ${name}`, () => lastPass(ours(o, mode, file(name), PASSES), mode, counts[name]));
  for (const name of ['simple', 'tiny'] as const) {
    pass('inventory', name);
    native('events', name);
    pass('inventory-all', name);
    runs.set(`checksums ${name}`, () => timedProgram(o.tools.mysqlbinlog, ['--verify-binlog-checksum', file(name)], o.env, false));
  }
  for (const name of ['simple', 'mixed', 'tiny', 'zstd'] as const) {
    pass('hash', name);
    native(name === 'zstd' ? 'rows' : 'cells', name);
  }
  const show = (...more: string[]) =>
    timedNode(o.tools.node, [...nodeFlags('binlog'), join(o.root, 'console/cli/main.ts'), 'binlog', 'show', '--json', ...more], asCommand(o), false);
  for (const name of ['mixed', 'simple', 'tiny'] as const) {
    runs.set(`json ${name}`, () => show(file(name)));
    if (name === 'tiny') continue;
    pass('text', name);
    pass('text2', name);
    runs.set(`vv ${name}`, () => timedProgram(o.tools.mysqlbinlog, ['--base64-output=decode-rows', '-vv', file(name)], o.env, false));
    runs.set(`json2 ${name}`, () => show('--jobs', '2', file(name)));
  }
  // everything but the compressed transactions, which come first
  const { before } = corpus.logs.mixed;
  const total = { ...counts.simple, images: counts.simple.images + counts.mixed.images + counts.tiny.images };
  runs.set('stream', () => lastPass(ours(o, 'stream', server.socket, 2, before), 'stream', total));
  runs.set('drain', async () => lastOf(await timedNode(o.tools.node, [join(import.meta.dirname, 'binlog-drain.ts'), server.socket, before], o.env, true)));
  const { npm } = rivals;
  if (npm) for (const name of NPM_READERS) runs.set(name, () => npmReader(c, npm, name));
  return runs;
}

async function npmReader({ o, corpus, counts, server }: Context, folder: string, name: NpmReader): Promise<Run> {
  const script = join(import.meta.dirname, 'binlog-zongji.mjs');
  const used = await timedNode(o.tools.node, [script, folder, name, server.socket, basename(corpus.logs.tiny.file)], o.env, true);
  const { images } = JSON.parse(used.out) as { images: number };
  if (images !== counts.tiny.images) throw new DrillError('DRILL_BENCH', `${name} saw ${images} of ${counts.tiny.images} row images`);
  return used;
}

/** The last pass of a process of ours, after it is made sure that it saw everything. */
async function lastPass(used: Promise<Used>, mode: Mode, expected: Seen): Promise<Run> {
  const done = await used;
  const { seen } = JSON.parse(done.out) as Passes;
  sound(seen, mode);
  const rows = !mode.startsWith('inventory');
  if (rows ? seen.images !== expected.images : seen.transactions !== expected.transactions)
    throw new DrillError(
      'DRILL_BENCH',
      `${mode} saw ${seen.transactions} transactions and ${seen.images} row images; there are ${expected.transactions} and ${expected.images}`,
    );
  return lastOf(done);
}

function lastOf(used: Used): Run {
  const { wallS, cpuS } = JSON.parse(used.out) as Passes;
  return { wallS: wallS.at(-1)!, cpuS: cpuS.at(-1)!, peakMb: used.peakMb };
}

/** The table of docs/binlog.md's promises, line by line. */
function lines(corpus: Corpus, counts: Counts, rounds: Round[], cold: Round): Measurement[] {
  const all = (key: string): Run[] => rounds.flatMap((r) => r.get(key) ?? []);
  const usedBy = (key: string) => ({ cpuS: median(all(key).map((r) => r.cpuS)), peakMb: Math.max(...all(key).map((r) => r.peakMb ?? NaN)) });
  const rivalOf = (name: string, key: string, value: (r: Run) => number) => {
    const values = all(key).map(value);
    return values.length > 0 ? { name, values } : undefined;
  };
  const speed = (name: string, key: string, o: { amount: number; unit: 'GB/s' | 'M events/s'; goal: number; rival: string; rivalKey: string }) => {
    const value = (r: Run) => o.amount / r.wallS;
    return measurement('binlog', name, o.unit, all(key).map(value), { goal: o.goal, rival: rivalOf(o.rival, o.rivalKey, value), ...usedBy(key) });
  };
  const times = (name: string, key: string, o: { goal?: number; rival: string; rivalKey: string; unit?: '×' | '%' }) => {
    const values = rounds.flatMap((r) => (r.has(o.rivalKey) ? [(r.get(o.rivalKey)!.wallS / r.get(key)!.wallS) * (o.unit === '%' ? 100 : 1)] : []));
    return values.length === 0
      ? []
      : [
          measurement('binlog', name, o.unit ?? '×', values, {
            ...(o.goal ? { goal: o.goal } : {}),
            rival: rivalOf(o.rival, o.rivalKey, (r) => r.wallS),
            ...usedBy(key),
          }),
        ];
  };
  const gb = (name: CorpusName) => ({ amount: corpus.logs[name].bytes / 1e9, unit: 'GB/s' as const });
  const events = { amount: counts.tiny.events / 1e6, unit: 'M events/s' as const };
  const native = 'mysql_common (Rust), nothing checked';
  const cells = 'mysql-binlog-connector-rust, values, nothing checked';
  const crc = 'mysqlbinlog --verify-binlog-checksum';
  const vv = 'mysqlbinlog -vv';
  const npm = NPM_READERS.flatMap((name) => times('command show --json, tiny', 'json tiny', { rival: `${name}, rows from the live server`, rivalKey: name }));
  const result = [
    speed('inventory, simple', 'inventory simple', { ...gb('simple'), goal: 4, rival: native, rivalKey: 'events simple' }),
    speed('inventory, tiny', 'inventory tiny', { ...events, goal: 6, rival: native, rivalKey: 'events tiny' }),
    speed('inventory, every CRC, simple', 'inventory-all simple', { ...gb('simple'), goal: 1.8, rival: crc, rivalKey: 'checksums simple' }),
    speed('inventory, every CRC, tiny', 'inventory-all tiny', { ...events, goal: 2.8, rival: crc, rivalKey: 'checksums tiny' }),
    speed('row hash and key, CRC, simple', 'hash simple', { ...gb('simple'), goal: 1, rival: cells, rivalKey: 'cells simple' }),
    speed('row hash and key, CRC, mixed', 'hash mixed', { ...gb('mixed'), goal: 0.6, rival: cells, rivalKey: 'cells mixed' }),
    speed('row hash and key, CRC, tiny', 'hash tiny', { ...gb('tiny'), goal: 0.3, rival: cells, rivalKey: 'cells tiny' }),
    ...times('every value to text, CRC, mixed', 'text mixed', { goal: 2.7, rival: vv, rivalKey: 'vv mixed' }),
    ...times('every value to text, CRC, two threads, mixed', 'text2 mixed', { goal: 4, rival: vv, rivalKey: 'vv mixed' }),
    ...times('every value to text, CRC, simple', 'text simple', { goal: 6, rival: vv, rivalKey: 'vv simple' }),
    ...times('every value to text, CRC, two threads, simple', 'text2 simple', { rival: vv, rivalKey: 'vv simple' }),
    ...times('command show --json, mixed', 'json mixed', { rival: vv, rivalKey: 'vv mixed' }),
    ...times('command show --json --jobs 2, mixed', 'json2 mixed', { rival: vv, rivalKey: 'vv mixed' }),
    ...times('command show --json, simple', 'json simple', { rival: vv, rivalKey: 'vv simple' }),
    ...times('command show --json --jobs 2, simple', 'json2 simple', { rival: vv, rivalKey: 'vv simple' }),
    ...npm,
    ...times('live stream, row hash and key, CRC', 'stream', { goal: 60, rival: 'bytes of the stream, counted only', rivalKey: 'drain', unit: '%' }),
    speed('compressed transactions, row hash and key, CRC', 'hash zstd', {
      amount: counts.zstd.nestedBytes / 1e9,
      unit: 'GB/s',
      goal: 0.4,
      rival: 'mysql_common (Rust), values',
      rivalKey: 'rows zstd',
    }),
  ];
  const peak = Math.max(...[cold, ...rounds].flatMap((r) => [...r].filter(([key]) => isOurs(key)).map(([, run]) => run.peakMb ?? 0)));
  return [...result, measurement('binlog', 'most memory of any run of ours, cold ones too', 'MB', [peak], { goal: PEAK_MB_MAX })];
}

const isOurs = (key: string): boolean => /^(inventory|hash|text|json|stream)/.test(key);
