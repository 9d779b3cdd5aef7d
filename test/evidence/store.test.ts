import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { parseChain } from '../../core/history.ts';
import { sha256Hex } from '../../core/json.ts';
import { verifyManifest } from '../../evidence/manifest.ts';
import { folderStore, freshFolder } from '../../evidence/store.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drillbook-store-'));
});
afterEach(() => rmSync(dir, { recursive: true }));
const entry = (n: number, what = `event ${n}`) => ({ n, what });
const text = (name = 'history.jsonl') => readFileSync(join(dir, name), 'utf8');
const coded = (code: string) => expect.objectContaining({ code }) as Error;

const bundle = async () => {
  const store = folderStore(dir);
  store.append('history.jsonl', [entry(1), entry(2)]);
  store.append('console-a1.jsonl', [entry(1)]);
  store.putFile('plan.json', '{}');
  store.putView({ a: 1 });
  mkdirSync(join(dir, 'engine'));
  writeFileSync(join(dir, 'engine', 'worker.log'), 'noise');
  mkdirSync(join(dir, 'work'));
  writeFileSync(join(dir, 'plan.json.tmp-123'), 'a crash');
  return store.seal({ drillId: 'd-1' });
};

describe('append', () => {
  test('chains lines across calls and stores', () => {
    folderStore(dir).append('history.jsonl', [entry(1), entry(2)]);
    folderStore(dir).append('history.jsonl', [entry(3)]);
    expect(parseChain<{ n: number; prev: string; what: string }>(text(), 'h').lines.map((l) => l.what)).toEqual(['event 1', 'event 2', 'event 3']);
  });

  test('a line that is there already is not written again, whenever it was recorded', () => {
    const store = folderStore(dir);
    store.append('history.jsonl', [{ ...entry(1), recorded: { wallMs: 1 } }, entry(2)]);
    const before = text();
    store.append('history.jsonl', [{ ...entry(1), recorded: { wallMs: 2 } }, entry(2)]);
    expect(text()).toBe(before);
    store.append('history.jsonl', [entry(2), entry(3)]);
    expect(text().startsWith(before)).toBe(true);
    expect(text().trimEnd().split('\n')).toHaveLength(3);
  });

  test.each([
    ['a line that says something else', [entry(2, 'another')]],
    ['a gap', [entry(4)]],
    ['a gap inside the batch', [entry(3), entry(5)]],
    ['the number 0', [entry(0)]],
    ['a line twice in the batch, differing', [entry(3), entry(3, 'x')]],
  ])('%s is a conflict, and nothing of the batch is written', (_, entries) => {
    const store = folderStore(dir);
    store.append('history.jsonl', [entry(1), entry(2)]);
    const before = text();
    expect(() => store.append('history.jsonl', entries)).toThrow(coded('DRILL_HISTORY_CONFLICT'));
    expect(text()).toBe(before);
  });

  test('wherever a crash cut the file, the same batch again makes it whole', () => {
    folderStore(dir).append('history.jsonl', [entry(1), entry(2), entry(3)]);
    const whole = text();
    fc.assert(
      fc.property(fc.nat(whole.length), (length) => {
        truncateSync(join(dir, 'history.jsonl'), length);
        folderStore(dir).append('history.jsonl', [entry(1), entry(2), entry(3)]);
        return text() === whole;
      }),
      { numRuns: 40 },
    );
  });

  test('a file that was changed is not gone on with', () => {
    const store = folderStore(dir);
    store.append('history.jsonl', [entry(1), entry(2)]);
    writeFileSync(join(dir, 'history.jsonl'), text().replace('event 1', 'event X'));
    expect(() => store.append('history.jsonl', [entry(3)])).toThrow(coded('DRILL_CHAIN_BROKEN'));
  });
});

describe('views and files', () => {
  test('a view is canonical JSON under its digest; instructions are their bytes', () => {
    const store = folderStore(dir);
    const digest = store.putView({ b: 1, a: 'é' });
    expect(digest).toBe(sha256Hex('{"a":"é","b":1}'));
    expect(store.getView(digest)).toBe('{"a":"é","b":1}');
    expect(store.getInstructions(store.putInstructions('# Fence\n'))).toBe('# Fence\n');
    expect(store.putView({ a: 'é', b: 1 })).toBe(digest);
  });

  test('a view that was changed is not shown; one that is missing is said', () => {
    const store = folderStore(dir);
    const digest = store.putView({ a: 1 });
    writeFileSync(join(dir, 'views', `${digest}.json`), '{"a":2}');
    expect(() => store.getView(digest)).toThrow(coded('DRILL_EVIDENCE_ALTERED'));
    expect(() => store.getView('0'.repeat(64))).toThrow(coded('DRILL_EVIDENCE_MISSING'));
    expect(() => store.getView('../../etc/passwd')).toThrow(coded('DRILL_EVIDENCE_MISSING'));
  });

  test('files are replaced whole, streamed parts included, and leave no temporaries', () => {
    const store = folderStore(dir);
    store.putFile('report.html', 'one');
    store.putFile('report.html', new Uint8Array([50]));
    expect(store.readText('report.html')).toBe('2');
    store.putFile(
      'rows.jsonl',
      (function* () {
        for (let i = 0; i < 300_000; i++) yield `{"i":${i}}\n`;
      })(),
    );
    expect(store.readText('rows.jsonl').split('\n')).toHaveLength(300_001);
    expect(() =>
      store.putFile(
        'half.jsonl',
        (function* () {
          yield 'x';
          throw new Error('died');
        })(),
      ),
    ).toThrow('died');
    expect(readdirSync(dir).sort()).toEqual(['report.html', 'rows.jsonl']);
    expect(() => store.readText('half.jsonl')).toThrow(coded('DRILL_EVIDENCE_MISSING'));
  });

  test.each(['../x', '/etc/x', 'a/../../x', '', 'a\0b', '..'])('the name %j leads nowhere', (name) => {
    expect(() => folderStore(dir).putFile(name, 'x')).toThrow(coded('DRILL_BAD_NAME'));
  });
});

test('folders are named by time and runbook, and never shared', () => {
  const at = Date.parse('2026-11-22T06:20:26.789Z');
  const names = [1, 2, 3].map(() => freshFolder(join(dir, 'drills'), 'small', at).slice(dir.length));
  expect(names).toEqual(['/drills/2026-11-22T06-20-26Z-small', '/drills/2026-11-22T06-20-26Z-small-2', '/drills/2026-11-22T06-20-26Z-small-3']);
  writeFileSync(join(dir, 'file'), '');
  expect(() => freshFolder(join(dir, 'file'), 'small', at)).toThrow();
});

describe('the manifest', () => {
  test('names every file of the bundle, once, sorted, with heads of chains; raw logs and scratch stay out', async () => {
    const { manifest, digest } = await bundle();
    expect(manifest.files.map((f) => f.name)).toEqual(['console-a1.jsonl', 'history.jsonl', 'plan.json', expect.stringMatching(/^views\//)]);
    expect(manifest.files[2]).toEqual({ name: 'plan.json', bytes: 2, sha256: sha256Hex('{}') });
    expect(manifest.chains).toEqual([
      { name: 'console-a1.jsonl', lines: 1, head: expect.any(String) as string },
      { name: 'history.jsonl', lines: 2, head: parseChain(text(), 'h').head },
    ]);
    expect(digest).toBe(sha256Hex(text('manifest.json')));
    expect(await verifyManifest(dir)).toEqual([]);
  });

  test('sealing again gives the same bytes', async () => {
    const { digest } = await bundle();
    expect((await folderStore(dir).seal({ drillId: 'd-1' })).digest).toBe(digest);
  });

  const spoil: [string, () => void, string][] = [
    ['a byte changed', () => writeFileSync(join(dir, 'plan.json'), '[]'), 'plan.json: changed after it was sealed'],
    ['a byte added', () => appendFileSync(join(dir, 'plan.json'), ' '), 'plan.json: changed after it was sealed (2 bytes were sealed, 3 are there)'],
    ['a file removed', () => rmSync(join(dir, 'plan.json')), 'plan.json: sealed, and not there'],
    ['a file added', () => writeFileSync(join(dir, 'lost.jsonl'), ''), 'lost.jsonl: there, and not sealed'],
    ['history went on', () => folderStore(dir).append('history.jsonl', [entry(3)]), 'history.jsonl: its chain ends at line 3, sealed was another end (line 2)'],
    [
      'history rewritten',
      () => writeFileSync(join(dir, 'history.jsonl'), text().replace('event 1', 'event X')),
      'history.jsonl: line 2: the digest of the line before does not fit',
    ],
    [
      'history without its first line',
      () => writeFileSync(join(dir, 'history.jsonl'), text().slice(text().indexOf('\n') + 1)),
      'history.jsonl: line 1 bears the number 2',
    ],
    [
      'a link in place of a file',
      () => {
        rmSync(join(dir, 'plan.json'));
        symlinkSync('/etc/hostname', join(dir, 'plan.json'));
      },
      'plan.json: no plain file',
    ],
    ['no manifest', () => rmSync(join(dir, 'manifest.json')), 'manifest.json: missing: the drill was never sealed'],
    ['a manifest of another kind', () => writeFileSync(join(dir, 'manifest.json'), '{"version":2}'), 'manifest.json: no manifest of ours'],
  ];
  test.each(spoil)('%s is found', async (_, act, finding) => {
    await bundle();
    act();
    expect((await verifyManifest(dir)).map((f) => `${f.file}: ${f.seen}`)).toEqual(expect.arrayContaining([expect.stringContaining(finding)]));
  });

  test('a link is not sealed', async () => {
    symlinkSync('/etc/hostname', join(dir, 'plan.json'));
    await expect(folderStore(dir).seal({ drillId: 'd-1' })).rejects.toThrow(coded('DRILL_EVIDENCE_FOREIGN'));
  });

  test('lines longer than a chunk and a torn ledger are chained as parseChain does', async () => {
    const store = folderStore(dir);
    store.append('ledger.jsonl', [entry(1, 'x'.repeat(3_000_000)), entry(2), entry(3, 'ä'.repeat(600_000))]);
    truncateSync(join(dir, 'ledger.jsonl'), Buffer.byteLength(text('ledger.jsonl')) - 5);
    const { manifest } = await store.seal({ drillId: 'd-1' });
    const { lines, head } = parseChain(text('ledger.jsonl'), 'l');
    expect(manifest.chains).toEqual([{ name: 'ledger.jsonl', lines: lines.length, head }]);
    expect(await verifyManifest(dir)).toEqual([]);
  });
});
