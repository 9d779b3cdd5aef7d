/** The comparison of a report's times with what was seen from outside must be able to fail: an instant that is off, one that nobody saw, one that is there too early. */
import { buildReport } from '../../core/report.ts';
import type { ReportModel } from '../../core/report/model.ts';
import { computeVerdict } from '../../core/verdict.ts';
import { reportInput } from '../fixtures/bundle.ts';
import { misfits, Outside, TOLERANCE_MS } from '../support/outside.ts';

const input = reportInput('pass');
const plan = { ...input.plan, rehearsal: null };
const report = buildReport({ ...input, plan, verdict: computeVerdict({ ...input, plan, rows: [] }) });
const ids = plan.steps.map((s) => s.id);
const first = { taken: `${ids[0]}/1 acknowledged`, signed: `${ids[0]}/1 done` };

/** Somebody who saw everything to within 20 ms. */
function seen(change: (what: string, ms: number) => number | null = (_, ms) => ms): Outside {
  const outside = new Outside();
  const told = new Set<string>();
  for (const { what, reportedMs, untilMs } of new Outside().held(report, ids, first)) {
    const ms = change(what, reportedMs);
    if (ms === null || told.has(what)) continue;
    told.add(what);
    outside.act(what, ms - 10 + (untilMs - reportedMs) * Number(ms > reportedMs), ms + 10 + (untilMs - reportedMs) * Number(ms > reportedMs));
  }
  return outside;
}
const wrong = (outside: Outside, r: ReportModel = report) => misfits(outside.held(r, ids, first)).wrong;

test('what was seen as it is told fits, all of it', () => {
  expect(wrong(seen())).toEqual([]);
  const names = seen()
    .held(report, ids, first)
    .map((h) => h.what);
  for (const what of [
    ...ids.flatMap((id) => ['opened', 'acknowledged', 'done', 'checked', 'ended'].map((m) => `${id}/1 ${m}`)),
    'cut',
    'db1 died',
    'db2 written',
    'recovered',
    'converged',
  ])
    expect(names).toContain(what);
});
test.each(['recover/1 opened', 'fence/1 acknowledged', 'rejoin/1 done', 'list/1 ended', 'cut', 'db1 died', 'db2 written', 'recovered', 'converged', 'ended'])(
  '%s: off by more than is allowed, early or late, or not seen',
  (what) => {
    const off = (by: number) => wrong(seen((w, ms) => (w === what ? ms + by : ms)));
    expect(off(TOLERANCE_MS)).toEqual([]);
    for (const by of [TOLERANCE_MS + 20, -TOLERANCE_MS - 20]) expect(off(by)[0]).toContain(`${what}: ${TOLERANCE_MS + 10} ms outside`);
    expect(wrong(seen((w, ms) => (w === what ? null : ms)))[0]).toContain(`${what}: not seen`);
  },
);
test('an act is never told before it was done, whatever else was seen', () => {
  const outside = seen();
  const { reportedMs } = outside.held(report, ids, first).find((h) => h.what === 'fence/1 done')!;
  outside.act('fence/1 done', reportedMs + 300);
  expect(wrong(outside)).toEqual([expect.stringContaining('fence/1 done: 300 ms outside'), expect.stringContaining('fence/1 done: 300 ms outside')]);
});
