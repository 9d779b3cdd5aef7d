/**
 * Schedules that drill, on real MySQL and a real Temporal: three drills at a short interval with firings that overlap, a failing one that pauses; two schedules on one
 * target; the scheduler stopped, killed and missing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { BUNDLE } from '../../../core/bundle.ts';
import { sha256Hex } from '../../../core/json.ts';
import type { ReportModel } from '../../../core/report/model.ts';
import { choosePorts, startTemporal } from '../../../console/cli/run/engine.ts';
import type { Listed } from '../../../console/people/listed.ts';
import { withScheduler } from '../../../console/schedules/scheduler.ts';
import type { ScheduleView } from '../../../console/schedules/schedules.ts';
import { marked, within } from '../../support/census.ts';
import { ROOT, runbookWith } from '../../support/drill.ts';
import { recordHistory } from '../../support/histories.ts';
import { testTools } from '../../support/tools.ts';
import { testScheduler } from '../../support/scheduler.ts';
import type { TestScheduler } from '../../support/scheduler.ts';

const DRILL_MS = 300_000;
/** Other drills may run on this machine. */
const NAME = `scheduled-${randomBytes(3).toString('hex')}`;
const named = (s: TestScheduler): string => runbookWith(s.dir, [['runbook: mysql-stale-promotion', `runbook: ${NAME}`]]);
/** From the next drill on, the rehearsal is the one that must go red. */
function spoil(file: string): void {
  const text = readFileSync(file, 'utf8');
  const changed = text.replace(/^ {2}default:$/m, '  as-written:').replace(/^ {2}forced-replay:$/m, '  default:');
  expect(changed).not.toBe(text);
  writeFileSync(file, changed);
}
const begun = (v: ScheduleView, n: number): boolean => v.firings.length === n && v.firings[0]!.drillId !== null;
const outcomes = (v: ScheduleView): string[] => v.firings.map((f) => f.outcome);

test('three drills at a short interval: firings that overlap are skipped and counted, another schedule finds the target in use, a failing drill pauses', async () => {
  await using s = testScheduler();
  await s.serve();
  const runbook = named(s);
  s.schedule('create', 'often', runbook, '--cron', '@every 20s');
  s.schedule('create', 'rival', runbook, '--cron', '0 3 1 1 *');

  const first = await s.until('often', (v) => begun(v, 1), DRILL_MS);
  // as any other drill of this machine, and nothing says where its Temporal is
  const drill = first.firings[0]!.drillId!;
  const running = (JSON.parse(s.run(['list', '--json']).out) as Listed[]).find((d) => d.drill === drill);
  expect(running?.phase).toMatch(/^(preparing|chain|manual|verifying)$/);
  s.schedule('trigger', 'rival');
  const loser = await s.until('rival', (v) => v.firings.length === 1 && v.firings[0]!.outcome !== 'running', 60_000);
  expect(loser).toMatchObject({
    paused: false,
    firings: [{ outcome: 'skipped', says: 'target local was being drilled by schedule often (DRILL_TARGET_IN_USE)', drillId: null, bundle: null }],
  });
  expect(s.run(['schedule', 'trigger', 'often'])).toEqual({ status: 1, out: 'skipped: a drill of this schedule still runs\n', err: '' });

  await s.until('often', (v) => begun(v, 2), DRILL_MS);
  spoil(runbook);
  const seen = await s.until('often', (v) => v.paused, 2 * DRILL_MS);
  expect(outcomes(seen)).toEqual(['fail', 'pass', 'pass']);
  expect(seen.note).toMatch(/^paused due to workflow failure: scheduled-often-.*\d+ acknowledged writes were not/);
  expect(seen.counts).toMatchObject({ fired: 3, missed: 0 });
  // the one that was asked for by hand, and at least one that was due
  expect(seen.counts.overlapped).toBeGreaterThan(1);
  expect(s.run(['schedule', 'show', 'often']).out).toMatch(/firings {3}3, \d+ skipped: the drill before still ran\n/);

  const reports = seen.firings.toReversed().map((f) => {
    expect(sha256Hex(readFileSync(join(f.bundle!, BUNDLE.manifest)))).toBe(f.digest);
    const ran = s.run(['report', f.bundle!, '--json']);
    expect([ran.status, ran.err]).toEqual([f.outcome === 'pass' ? 0 : 1, '']);
    return JSON.parse(ran.out) as ReportModel;
  });
  for (const [i, { meta }] of reports.entries()) if (i > 0) expect(meta.startedWallMs!).toBeGreaterThan(endOf(reports[i - 1]!));
  const list = JSON.parse(s.run(['list', '--json']).out) as Listed[];
  expect(list.filter((d) => d.drill.endsWith(NAME)).map((d) => d.verdict)).toEqual(['fail', 'pass', 'pass']);

  await record(s.env, 'often', 'scheduled-passed', null, 'scheduled-failed');
  await record(s.env, 'rival', 'scheduled-skipped');

  // paused is paused
  await new Promise((r) => setTimeout(r, 25_000));
  expect(s.schedule('show', 'often').counts).toEqual(seen.counts);
}, 1_200_000);

/** The histories of a schedule's firings, the first one first; null: not of that one. */
async function record(env: TestScheduler['env'], schedule: string, ...names: (string | null)[]): Promise<void> {
  await withScheduler({ env }, async ({ client }) => {
    const { recentActions } = (await client.schedule.getHandle(schedule).describe()).info;
    for (const [i, name] of names.entries())
      if (name !== null) await recordHistory(name, client.workflow.getHandle(recentActions[i]!.action.workflow.workflowId));
  });
}

const endOf = ({ meta }: ReportModel): number => meta.startedWallMs! + meta.tookMs!;

test('the scheduler ends: its drill is aborted in order, or, when it is killed, dies with it; both are unknown, neither is tried again', async () => {
  await using s = testScheduler();
  let serving = await s.serve();
  s.schedule('create', 'one', named(s), '--cron', '0 3 1 1 *');
  s.schedule('trigger', 'one');
  await s.until('one', (v) => begun(v, 1), DRILL_MS);
  serving.process.kill('SIGTERM');
  expect(await serving.ended).toBe(0);
  expect(await within(10_000, () => marked(s.mark).length === 0)).toBe(true);
  serving = await s.serve();
  const aborted = await s.until('one', (v) => v.paused, 60_000);
  expect(aborted.firings).toMatchObject([{ outcome: 'unknown', says: expect.stringContaining('aborted'), drillId: expect.any(String) }]);
  const report = JSON.parse(s.run(['report', aborted.firings[0]!.bundle!, '--json']).out) as ReportModel;
  expect(report.verdict).toBe('unknown');

  // by hand, and it stays paused
  s.schedule('trigger', 'one');
  await s.until('one', (v) => begun(v, 2), DRILL_MS);
  serving.process.kill('SIGKILL');
  expect(await within(15_000, () => marked(s.mark).length === 0)).toBe(true);
  serving = await s.serve();
  const killed = await s.until('one', (v) => v.firings[0]!.outcome !== 'running', 120_000);
  expect(killed.firings).toMatchObject([{ outcome: 'unknown', says: expect.stringContaining('went away while it drilled') }, aborted.firings[0]!]);
  expect(killed).toMatchObject({ paused: true, counts: { fired: 2 } });
  expect(await within(5_000, () => marked(s.mark).some((p) => p.command.includes('main.ts run')))).toBe(false);
}, 900_000);

test('on a Temporal of the user’s own: a firing that nobody served for a minute is missed, and pauses nothing', async () => {
  await using s = testScheduler();
  const ports = await choosePorts({});
  const temporal = await startTemporal({ tools: testTools(), root: ROOT, dir: s.dir, logDir: s.dir, env: s.env }, ports);
  const more = { TEMPORAL_ADDRESS: `127.0.0.1:${ports.frontend}` };
  const schedule = (...args: string[]): ScheduleView => {
    const ran = s.run(['schedule', ...args, '--json'], more);
    expect({ args, ...ran }).toMatchObject({ args, status: 0, err: expect.stringContaining('drillbook schedule serve does not run here') });
    return JSON.parse(ran.out) as ScheduleView;
  };
  schedule('create', 'lonely', '--cron', '0 3 1 1 *');
  schedule('trigger', 'lonely');
  expect(outcomes(schedule('show', 'lonely'))).toEqual(['running']);
  await new Promise((r) => setTimeout(r, 65_000));
  await s.serve(more);
  expect(s.run(['schedule', 'list'])).toMatchObject({
    status: 2,
    err: expect.stringContaining('was started with a TEMPORAL_ADDRESS\n  what to do: set the same one'),
  });
  let view: ScheduleView;
  const look = (): string => {
    view = JSON.parse(s.run(['schedule', 'show', 'lonely', '--json'], more).out) as ScheduleView;
    return view.firings[0]!.outcome;
  };
  expect(await within(60_000, () => look() !== 'running')).toBe(true);
  expect(view!).toMatchObject({
    paused: false,
    firings: [{ outcome: 'missed', says: expect.stringMatching(/was not there until \d+ s later/), drillId: null }],
  });
  await record({ ...s.env, ...more }, 'lonely', 'scheduled-missed');
  await temporal.end(0);
}, 300_000);
