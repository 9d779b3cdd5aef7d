/** The live view: what a terminal gets, what a log gets, and what names cannot do. */
import { describe, expect, test } from '@jest/globals';
import { createLiveView, isUtf8 } from '../../console/cli/live.ts';
import { columns } from '../../console/cli/live-text.ts';
import type { LiveState } from '../../console/live-state.ts';
import { buildReport } from '../../core/report.ts';
import { reportInput } from '../fixtures/bundle.ts';

const ESCAPE = '\u001b';
const PATHS = { report: './drills/x/report.html', folder: './drills/x', reconcile: 'npx drillbook reconcile --old a --new b' };
const step = (id: string, status: LiveState['steps'][number]['status'], tookMs: number | null) => ({
  id,
  title: `Step ${id}`,
  status,
  attempt: 1,
  budgetMs: 30_000,
  tookMs,
  by: tookMs === null ? null : 'operator (script)',
  overdue: false,
});

function state(over: Partial<LiveState> = {}): LiveState {
  return {
    title: 'mysql-stale-promotion',
    target: 'local (3 × MySQL 9.7.4)',
    phase: 'the manual',
    t0Known: true,
    elapsedMs: 37_200,
    chain: [
      { id: 'cut', title: 'partition db1 from db2 and db3', status: 'healed' },
      { id: 'kill', title: 'kill db1', status: 'done' },
    ],
    steps: [step('one', 'verified', 9_000), step('two', 'acknowledged', 6_100), step('three', 'pending', null)],
    writes: { ackedPerS: 61.2, failedPerS: 0, atRisk: 601, atRiskOn: 'db1' },
    curves: { rates: null, staleness: [] },
    serviceRto: { ms: 9_400, objectiveMs: 30_000, state: 'met' },
    dataRto: { ms: 37_200, objectiveMs: 300_000, state: 'running' },
    messages: [],
    ...over,
  };
}

function view(o: { tty?: boolean; width?: number; rows?: number; colour?: boolean; unicode?: boolean }) {
  const written: string[] = [];
  const stdout = { isTTY: o.tty ?? false, columns: o.width ?? 100, rows: o.rows ?? 50, write: (t: string) => written.push(t) };
  return { live: createLiveView({ stdout, colour: o.colour ?? false, unicode: o.unicode ?? true }), written, all: () => written.join('') };
}
const controls = (text: string) => text.match(/[\p{Cc}]/gu)?.filter((c) => c !== '\n') ?? [];
const plain = (text: string) => text.replaceAll(new RegExp(`${ESCAPE}\\[[0-9;]*[A-Za-z]`, 'g'), '').replaceAll('\r', '');

describe('on a terminal', () => {
  test('the frame has clock, objectives, faults, writes and steps with their marks', () => {
    const { live, all } = view({ tty: true });
    live.update(state());
    const text = all();
    for (const part of [
      'mysql-stale-promotion on local (3 × MySQL 9.7.4)',
      'T+0:37.2',
      '9.4 s of 30 s  ✓',
      '0:37.2 of 5 min  running',
      '✓ partition db1 from db2 and db3 (healed)',
      '61/s acked',
      '601 at risk on db1',
      '✓ Step one',
      '● Step two',
      'budget 30 s',
      '○ Step three',
    ])
      expect(text).toContain(part);
  });
  test('the next frame goes over the old one, as many lines up as it had', () => {
    const { live, written } = view({ tty: true });
    live.update(state());
    const lines = written[0]!.split('\n').length - 1;
    live.update(state({ elapsedMs: 38_000 }));
    expect(written[1]).toMatch(new RegExp(`^\\u001b\\[${lines}A\\r\\u001b\\[J`));
    expect(written).toHaveLength(2);
  });
  test('messages and notes stay above the frame, each once', () => {
    const { live, written } = view({ tty: true });
    live.update(state({ messages: ['Temporal runs'] }));
    live.update(state({ messages: ['Temporal runs', 'worker restarted'] }));
    live.note('look here');
    expect(written[0]).toMatch(/^ {2}Temporal runs\n/);
    expect(written[1]).not.toContain('Temporal runs');
    expect(plain(written[1]!)).toMatch(/^ {2}worker restarted\n/);
    expect(plain(written[2]!)).toMatch(/^ {2}look here\n {2}mysql/);
  });
  test.each([60, 61, 79, 80, 100, 160])('no line is wider than a terminal of %d columns, with long and wide names', (width) => {
    const long = '漢字'.repeat(60);
    const { live, all } = view({ tty: true, width, colour: true });
    live.update(
      state({
        title: long,
        phase: long,
        steps: [step(long, 'active', 100), step('x'.repeat(300), 'verified', 1)],
        chain: [{ id: 'a', title: long, status: 'active' }],
      }),
    );
    for (const l of plain(all()).split('\n')) expect(columns(l)).toBeLessThanOrEqual(width);
  });
  test('a long manual does not push the frame off the screen; the open step stays in sight', () => {
    const { live, all } = view({ tty: true, rows: 14 });
    live.update(state({ steps: Array.from({ length: 40 }, (_, i) => step(String(i), i < 20 ? 'verified' : i === 20 ? 'active' : 'pending', null)) }));
    expect(all().split('\n').length).toBeLessThanOrEqual(14);
    expect(all()).toContain('Step 20');
    expect(all()).toMatch(/… \d+ steps before/);
  });
  test('without colour there is no colour; in a plain locale there is only ASCII', () => {
    const { live, all } = view({ tty: true, colour: false, unicode: false });
    live.update(state());
    live.finish(buildReport(reportInput('forced-replay')), PATHS);
    expect(all()).not.toContain(ESCAPE);
    expect(all()).toMatch(/^[\n\x20-\x7e]*$/);
  });
  test('an objective that is over while it runs says so', () => {
    const { live, all } = view({ tty: true });
    live.update(state({ dataRto: { ms: 301_000, objectiveMs: 300_000, state: 'running' } }));
    expect(all()).toContain('5:01.0 of 5 min  over');
  });
});

test('curves where there is room for them, a lease that counts down, and the same in ASCII', () => {
  const rates = { startMs: 0, bucketMs: 500, acked: [100, 100, 0, 0, 100], bad: [0, 0, 100, 100, 0] };
  const staleness = [
    { node: 'db1', startMs: 0, bucketMs: 500, staleMs: [20, null] },
    { node: 'db2', startMs: 0, bucketMs: 500, staleMs: [20, 2_000, 8_000, 20] },
  ];
  const cut = { id: 'cut', title: 'partition db1', status: 'done' as const, lease: { lapsesAtMs: 5, lapsesInMs: 23_400 } };
  const drawn = (o: Parameters<typeof view>[0]) => {
    const { live, all } = view({ tty: true, ...o });
    live.update(state({ chain: [cut], curves: { rates, staleness } }));
    return plain(all());
  };
  const text = drawn({});
  expect(text).toContain('● partition db1 (holds, lapses in 0:23.4)');
  expect(text).toContain('██▁▁█');
  expect(text).toMatch(/staleness +db1 not read {3}db2 20 ms\n +▁▃█▁\n/);
  expect(drawn({ unicode: false })).toMatch(/##__#[^]*_-#_/);
  // an outage is seen however many seconds a column stands for
  const { live, all } = view({ tty: true });
  const acked = Array.from({ length: 160 }, (_, i) => (i === 77 ? 0 : 100));
  live.update(state({ curves: { rates: { ...rates, acked, bad: acked.map((n) => 100 - n) }, staleness: [] } }));
  expect(plain(all())).toMatch(/█+▁█+/);
  // on a small screen the numbers stay, the curves go
  expect(drawn({ rows: 20 })).toMatch(/staleness +db1 not read(?![^]*█)/);
  // each line is no wider than the screen
  expect(
    Math.max(
      ...drawn({ width: 60 })
        .split('\n')
        .map((l) => l.length),
    ),
  ).toBeLessThanOrEqual(60);
});

describe('in a log', () => {
  test('one line per thing that happens, none when nothing does, never an escape', () => {
    const { live, written, all } = view({ colour: true });
    live.update(state({ elapsedMs: 1_000, chain: [{ id: 'cut', title: 'partition', status: 'active' }], steps: [step('one', 'pending', null)] }));
    const n = written.length;
    live.update(state({ elapsedMs: 2_000, chain: [{ id: 'cut', title: 'partition', status: 'active' }], steps: [step('one', 'pending', null)] }));
    expect(written).toHaveLength(n);
    live.update(state({ elapsedMs: 3_000, chain: [{ id: 'cut', title: 'partition', status: 'healed' }], steps: [step('one', 'verified', 9_000)] }));
    expect(written.slice(n)).toEqual(['T+0:03.0  partition: healed\n', 'T+0:03.0  step “Step one”: verified by operator (script), 9.0 s\n']);
    live.finish(buildReport(reportInput('pass')), PATHS);
    expect(all()).not.toContain(ESCAPE);
  });
  test('messages come once each, also when they arrive in one list that grows', () => {
    const { live, all } = view({});
    const messages = ['one'];
    live.update(state({ messages }));
    messages.push('two');
    live.update(state({ messages }));
    live.update(state({ messages }));
    expect(all().match(/ {2}(one|two)\n/g)).toEqual(['  one\n', '  two\n']);
  });
  test('before T0 the clock says what it counts from', () => {
    const { live, written } = view({});
    live.update(state({ t0Known: false, elapsedMs: 1_500, chain: [], steps: [] }));
    expect(written[0]).toBe('start +0:01.5  mysql-stale-promotion on local (3 × MySQL 9.7.4)\n');
  });
});

test.each([true, false])('names cannot steer the terminal (tty %s)', (tty) => {
  const evil = `x${ESCAPE}[2J${ESCAPE}]0;owned\u0007\r\n\u009b31m`;
  const { live, all } = view({ tty, colour: false });
  live.update(
    state({
      title: evil,
      target: evil,
      phase: evil,
      messages: [evil],
      chain: [{ id: 'a', title: evil, status: 'active' }],
      steps: [{ ...step('a', 'active', 1), title: evil, by: evil }],
      writes: { ackedPerS: 1, failedPerS: 1, atRisk: 1, atRiskOn: evil },
    }),
  );
  live.note(evil);
  const own = new RegExp(`${ESCAPE}\\[\\d+A\\r${ESCAPE}\\[J`, 'g');
  const first = all().replaceAll(own, '');
  expect(controls(first)).toEqual([]);
  live.finish({ ...buildReport(reportInput('pass')), sentence: evil }, { ...PATHS, folder: evil });
  expect(controls(all().replaceAll(own, ''))).toEqual([]);
});

test('the final table: verdict, objectives, the first bad writes, and whole paths', () => {
  const { live, all } = view({ tty: true, width: 60 });
  const m = buildReport(reportInput('forced-replay'));
  live.finish(m, { ...PATHS, folder: `./drills/${'long/'.repeat(30)}` });
  live.update(state());
  const text = all();
  expect(text).toContain('✕ FAIL');
  expect(text).toMatch(/Service RTO +30 s +3\.4 s +✓/);
  expect(text).toMatch(/Data RTO +5 min +not reached +✕/);
  expect(text).toMatch(/RPO after recovery +0 +\d+ +✕/);
  expect(text).toContain(`and ${m.data.bad.total - 3} more: all in fates.jsonl`);
  expect(text).toContain(`npx drillbook report ./drills/${'long/'.repeat(30)}\n`);
  expect(text).toContain(PATHS.reconcile);
  expect(text).not.toContain('T+0:37.2');
});

test.each([
  [{ LANG: 'C.UTF-8' }, true],
  [{ LANG: 'en_GB.utf8' }, true],
  [{ LC_ALL: 'C', LANG: 'C.UTF-8' }, false],
  [{ LC_ALL: '', LANG: 'de_DE.UTF-8' }, true],
  [{}, false],
])('locale %j is UTF-8: %s', (env, says) => expect(isUtf8(env)).toBe(says));
