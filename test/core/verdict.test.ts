import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Fate, FateLine } from '../../core/bundle.ts';
import type { HistoryEvent } from '../../core/history.ts';
import { sha256Hex } from '../../core/json.ts';
import { computeVerdict, verdictLine } from '../../core/verdict.ts';
import { at, passingBundle, signed, type TestBundle } from './verdict-bundle.ts';

const judged = (harm: (b: TestBundle) => void) => {
  const bundle = passingBundle();
  harm(bundle);
  return computeVerdict(bundle);
};
const fateOf = (b: TestBundle, w: string): FateLine => b.fates.find((f) => f.w === w)!;
const eventOf = <K extends HistoryEvent['kind']>(b: TestBundle, kind: K) =>
  b.history.find((e) => e.kind === kind) as Extract<TestBundle['history'][number], { kind: K }>;
const add = (b: TestBundle, event: HistoryEvent) => b.history.push({ ...event, n: b.history.length + 1, prev: '', at: at(13_000), recorded: at(13_000) });
const without = (b: TestBundle, kind: HistoryEvent['kind']) => (b.history = b.history.filter((e) => e.kind !== kind));
const rowsOf = (b: TestBundle, w: string) => b.rows.filter((r) => r.w === w);

/** Changes a fate everywhere it is told, as an honest reconciliation would have: row, summary, verified entry. */
function setFate(b: TestBundle, w: string, fate: Fate): void {
  const line = fateOf(b, w);
  b.reconcile!.fates[line.fate!] -= 1;
  b.reconcile!.fates[fate] += 1;
  line.fate = fate;
  if (fate === 'missing') b.rows = b.rows.filter((r) => r.w !== w);
  if (fate === 'missing' || fate === 'altered' || fate === 'duplicated') eventOf(b, 'verified').bad += 1;
}

describe('a bundle that passes', () => {
  const report = computeVerdict(passingBundle());

  test('passes, with nothing against it', () => {
    expect(report).toMatchObject({ verdict: 'pass', code: null, reasons: [], acked: 1900, rehearsal: 'default' });
    expect(report.sentence).toBe('Service was back in 1.0 s; every acknowledged write was back in 6.0 s.');
    expect(verdictLine(report)).toBe('PASS (rehearsal: data proven, people not)');
    expect(verdictLine({ verdict: 'pass', rehearsal: null })).toBe('PASS');
  });

  test('its figures', () => {
    expect(report.figures).toEqual({
      t0Ns: '6000000000',
      t0WallMs: 1_700_000_006_000,
      serviceRto: { ms: 1000, errorMs: 22, objectiveMs: 30_000, met: true },
      dataRto: { ms: 6000, errorMs: 13, objectiveMs: 300_000, met: true, note: 'proven by the check that ended at 15.0 s' },
      convergence: { ms: 9000, errorMs: 12, objectiveMs: 300_000, met: true },
      rpoAtPromotion: { transactions: 200, seconds: 2 },
      people: null,
      rpoAfterRecovery: { writes: 0, objective: 0, met: true },
      outages: [{ fromNs: '8000000000', toNs: '9000000000', failed: 100 }],
    });
  });

  test('says the same every time', () => {
    expect(JSON.stringify(computeVerdict(passingBundle()))).toBe(JSON.stringify(report));
  });
});

type Case = [what: string, harm: (b: TestBundle) => void, says: RegExp, outcome: string];

const FAILS: Case[] = [
  [
    'one acked write is missing',
    (b) => setFate(b, 'w-700'.replace('700', '650'), 'missing'),
    /1 acknowledged write not in place \(1 missing\), objective 0/,
    'fail',
  ],
  ['one is altered', (b) => setFate(b, 'w-650', 'altered'), /1 altered/, 'fail'],
  ['one is duplicated', (b) => setFate(b, 'w-650', 'duplicated'), /1 duplicated/, 'fail'],
  ['a lost row change is not in place', (b) => (b.lost[3]!.inPlace = false), /1 lost row change not in place, the first one drill.orders w-603/, 'fail'],
  [
    'nodes differ',
    (b) => ((b.convergence!.equal = false), (eventOf(b, 'verified').converged = false), b.convergence!.differences.push({ table: 't', key: '1', nodes: {} })),
    /the nodes are not equal: 1 difference/,
    'fail',
  ],
  ['service RTO missed', (b) => (b.plan.objectives.serviceRto!.withinMs = 999), /service RTO: 1.0 s, objective 1.0 s/, 'fail'],
  ['data RTO missed', (b) => (b.plan.objectives.dataRto.withinMs = 5999), /data RTO: 6.0 s/, 'fail'],
  ['convergence too late', (b) => (b.plan.objectives.convergence.withinMs = 8999), /convergence: 9.0 s/, 'fail'],
  ['reconciliation found a loss', (b) => b.reconcile!.findings.push({ severity: 'fail', text: 'in no log' }), /in no log/, 'fail'],
  [
    'a loss after a lapsed lease is still a loss',
    (b) => (setFate(b, 'w-650', 'missing'), add(b, { kind: 'lease-lapsed', chainIds: ['cut'], seen: 'nft' })),
    /1 missing/,
    'fail',
  ],
  [
    'a loss in a disaster that was not reproduced is still a loss',
    (b) => (setFate(b, 'w-650', 'missing'), (b.plan.expect.lostTransactions = 9999)),
    /1 missing/,
    'fail',
  ],
  [
    'the service never came back',
    (b) => {
      b.attempts = b.attempts.map((a, i) => (i >= 800 ? { ...a, outcome: 'failed' } : a));
      b.plan.objectives.serviceRto!.withinMs = 5000;
    },
    /the service was not back when the ledger ended/,
    'fail',
  ],
];

const NOT_REPRODUCED: Case[] = [
  [
    'too few lost transactions',
    (b) => (b.plan.expect.lostTransactions = 201),
    /expected at least 201 lost acknowledged transactions, found 200/,
    'not reproduced',
  ],
  [
    'too few conflicts',
    (b) => (b.plan.expect.conflicts = { 'delete/update': 5 }),
    /expected at least 5 keys in conflict delete\/update, found 0/,
    'not reproduced',
  ],
  ['the lease lapsed', (b) => add(b, { kind: 'lease-lapsed', chainIds: ['cut'], seen: 'nft' }), /the lease of cut lapsed/, 'not reproduced'],
  ['the partition healed by itself', (b) => (eventOf(b, 'fault-healed').how = 'lease'), /healed by itself/, 'not reproduced'],
  ['the partition did not hold', (b) => (eventOf(b, 'fault-held').held = false), /cut did not hold until kill/, 'not reproduced'],
  ['nobody saw it hold', (b) => without(b, 'fault-held'), /not seen to hold/, 'not reproduced'],
  [
    'a fault is not in the history',
    (b) => (b.history = b.history.filter((e) => !(e.kind === 'fault-injected' && e.chainId === 'kill'))),
    /kill \(kill db1\) did not take place/,
    'not reproduced',
  ],
  ['the drill says so', (b) => add(b, { kind: 'disaster-not-reproduced', reasons: ['x was not y'], expect: {} }), /x was not y/, 'not reproduced'],
];

const UNKNOWN: Case[] = [
  ['no reconciliation', (b) => (b.reconcile = null), /no reconciliation/, 'unknown'],
  ['no convergence', (b) => (b.convergence = null), /the nodes were not compared/, 'unknown'],
  [
    'convergence not told',
    (b) => ((b.convergence!.equal = null), (eventOf(b, 'verified').converged = null), (b.convergence!.reason = 'DDL')),
    /whether the nodes are equal is not known: DDL/,
    'unknown',
  ],
  ['a node was left out', (b) => b.convergence!.nodes.pop(), /db3 was not compared/, 'unknown'],
  ['digests of equal nodes differ', (b) => (b.convergence!.nodes[1]!.digest = 'other'), /their digests differ/, 'unknown'],
  ['no ledger', (b) => (b.attempts = []), /the ledger has no write/, 'unknown'],
  ['no fates', (b) => (b.fates = []), /an acknowledged write has no fate \(1,900 times; first w-0\)/, 'unknown'],
  ['no rows', (b) => (b.rows = []), /rows.jsonl has no final read of db2/, 'unknown'],
  ['no rows of the new source', (b) => (b.rows = b.rows.filter((r) => r.node !== 'db2')), /rows.jsonl/, 'unknown'],
  ['a fate is unknown', (b) => setFate(b, 'w-650', 'unknown'), /the fate of 1 acknowledged write is not known/, 'unknown'],
  ['one fate line is gone', (b) => (b.fates = b.fates.filter((f) => f.w !== 'w-650')), /has no fate \(1 time; first w-650\)/, 'unknown'],
  ['a write has two fates', (b) => b.fates.push(fateOf(b, 'w-650')), /two fates/, 'unknown'],
  ['a fate of no write', (b) => b.fates.push({ ...fateOf(b, 'w-650'), w: 'w-x', key: 'w-x' }), /not in the ledger/, 'unknown'],
  ['an acked write without its fate', (b) => (fateOf(b, 'w-650').fate = null), /none where one is/, 'unknown'],
  ['a fate by another digest than the ledger’s', (b) => (fateOf(b, 'w-650').expected = sha256Hex('x')), /otherwise than the ledger/, 'unknown'],
  [
    'present, but the row has another value',
    (b) => rowsOf(b, 'w-650').forEach((r) => (r.client = sha256Hex('x'))),
    /rows.jsonl does not show it \(1 time; first w-650\)/,
    'unknown',
  ],
  ['present, but no row', (b) => (b.rows = b.rows.filter((r) => r.w !== 'w-650')), /rows.jsonl does not show it/, 'unknown'],
  ['present, but two rows', (b) => b.rows.push(...rowsOf(b, 'w-650')), /rows.jsonl does not show it/, 'unknown'],
  [
    'deleted, but the row is there',
    (b) => b.rows.push(...b.rows.filter((r) => r.key === '1').map((r) => ({ ...r, key: '2' }))),
    /rows.jsonl has the row/,
    'unknown',
  ],
  [
    'a missing write passed off as superseded',
    (b) => {
      setFate(b, 'w-650', 'superseded');
      b.rows = b.rows.filter((r) => r.w !== 'w-650');
    },
    /superseded, but not by what is there/,
    'unknown',
  ],
  [
    'an altered key passed off as superseded',
    (b) => {
      setFate(b, 'w-950', 'superseded');
      rowsOf(b, 'w-950').forEach((r) => (r.client = sha256Hex('x')));
    },
    /superseded, but not by what is there/,
    'unknown',
  ],
  ['a write passed off as a no-op', (b) => setFate(b, 'w-650', 'no-op'), /a no-op that matched a row/, 'unknown'],
  ['nodes called equal, rows say no', (b) => (b.rows.find((r) => r.node === 'db3')!.image = sha256Hex('x')), /rows.jsonl that they are not/, 'unknown'],
  ['counts disagree', (b) => (b.reconcile!.acked = 1899), /the number of acknowledged writes is 1899 in one place and 1900/, 'unknown'],
  ['lost keys cut off', (b) => b.lost.pop(), /the number of lost keys/, 'unknown'],
  [
    'the ledger lost its end',
    (b) => {
      b.attempts.splice(1990);
      b.fates.splice(1990);
      b.reconcile!.acked -= 10;
      b.reconcile!.fates.present -= 10;
    },
    /the number of writes is 2000 in one place and 1990/,
    'unknown',
  ],
  ['what is in place cannot be told', (b) => (b.lost[0]!.inPlace = null), /cannot be told/, 'unknown'],
  ['the loader found something', (b) => b.findings.push({ severity: 'unknown', text: 'samples.jsonl line 3: torn' }), /samples.jsonl line 3/, 'unknown'],
  ['another plan', (b) => (b.plan.title = 'other'), /not that of this plan/, 'unknown'],
  ['aborted', (b) => add(b, { kind: 'aborted', by: 'eve', reason: 'enough', envelope: null }), /aborted by eve: enough/, 'unknown'],
  ['a problem', (b) => add(b, { kind: 'problem', code: 'DRILL_X', seen: 'y', hint: '' }), /DRILL_X: y/, 'unknown'],
  ['not clean', (b) => Object.assign(eventOf(b, 'residue-checked'), { clean: false, findings: ['a cut'] }), /not clean: a cut/, 'unknown'],
  ['residue not told', (b) => (eventOf(b, 'residue-checked').clean = null), /not clean/, 'unknown'],
  ['residue not checked', (b) => without(b, 'residue-checked'), /not checked for residue/, 'unknown'],
  ['the partition was not healed', (b) => without(b, 'fault-healed'), /not seen to be healed/, 'unknown'],
  ['the manual was not completed', (b) => without(b, 'step-verified'), /not completed: recover/, 'unknown'],
  ['no clock', (b) => without(b, 'target-locked'), /on different clocks/, 'unknown'],
  ['another machine’s clock', (b) => (eventOf(b, 'target-locked').clock.boot = 'boot-2'), /on different clocks/, 'unknown'],
  ['a recovery without its commit time', (b) => (b.reconcile!.lastRecoveryCommitUs = null), /the recovery has no commit time/, 'unknown'],
  ['an objective from a fault that was not seen', (b) => (b.plan.objectives.serviceRto!.from = 'nothing'), /nothing, from which it counts/, 'unknown'],
  ['the writer was silent in the outage', (b) => (b.attempts = b.attempts.filter((_, i) => i < 810 || i > 1300)), /the writer itself was silent/, 'unknown'],
  ['a part that throws', (b) => (b.lost = null as never), /could not be judged/, 'unknown'],
];

const word = (r: ReturnType<typeof computeVerdict>) => (r.code === 'DRILL_DISASTER_NOT_REPRODUCED' ? 'not reproduced' : r.verdict);

describe.each([
  ['fail', FAILS],
  ['unknown: not reproduced', NOT_REPRODUCED],
  ['unknown', UNKNOWN],
])('%s', (_, cases) => {
  test.each(cases)('%s', (_what, harm, says, outcome) => {
    const report = judged(harm);
    expect(report.reasons.map((r) => r.text).join('\n')).toMatch(says);
    expect(word(report)).toBe(outcome);
    const ranks = report.reasons.map((r) => ['fail', 'unknown', 'pass'].indexOf(r.verdict));
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
  });
});

const PASSES: [string, (b: TestBundle) => void][] = [
  [
    'an admissible unknown write superseded the last acked one',
    (b) => {
      const digest = sha256Hex('late');
      b.attempts.push({
        ...b.attempts[1999]!,
        writeId: 'w-late',
        kind: 'set',
        table: 'drill.acct',
        key: '1',
        digest,
        outcome: 'unknown',
        repliedNs: undefined,
      });
      b.fates.push({ ...fateOf(b, 'w-950'), w: 'w-late', outcome: 'unknown', fate: null, expected: digest });
      setFate(b, 'w-950', 'superseded');
      for (const r of b.rows) if (r.table === 'drill.acct') Object.assign(r, { client: digest, image: digest, w: 'w-late' });
      eventOf(b, 'workload-stopped').writes += 1;
    },
  ],
  [
    'a retry that was acked by 1062',
    (b) =>
      (b.attempts = b.attempts.flatMap((a) =>
        a.writeId === 'w-650'
          ? [
              { ...a, outcome: 'unknown' as const },
              { ...a, attempt: 2, gtid: undefined, error: '1062' },
            ]
          : [a],
      )),
  ],
  [
    'a step skipped by a signed decision',
    (b) => {
      without(b, 'step-verified');
      add(b, { kind: 'step-skipped', stepId: 'recover', attempt: 1, envelope: signed('Ada', 'skip') });
    },
  ],
  ['notes', (b) => b.findings.push({ severity: 'note', text: 'a cut tail' })],
];
test.each(PASSES)('still a pass: %s', (_, harm) => {
  expect(judged(harm)).toMatchObject({ verdict: 'pass', reasons: [] });
});

describe('sentences', () => {
  test.each<[string, (b: TestBundle) => void, string]>([
    ['a loss', (b) => (setFate(b, 'w-650', 'missing'), setFate(b, 'w-651', 'missing')), 'Service was back in 1.0 s. 2 acknowledged writes were not.'],
    ['one', (b) => setFate(b, 'w-650', 'missing'), 'Service was back in 1.0 s. 1 acknowledged write was not.'],
    ['nothing lost', (b) => b.fates.forEach((f) => (f.lost = false)), 'Service was back in 1.0 s; no acknowledged write was lost.'],
    [
      'not told',
      (b) => (b.reconcile = null),
      'Service was back in 1.0 s. Whether every acknowledged write was back is not known. Unknown: data RTO: not known without a reconciliation.',
    ],
    [
      'too late',
      (b) => (b.plan.objectives.dataRto.withinMs = 10),
      'Service was back in 1.0 s; every acknowledged write was back in 6.0 s. Failed: data RTO: 6.0 s, objective 0.0 s.',
    ],
  ])('%s', (_, harm, says) => {
    expect(judged(harm).sentence).toBe(says);
  });
});

describe('properties', () => {
  const pieces = ['history', 'attempts', 'fates', 'rows', 'lost'] as const;

  test('a bundle that has lost any one of its lines does not pass', () => {
    fc.assert(
      fc.property(fc.constantFrom(...pieces), fc.nat(), (piece, n) => {
        const bundle = passingBundle();
        const list = bundle[piece] as unknown[];
        const [gone] = list.splice(n % list.length, 1);
        const unimportant = piece === 'fates' && (gone as FateLine).fate === null;
        expect(computeVerdict(bundle).verdict === 'pass').toBe(unimportant);
      }),
      { numRuns: 60 },
    );
  });

  test('any fate that is changed without the rows changing is noticed', () => {
    fc.assert(
      fc.property(fc.nat(1999), fc.constantFrom<Fate>('present', 'superseded', 'missing', 'altered', 'duplicated', 'no-op', 'unknown'), (n, fate) => {
        const bundle = passingBundle();
        const line = bundle.fates[n]!;
        fc.pre(line.fate !== null && line.fate !== fate);
        bundle.reconcile!.fates[line.fate] -= 1;
        bundle.reconcile!.fates[fate] += 1;
        line.fate = fate;
        expect(computeVerdict(bundle).verdict).not.toBe('pass');
      }),
      { numRuns: 60 },
    );
  });
});
