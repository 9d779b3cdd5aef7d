/** Every benchmark, one after another: they share two cores and would measure each other. */
import { loadavg } from 'node:os';
import { benchCut } from './cut.ts';
import { benchDrill, benchIdle } from './drill.ts';
import { benchLab } from './lab.ts';
import { machine } from './machine.ts';
import type { Machine } from './machine.ts';
import type { Measurement } from './measure.ts';
import { measurement } from './measure.ts';
import type { BenchOptions, Part } from './options.ts';
import { plainStart } from './plain.ts';
import { benchSignoff } from './signoff.ts';

export interface BenchResult {
  machine: Machine;
  measurements: Measurement[];
}

const LABS = 5;

export async function bench(o: BenchOptions, parts: readonly Part[]): Promise<BenchResult> {
  const loadBefore = loadavg()[0]!;
  const measurements: Measurement[] = [];
  const wants = (part: Part) => parts.includes(part);
  const run = async (what: string, part: () => Promise<Measurement[]>) => {
    o.say(what);
    measurements.push(...(await part()));
  };
  if (wants('lab')) await run('lab: bring-up, and the same servers started by hand', () => labs(o));
  if (wants('cut')) await run('cut: made and healed, seen by probes', () => benchCut(o));
  if (wants('signoff')) await run('signoff: signed updates and bare ones, in turns', () => benchSignoff(o));
  if (wants('memory')) await run('memory: an idle worker', () => benchIdle(o));
  if (wants('drill') || wants('memory')) {
    await run('drill: whole rehearsals', async () => (await benchDrill(o)).filter((m) => wants(m.part as Part)));
  }
  if (wants('people')) await run('people: from one browser to another', async () => (await import('./people.ts')).benchPeople(o));
  if (wants('binlog')) await run('binlog: the decoder, and other readers of the same logs', async () => (await import('./binlog.ts')).benchBinlog(o));
  if (wants('binlog-fuzz')) await run('binlog-fuzz: damaged logs', async () => (await import('./binlog-fuzz.ts')).benchBinlogFuzz(o));
  if (wants('reconcile')) await run('reconcile: two tables of 5 million rows', async () => (await import('./reconcile-compare.ts')).benchReconcileCompare(o));
  if (wants('reconcile'))
    await run('reconcile: a plan applied and proven, and a plain replay', async () => (await import('./reconcile-plan.ts')).benchReconcilePlan(o));
  if (wants('reconcile')) await run('reconcile: ten million lost rows', async () => (await import('./reconcile-memory.ts')).benchReconcileMemory(o));
  return { machine: machine({ ...o, loadBefore, now: new Date() }), measurements };
}

/** In turns: what the machine does meanwhile slows both. */
async function labs(o: BenchOptions): Promise<Measurement[]> {
  const [ours, plain, stop]: [number[], number[], number[]] = [[], [], []];
  for (let i = 0; i < LABS; i++) {
    const one = await benchLab({ ...o, n: 1, warm: i === 0 });
    ours.push(one.bringUpMs);
    stop.push(one.stopMs);
    plain.push(await plainStart(o));
  }
  const rival = { name: 'three plain mysqld, one after another, no namespaces', values: plain };
  return [measurement('lab', 'bring-up: 3 nodes, network, replication proven', 'ms', ours, { rival }), measurement('lab', 'end of a lab', 'ms', stop)];
}
