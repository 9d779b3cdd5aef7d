/** `drillbook schedule` on a real Temporal server: made, looked at, paused, resumed, started by hand, deleted; no drill gets further than its set-up here. */
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { schedulerFolder, withScheduler } from '../../../console/schedules/scheduler.ts';
import type { ScheduleView } from '../../../console/schedules/schedules.ts';
import type { ScheduledDrill } from '../../../workflows/messages.ts';
import { runbookWith } from '../../support/drill.ts';
import { testScheduler } from '../../support/scheduler.ts';
import type { Serving, TestScheduler } from '../../support/scheduler.ts';

let s: TestScheduler;
let serving: Serving;
beforeAll(async () => {
  s = testScheduler();
  refused(['list'], 'DRILL_NO_SCHEDULER', 'drillbook schedule serve does not run here\n');
  serving = await s.serve();
}, 120_000);
afterAll(() => s[Symbol.asyncDispose]());

function refused(args: string[], code: string, seen: string, more: Record<string, string> = {}): void {
  const ran = s.run(['schedule', ...args], more);
  expect({ args, ...ran }).toEqual({ args, status: 2, out: expect.any(String), err: expect.stringContaining(`${code}: `) });
  expect(ran.err).toContain(seen);
  expect(ran.err).toMatch(/\n {2}what to do: \S/);
}
const names = (): string[] => s.schedule<ScheduleView[]>('list').map((v) => v.name);
/** The list may lag a moment. */
async function listed(wanted: string[]): Promise<void> {
  for (const deadline = Date.now() + 20_000; names().join() !== wanted.join() && Date.now() < deadline;) await new Promise((r) => setTimeout(r, 200));
  expect(names()).toEqual(wanted);
}

test('a dry run shows the next ten firings, in the zone, and makes nothing', () => {
  const flags = ['--at', '02:30', '--on', 'sun', '--in', 'mar,oct', '--zone', 'Europe/Berlin'];
  const ran = s.run(['schedule', 'create', 'looked-at', ...flags, '--dry-run']);
  expect({ status: ran.status, err: ran.err }).toEqual({ status: 0, err: '' });
  const times = ran.out.match(/Sun, \d\d (Mar|Oct) \d{4}, 02:30:00 GMT\+[12]/g)!;
  expect(times.length).toBe(10);
  // the last Sunday in March has no 02:30 there
  expect(times.some((t) => /(2[5-9]|3[01]) Mar/.test(t))).toBe(false);
  expect(new Set(times.map((t) => t.slice(-5)))).toEqual(new Set(['GMT+1', 'GMT+2']));
  refused(['show', 'looked-at'], 'DRILL_NO_SCHEDULE', 'there is no schedule looked-at');
  const { created, next } = s.schedule<ScheduleView & { created: boolean }>('create', 'looked-at', ...flags, '--dry-run');
  expect([created, next.length]).toEqual([false, 10]);
}, 60_000);

const create = (...more: string[]): string[] => ['create', 'refused', ...more];
test('what cannot be is refused, with what to do, and leaves nothing', async () => {
  refused(create('--cron', '0 99 * * *'), 'DRILL_SCHEDULE_WHEN', 'Hour is not in range');
  refused(create('--cron', '0 3 30 2 *'), 'DRILL_SCHEDULE_WHEN', 'there is no such time');
  refused(create('--at', '03:00', '--zone', 'Europe/Nowhere'), 'DRILL_ZONE_UNKNOWN', 'Europe/Nowhere');
  // Node takes it, the server does not
  refused(create('--at', '03:00', '--zone', 'europe/berlin'), 'DRILL_ZONE_UNKNOWN', 'europe/berlin');
  refused(create('--at', '03:00', '--crew', './none.yaml'), 'DRILL_CREW_UNKNOWN', 'none.yaml');
  refused(['create', 'Refused!', '--at', '03:00'], 'DRILL_USAGE', 'Refused!');
  refused(['list'], 'DRILL_NO_TEMPORAL', '127.0.0.1:9', { TEMPORAL_ADDRESS: '127.0.0.1:9' });
  refused(['serve'], 'DRILL_SCHEDULER_RUNS', String(serving.process.pid));
  await listed([]);
}, 120_000);

test('made, looked at, paused, resumed, deleted', async () => {
  const made = s.schedule<ScheduleView & { created: boolean }>('create', 'nightly', '--cron', '0 3 * * *', '--zone', 'UTC', '--jitter', '20m');
  expect(made).toMatchObject({ name: 'nightly', created: true, paused: false, zone: 'UTC', jitterMs: 1_200_000, firings: [] });
  expect(made.drill).toEqual({ runbook: 'mysql-stale-promotion', target: 'local', who: { rehearse: 'default' }, out: join(s.dir, 'drills') });
  const at = made.next.map((t) => new Date(t));
  expect(at.length).toBe(10);
  // moved by up to 20 minutes, each by another time
  expect(at.every((t) => t.getUTCHours() === 3 && t.getUTCMinutes() < 20)).toBe(true);
  expect(new Set(at.map((t) => t.getUTCMinutes() * 60 + t.getUTCSeconds())).size).toBeGreaterThan(5);
  refused(['create', 'nightly', '--at', '03:00'], 'DRILL_SCHEDULE_EXISTS', 'nightly');
  expect(s.schedule('show', 'nightly')).toMatchObject({ next: made.next, counts: { fired: 0, overlapped: 0, missed: 0 } });
  await listed(['nightly']);
  // explicit: the server's own defaults would catch up for a year, and go on after a failure
  const { policies } = await withScheduler(s, ({ client }) => client.schedule.getHandle('nightly').describe());
  expect(policies).toEqual({ overlap: 'SKIP', catchupWindow: 60_000, pauseOnFailure: true });

  const paused = s.schedule('pause', 'nightly', '--reason', 'we move house');
  expect(paused).toMatchObject({ paused: true, note: expect.stringMatching(/^paused by .*@.*: we move house$/) });
  const list = s.run(['schedule', 'list']).out;
  expect(list).toMatch(/^nightly .* mysql-stale-promotion on local, rehearsal default {3}paused: by .*: we move house\n$/);
  expect(list).not.toContain('\u001b');
  expect(s.schedule('resume', 'nightly')).toMatchObject({ paused: false, next: made.next });

  expect(s.schedule('delete', 'nightly')).toEqual({ name: 'nightly', deleted: true });
  refused(['pause', 'nightly'], 'DRILL_NO_SCHEDULE', 'nightly');
  await listed([]);
  expect(s.schedule<{ created: boolean }>('create', 'nightly', '--at', '03:00')).toMatchObject({ created: true });
}, 120_000);

test('a firing that cannot begin its drill is unknown, says why, and pauses the schedule; a server that is killed forgets nothing', async () => {
  const runbook = runbookWith(s.dir, []);
  s.schedule('create', 'broken', runbook, '--at', '03:00', '--yes');
  rmSync(runbook);
  const { firing } = s.schedule<{ firing: string }>('trigger', 'broken');
  expect(firing).toMatch(/^scheduled-broken-/);
  const seen = await s.until('broken', (v) => v.paused, 60_000);
  expect(seen.firings).toEqual([
    { at: expect.any(String), outcome: 'unknown', says: expect.stringContaining('DRILL_RUNBOOK_UNKNOWN'), drillId: null, bundle: null, digest: null },
  ]);
  expect(seen.note).toContain('DRILL_RUNBOOK_UNKNOWN');
  const text = s.run(['schedule', 'show', 'broken']).out;
  expect(text).toMatch(/state {5}paused: a drill did not pass: DRILL_RUNBOOK_UNKNOWN/);
  expect(text).toMatch(/\? UNKNOWN/);

  // what comes from Temporal is no command line
  await withScheduler(s, async ({ client }) => {
    await client.schedule.getHandle('broken').update((was) => {
      const [drill] = was.action.args as [ScheduledDrill];
      return { ...was, action: { ...was.action, args: [{ ...drill, runbook: '--keep' }] } };
    });
  });
  s.schedule('trigger', 'broken');
  const flagged = await s.until('broken', (v) => v.firings.length === 2 && v.firings[0]!.outcome !== 'running', 60_000);
  expect(flagged.firings[0]).toMatchObject({ outcome: 'unknown', says: expect.stringContaining('the schedule asks for no drill'), drillId: null });

  serving.process.kill('SIGKILL');
  await serving.ended;
  refused(['show', 'broken'], 'DRILL_NO_SCHEDULER', 'its schedules are kept');
  serving = await s.serve();
  expect(s.schedule('show', 'broken')).toMatchObject({ paused: true, firings: flagged.firings });
  expect(s.schedule('show', 'nightly').next.length).toBe(10);
  const folder = schedulerFolder(s.env);
  expect([statSync(folder).mode & 0o777, statSync(join(folder, 'serve.json')).mode & 0o777]).toEqual([0o700, 0o600]);
  serving.process.kill('SIGTERM');
  expect([await serving.ended, readFileSync(join(folder, 'temporal.db')).length > 0]).toEqual([0, true]);
}, 180_000);
