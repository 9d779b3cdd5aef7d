/** A log decoded in threads gives the very bytes that it gives in one go. */
import { readdirSync } from 'node:fs';
import { copyFile, mkdtemp, mkdtempDisposable, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../../core/binlog/finding.ts';
import { JsonLines } from '../../../core/binlog/jsonl.ts';
import { LogReader } from '../../../core/binlog/log.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { readFiles } from '../../../targets/systems/mysql/binlog/files.ts';
import { decodeRanges, SLOT_BYTES, SLOTS } from '../../../targets/systems/mysql/binlog/parallel.ts';
import { rangesOf } from '../../../targets/systems/mysql/binlog/ranges.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/binlog');
const MODULE = new URL('../../../console/cli/binlog/show-thread.ts', import.meta.url);
const filesOf = (name: string) =>
  readdirSync(join(FIXTURES, name))
    .sort()
    .map((file) => join(FIXTURES, name, file));

async function inOneGo(files: string[]): Promise<string> {
  const blocks: Buffer[] = [];
  const lines = new JsonLines((block) => blocks.push(Buffer.from(block)), nodeBytes);
  await readFiles(files, new LogReader(lines, { bytes: nodeBytes, rows: 'visit', checksums: 'all' }));
  lines.flush();
  return Buffer.concat(blocks).toString();
}

async function inThreads(
  files: string[],
  jobs: number,
  bytesMin: number,
  own: object = {},
): Promise<{ text: string; ranges: number; findings: Finding[] } | null> {
  const ranges = await rangesOf(files, {}, bytesMin);
  if (ranges === null) return null;
  const blocks: Buffer[] = [];
  const findings: Finding[] = [];
  const sink = { write: (block: Uint8Array) => blocks.push(Buffer.from(block)), finding: (f: Finding) => findings.push(f) };
  await decodeRanges(ranges, { jobs, module: MODULE, limits: {}, own }, sink);
  return { text: Buffer.concat(blocks).toString(), ranges: ranges.length, findings };
}

test.each([
  ['types', 1, 1],
  ['partial', 1, 2],
  ['payload', 1, 3],
  ['statements', 1, 2],
  ['nocrc', 1, 2],
  ['mariadb', 1, 2],
  ['killed', 1, 2],
])('%s, in ranges of %i bytes, %i threads', async (name, bytesMin, jobs) => {
  const parts = await inThreads(filesOf(name), jobs, bytesMin);
  expect(parts!.ranges).toBeGreaterThan(2);
  expect(parts!.text).toBe(await inOneGo(filesOf(name)));
  expect(parts!.findings.map((f) => f.kind)).toEqual(
    parts!.text
      .split('\n')
      .filter((line) => line.startsWith('{"type":"finding"'))
      .map((line) => (JSON.parse(line) as Finding).kind),
  );
});

test.each(['relay', 'relay-mixed'])('%s: relay logs are not cut', async (name) => expect(await inThreads(filesOf(name), 2, 1)).toBeNull());

describe('one file, changed', () => {
  let dir = '';
  const path = () => join(dir, 'binlog.000001');
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dbt-'));
    await copyFile(join(FIXTURES, 'types/binlog.000001'), path());
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test('a log whose structure is damaged is not cut', async () => {
    const bytes = await readFile(path());
    await writeFile(path(), bytes.subarray(0, bytes.length - 40));
    expect(await inThreads([path()], 2, 1)).toBeNull();
  });

  test('damage inside of rows is found by the thread that reads them, at its place in the file', async () => {
    const bytes = await readFile(path());
    const at = rowEvents(bytes).at(-1)!;
    bytes[at + 30]! ^= 1;
    await writeFile(path(), bytes);
    const parts = await inThreads([path()], 2, 1);
    expect(parts!.findings).toMatchObject([{ kind: 'checksum', offset: at }]);
    expect(parts!.text).toBe(await inOneGo([path()]));
  });
});

test('a thread rests while its ring of blocks is full', async () => {
  const some = ['types', 'partial', 'payload', 'nocrc', 'statements'].flatMap(filesOf);
  await using dir = await mkdtempDisposable(join(tmpdir(), 'dbt-'));
  // files of one name would be told by their paths
  const files = Array.from({ length: 150 }, (_, i) => join(dir.path, `binlog.${String(i + 1).padStart(6, '0')}`));
  await Promise.all(files.map((to, i) => copyFile(some[i % some.length]!, to)));
  const whole = await inOneGo(files);
  const ranges = await rangesOf(files, {}, Infinity);
  const blocks: Buffer[] = [];
  const nap = new Int32Array(new SharedArrayBuffer(4));
  const write = (block: Uint8Array) => {
    if (blocks.length % 50 === 0) Atomics.wait(nap, 0, 0, 150);
    blocks.push(Buffer.from(block));
  };
  await decodeRanges(ranges!, { jobs: 2, module: MODULE, limits: {}, own: {} }, { write, finding: () => {} });
  expect(blocks.length).toBeGreaterThan(4 * SLOTS);
  expect(Buffer.concat(blocks).toString() === whole).toBe(true);
});

test('what a thread cannot read is thrown', async () => {
  const ranges = [{ path: join(FIXTURES, 'types/none'), start: 0, end: SLOT_BYTES, last: true }];
  const sink = { write: () => {}, finding: () => {} };
  await expect(decodeRanges(ranges, { jobs: 1, module: MODULE, limits: {}, own: {} }, sink)).rejects.toThrow(/types\/none/);
});

/** Offsets of the row events of a log with checksums. */
function rowEvents(bytes: Buffer): number[] {
  const found: number[] = [];
  for (let at = 4; at < bytes.length; at += bytes.readUInt32LE(at + 9)) if ([30, 31, 32].includes(bytes[at + 4]!)) found.push(at);
  return found;
}
