/** The curves of a page: how large they can become, what they say to those who do not see them, and that nothing in them is markup but ours. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tally } from '../../../activities/workload/tally.ts';
import { curvesOf, curveSvg } from '../../../console/web/curves.ts';
import { faultsOf } from '../../../console/web/page-parts.ts';
import { pageModel } from '../../../console/web/page.ts';
import { drillPage, fragmentsOf } from '../../../console/web/render.ts';
import type { Seen } from '../../../console/web/feed.ts';
import type { LiveFault, LiveRates, NodeStaleness } from '../../../console/live-state.ts';
import { beginDrill } from '../../support/board.ts';

const dir = mkdtempSync(join(tmpdir(), 'dbc-'));
afterAll(() => rmSync(dir, { recursive: true }));
const { seen: base } = beginDrill(dir);
const START = 1_700_000_000_000;
const instant = (ms: number) => ({ wallMs: START + ms, monoNs: '0', boot: 'b', by: 'test' });
const waiting = { ms: null, objectiveMs: null, state: 'waiting' as const };

/** A drill that was cut 4 s after its first write; the cut holds until `lapsesAtMs`. */
function seenWith(rates: LiveRates | null, staleness: NodeStaleness[] = [], lease: LiveFault['lease'] = { lapsesAtMs: START + 30_000, lapsesInMs: 1 }): Seen {
  const chain = base.plan.chain.map((c) => {
    const cut = c.id === 'cut-source';
    return {
      id: c.id,
      title: c.title,
      do: c.do,
      status: cut ? ('done' as const) : ('pending' as const),
      effect: cut ? { absent: instant(4_000), present: instant(4_020), probe: '' } : null,
    };
  });
  const live = {
    title: '',
    target: '',
    phase: '',
    t0Known: true,
    elapsedMs: 0,
    chain: chain.map(({ id, title, status }) => ({ id, title, status, ...(id === 'cut-source' && lease ? { lease } : {}) })),
    steps: [],
    writes: null,
    curves: { rates, staleness },
    serviceRto: waiting,
    dataRto: waiting,
    messages: [],
  };
  return { ...base, live, state: { ...base.state!, chain } };
}
const nobody = { name: null, csrf: 'c', vouched: false, outcomes: [] };
const fragment = (seen: Seen): string => fragmentsOf(pageModel(seen, nobody, null)).curves;

test('a drill of ten hours is a few kilobytes and shows its outage', () => {
  const tally = new Tally();
  const HOUR_MS = 3_600_000;
  for (let ms = 0; ms < 10 * HOUR_MS; ms += 500)
    for (let i = 0; i < 5; i++) tally.add('baseline', ms > 2 * HOUR_MS && ms < 3 * HOUR_MS ? 'failed' : 'acked', ms);
  const { startWallMs, bucketMs, acked, bad } = tally.curve(10 * HOUR_MS, START + 10 * HOUR_MS);
  expect(startWallMs).toBe(START);
  const staleness = ['db1', 'db2', 'db3'].map((node) => ({
    node,
    startMs: START,
    bucketMs,
    staleMs: acked.map((_, i) => (node === 'db1' ? null : i * 1_234)),
  }));
  const html = fragment(seenWith({ startMs: startWallMs, bucketMs, acked, bad }, staleness));
  expect(html.length).toBeLessThan(12_000);
  expect(Math.max(...acked)).toBe(10);
  expect(html).toMatch(/None was acknowledged from T\+(1 h 5\d min|2 h|2 h \d min) to T\+(2 h 5\d min|3 h)/);
});

test('the picture in words: what is now, where nothing was acknowledged, which node cannot be read', () => {
  const rates = { startMs: START, bucketMs: 500, acked: [100, 100, 0, 0, 0, 96], bad: [0, 0, 100, 100, 50, 1] };
  const staleness = [
    { node: 'db1', startMs: START, bucketMs: 500, staleMs: [20, null] },
    { node: 'db2', startMs: START, bucketMs: 500, staleMs: [20, 3_400, 900] },
  ];
  const { panels, from, to } = curvesOf(seenWith(rates, staleness))!;
  expect([from, to]).toEqual(['T−4.0 s', 'T−1.0 s']);
  expect(panels.map((p) => p.alternative)).toEqual([
    'Writes per second from T−4.0 s to T−1.0 s: 96 acknowledged now, 1 failed or without an answer. None was acknowledged from T−3.0 s to T−1.5 s.',
    'Staleness of each node, the age of its newest heartbeat, now and at most from T−4.0 s to T−1.0 s: db1 not read, at most 20 ms; db2 900 ms, at most 3.4 s.',
  ]);
  const [first, second] = panels.map(curveSvg);
  expect(first).toContain('role="img" aria-label="Writes per second');
  // where a node could not be read its line has a gap
  expect(second!.match(/<path/g)).toHaveLength(2);
});

test('nothing is drawn before anything was measured', () => {
  expect(fragment(seenWith(null)).trim()).toBe('');
  expect(fragment(seenWith({ startMs: START, bucketMs: 500, acked: [], bad: [] })).trim()).toBe('');
});

test('names of nodes and faults stay texts', () => {
  const EVIL = '"><script>alert(1)</script>';
  const seen = seenWith({ startMs: START, bucketMs: 500, acked: [1, 2], bad: [0, 0] }, [{ node: EVIL, startMs: START, bucketMs: 500, staleMs: [1, 2] }]);
  for (const c of seen.state!.chain) c.title = EVIL;
  const html = fragment(seen);
  expect(html).toContain('&lt;script&gt;');
  expect(html).not.toContain('<script');
});

test('a leased fault holds until it is healed, and the page counts its lease down from what the target says', () => {
  const row = (lease: LiveFault['lease']) => faultsOf(seenWith(null, [], lease)).find((f) => f.title.startsWith('partition'))!;
  expect(row({ lapsesAtMs: START + 30_000, lapsesInMs: 1 })).toMatchObject({
    tone: 'fail',
    lapsesAtMs: START + 30_000,
    says: expect.stringMatching(/^holds since .* its lease of 30 s/),
  });
  expect(row({ lapsesAtMs: null, lapsesInMs: null })).toMatchObject({ tone: 'fail', lapsesAtMs: null });
  const page = drillPage(
    { title: 't', visitor: { name: null, cookie: '', fresh: false, csrf: '' }, css: '', js: '' },
    pageModel(seenWith(null), nobody, null),
    START + 6_600,
  );
  expect(page).toContain(`<b data-until="${START + 30_000}">0:23.4</b>`);
});
