/** The report's model: every number is the bundle's, nothing is invented when the bundle is silent, the same input gives the same bytes. */
import { describe, expect, test } from '@jest/globals';
import { canonicalJson } from '../../core/json.ts';
import { buildReport } from '../../core/report.ts';
import type { ReportInput } from '../../core/report.ts';
import { ns, reportInput, T0_WALL_MS } from '../fixtures/bundle.ts';
import type { Case } from '../fixtures/bundle.ts';

const CASES: Case[] = ['pass', 'forced-replay', 'lapsed-lease'];
const figure = (input: ReportInput, id: string) => buildReport(input).figures.find((f) => f.id === id)!;

function frozen<T>(value: T): T {
  if (value !== null && typeof value === 'object') {
    Object.freeze(value);
    for (const v of Object.values(value)) frozen(v);
  }
  return value;
}

describe.each(CASES)('%s', (kind) => {
  const input = frozen(reportInput(kind));
  const model = buildReport(input);

  test('is plain JSON and the same bytes each time, from input it does not touch', () => {
    const text = canonicalJson(model);
    expect(canonicalJson(buildReport(reportInput(kind)))).toHaveLength(text.length);
    expect(canonicalJson(buildReport(input))).toBe(text);
    expect(JSON.parse(text)).toEqual(model);
  });
  test('says the verdict, its sentence and its reasons as they are', () => {
    expect(model).toMatchObject({ verdict: input.verdict.verdict, code: input.verdict.code, sentence: input.verdict.sentence, reasons: input.verdict.reasons });
  });
  test('figures are those of the verdict, with objectives of the plan', () => {
    const f = input.verdict.figures;
    expect(model.figures.map((m) => m.value)).toEqual([f.serviceRto.ms, f.dataRto.ms, f.convergence.ms, f.rpoAtPromotion.seconds, f.rpoAfterRecovery.writes]);
    expect(model.figures.map((m) => m.objective)).toEqual([30_000, 300_000, 300_000, null, 0]);
  });
  test('the fates are counted as in fates.jsonl, and every bad write is in the total', () => {
    for (const { fate, count } of model.data.fates) expect([fate, count]).toEqual([fate, input.fates.filter((f) => f.fate === fate).length]);
    const bad = input.fates.filter((f) => f.fate && ['missing', 'altered', 'duplicated', 'unknown'].includes(f.fate));
    expect(model.data.bad.total).toBe(bad.length);
    expect(model.data.bad.shown).toHaveLength(Math.min(50, bad.length));
    expect(model.data.fates.reduce((n, f) => n + f.count, 0)).toBe(model.data.acked);
  });
  test('rates add up to the attempts, but for a last bucket that is not full', () => {
    const c = model.clients;
    const sum = (v: number[]) => Math.round((v.reduce((a, b) => a + b, 0) * c.bucketMs) / 1000);
    const shown = sum(c.acked) + sum(c.failed) + sum(c.unknown);
    expect(input.attempts.length - shown).toBeGreaterThanOrEqual(0);
    expect(input.attempts.length - shown).toBeLessThan(100);
    expect(c.totals.acked + c.totals.failed + c.totals.unknown).toBe(input.attempts.length);
  });
});

describe('what went wrong is seen', () => {
  const failed = buildReport(reportInput('forced-replay'));
  test('few altered writes are not hidden by many missing ones', () => {
    const shown = failed.data.bad.shown.map((b) => b.fate);
    expect(shown.filter((f) => f === 'altered')).toHaveLength(3);
    expect(shown.filter((f) => f === 'missing')).toHaveLength(47);
  });
  test('the data lane never says "all back" while writes are bad', () => {
    expect(failed.timeline.data).toMatchObject({ afterState: 'fail', after: expect.stringMatching(/^\d+ writes missing or wrong$/) });
    expect(failed.timeline.backMs).toBeNull();
    const input = reportInput('forced-replay');
    const late = { ...input, reconcile: { ...input.reconcile!, lastRecoveryCommitUs: String((T0_WALL_MS + 30_000) * 1000) } };
    expect(buildReport(late).timeline.backMs).toBeNull();
  });
  test('a replay with errors ignored is told in words', () => {
    expect(failed.story.join(' ')).toMatch(
      /800 lost transactions count as executed.*By GTID nothing is missing; by row, \d+ acknowledged writes are missing or wrong/,
    );
  });
  test('a step that its check sent back is a row of its own, and so is its second attempt', () => {
    const rows = failed.people.rows.filter((r) => r.title.startsWith('Recover'));
    expect(rows.map((r) => [r.number, r.state, r.outcome])).toEqual([
      ['4', 'fail', 'sent back by its check'],
      ['4 (attempt 2)', 'unknown', 'skipped: the rehearsal goes on'],
    ]);
  });
  test('a lapsed lease is a broken expectation; what could not be measured is unknown, not zero', () => {
    const m = buildReport(reportInput('lapsed-lease'));
    expect(m.expectations.filter((e) => e.held === false).map((e) => e.expected)).toContain('no lease lapses');
    expect(m.figures.map((f) => f.says)).toEqual(['unknown', '0 s', 'unknown', '0 s', '0 writes']);
    expect(m.timeline.faults.bars[0]!.label).toContain('its lease lapsed');
    expect(m.people.rows.every((r) => r.outcome === 'never opened')).toBe(true);
  });
  test('fewer conflicts than expected: not held', () => {
    const input = reportInput('pass');
    const starved = { ...input, reconcile: { ...input.reconcile!, conflicts: { ...input.reconcile!.conflicts, 'update/update': 3 } } };
    expect(buildReport(starved).expectations.find((e) => e.expected === 'at least 20 update/update conflicts')).toMatchObject({ seen: '3', held: false });
  });
  test('an objective that was missed is missed, whatever its value', () => {
    const input = reportInput('pass');
    const f = { ...input.verdict.figures, serviceRto: { ms: 31_000, errorMs: 5, objectiveMs: 30_000, met: false } };
    expect(figure({ ...input, verdict: { ...input.verdict, figures: f } }, 'service-rto')).toMatchObject({ says: '31.0 s', state: 'missed' });
  });
});

test('staleness after the workload has stopped is no staleness: nobody writes heartbeats', () => {
  const input = reportInput('pass');
  const late = { ...input.samples[0]!, at: ns(46_500), staleMs: 9_000 };
  const worst = buildReport({ ...input, samples: [...input.samples, late] }).clients.staleness.flatMap((n) =>
    n.points.filter((p) => p.atMs > 20_000).map((p) => p.staleMs),
  );
  expect(Math.max(...worst.map(Number))).toBeLessThan(100);
});

test('that GTIDs hide nothing is said only where the sets show it', () => {
  const input = reportInput('forced-replay');
  const partly = { ...input, reconcile: { ...input.reconcile!, newSet: input.reconcile!.fork.set } };
  expect(buildReport(partly).story.join(' ')).not.toContain('By GTID nothing is missing');
});

describe('with people', () => {
  const input = reportInput('pass');
  const keys = [{ ...input.plan.keys[0]!, kind: 'person' as const, people: [{ name: 'Ada', roles: ['sre', 'dba'] }] }];
  const history = input.history.map((e) => ('envelope' in e && e.envelope ? { ...e, envelope: { ...e.envelope, by: 'Ada' } } : e));
  const withPeople = (kind: 'person' | 'console') =>
    buildReport({ ...input, plan: { ...input.plan, rehearsal: null, keys: [{ ...keys[0]!, kind }] }, history });

  test('who did it, whose key vouches, when it was claimed and when accepted', () => {
    const row = withPeople('person').people.rows[0]!;
    expect(row).toMatchObject({ who: 'Ada', vouched: 'own key' });
    expect(row.acceptedWallMs! - row.claimedWallMs!).toBe(4);
    expect(withPeople('console').people.rows[0]!.vouched).toBe('vouched for by console operator');
    expect(withPeople('person').story.join(' ')).toContain('Ada followed the manual');
  });
  test('it is no rehearsal: no such note, the crew is named', () => {
    const m = withPeople('person');
    expect([m.note, m.meta.rehearsal, m.meta.crew]).toEqual(['', null, [{ name: 'Ada', roles: ['sre', 'dba'] }]]);
  });
});

describe('what people did', () => {
  const { people } = buildReport(reportInput('pass'));
  test('waiting, person, machine and time without an engine add up to what each step took', () => {
    for (const r of people.rows) expect(r.waitingMs! + r.personMs! + r.machineMs! + r.engineGapMs).toBeCloseTo(r.tookMs!, 3);
  });
  test('in a rehearsal nobody is named', () => {
    expect(new Set(people.rows.map((r) => r.who))).toEqual(new Set(['operator (script)']));
  });
  test('time without an engine is taken out of the other columns', () => {
    const input = reportInput('pass');
    const opened = input.history.find((e) => e.kind === 'step-opened')!;
    const from = opened.at.wallMs + 500;
    const gap = { ...opened, kind: 'engine-gap' as const, fromWallMs: from, toWallMs: from + 700, seen: 'no answer' };
    const m = buildReport({ ...input, history: [...input.history, gap] }).people;
    expect(m.rows[0]).toMatchObject({ engineGapMs: 700, tookMs: people.rows[0]!.tookMs });
    expect(m.rows[0]!.personMs).toBeCloseTo(people.rows[0]!.personMs! - 700, 3);
    expect(m.totals.engineGapMs).toBe(700);
  });
});

describe('a bundle that is silent', () => {
  const silent: Partial<ReportInput>[] = [
    { reconcile: null },
    { convergence: null },
    { series: null },
    { history: [] },
    { samples: [], fates: [], lost: [], attempts: [] },
    { files: [] },
  ];
  test.each(silent.map((s) => [Object.keys(s).join(), s] as const))('without %s there is a report that says so', (_, part) => {
    const m = buildReport({ ...reportInput('pass'), ...part });
    expect(m.verdict).toBe('pass'); // the verdict is not ours to change
    expect(canonicalJson(m)).not.toMatch(/NaN|Infinity|undefined/);
  });
  test('no reconciliation: expectations are not known, never held', () => {
    const rows = buildReport({ ...reportInput('pass'), reconcile: null }).expectations.filter((e) => e.expected.startsWith('at least'));
    expect(rows.map((r) => r.held)).toEqual([null, null, null]);
  });
  test('no residue check: not known', () => {
    const input = reportInput('pass');
    const m = buildReport({ ...input, history: input.history.filter((e) => e.kind !== 'residue-checked') });
    expect(m.residue).toEqual({ clean: null, findings: ['the residue check did not run'] });
  });
  test('no T0: the axis says what its zero is', () => {
    const input = reportInput('pass');
    const verdict = { ...input.verdict, figures: { ...input.verdict.figures, t0Ns: null, t0WallMs: null } };
    expect(buildReport({ ...input, verdict, history: input.history.slice(0, 4) }).timeline.zero).toContain('no fault was seen');
  });
});

test('faults lie on the axis where probes saw them, and an instant of another boot is placed by wall clock', () => {
  const input = reportInput('pass');
  const { faults, service, atRisk, backMs } = buildReport(input).timeline;
  expect(faults.bars.map((b) => [b.fromMs, b.toMs])).toEqual([[0, 8_090]]);
  expect(faults.marks.map((m) => m.atMs)).toEqual([8_000, 11_000, 11_400]);
  expect(service.map((b) => b.label)).toEqual(['writes go to db1', 'down 3.4 s', 'writes go to db2']);
  expect(atRisk.at(-1)!.writes).toBe(input.fates.filter((f) => f.lost).length);
  expect(backMs).toBe(36_200);
  const history = input.history.map((e) => (e.kind === 'workload-stopped' ? { ...e, at: { ...e.at, boot: 'another machine', monoNs: '1' } } : e));
  expect(buildReport({ ...input, history }).timeline.service.at(-1)!.toMs).toBe(
    input.history.find((e) => e.kind === 'workload-stopped')!.at.wallMs - T0_WALL_MS,
  );
});
