/** Which files are the log, and what is said about those that are missing or do not belong. The files hold the first bytes of a log, made by hand. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { listLogs } from '../../../targets/systems/mysql/binlog/read.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dbt-list-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Magic and the beginning of a format description event. */
function head({ serverId = 1, version = '9.7.4', relay = false } = {}): Buffer {
  const buf = Buffer.alloc(4 + 19 + 57 + 41);
  buf.write('\xfebin', 'latin1');
  buf[8] = 15;
  buf.writeUInt32LE(serverId, 9);
  buf.writeUInt16LE(relay ? 0x40 : 0, 21);
  buf.writeUInt16LE(4, 23);
  buf.write(version, 25);
  return buf;
}

type Made = Record<string, Buffer | string>;
function make(files: Made): void {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
}

const log = head();
const relay = head({ relay: true });

test.each<[string, Made, { relay?: boolean }, string[], string[]]>([
  [
    'by number, not by name; other files are left alone',
    { 'binlog.999999': log, 'binlog.1000000': log, 'ib.000001': 'x', 'auto.cnf': '' },
    {},
    ['binlog.999999', 'binlog.1000000'],
    [],
  ],
  [
    'the index’s order, over a change of the base name',
    { 'z.000001': log, 'a.000001': log, 'a.index': './z.000001\n/var/lib/a.000001\n' },
    {},
    ['z.000001', 'a.000001'],
    [],
  ],
  [
    'what the index names and is not there is a gap, at the end too',
    { 'b.000001': log, 'b.index': 'b.000001\nb.000002\n' },
    {},
    ['b.000001'],
    ['gap b.000002: DIR/b.index names b.000002, which is not there'],
  ],
  ['what the index does not name is not left out', { 'b.000001': log, 'b.000002': log, 'b.index': 'b.000001\n' }, {}, ['b.000001', 'b.000002'], []],
  [
    'a missing number is a gap',
    { 'b.000001': log, 'b.000003': log },
    {},
    ['b.000001', 'b.000003'],
    ['gap b.000003: b.000003 follows b.000001: b.000002 is missing'],
  ],
  [
    'several missing numbers are one gap',
    { 'b.000001': log, 'b.000005': log },
    {},
    ['b.000001', 'b.000005'],
    ['gap b.000005: b.000005 follows b.000001: b.000002 to b.000004 are missing'],
  ],
  ['an empty file belongs', { 'b.000001': log, 'b.000002': '' }, {}, ['b.000001', 'b.000002'], []],
  ['a file with a damaged beginning belongs', { 'b.000001': log, 'b.000002': 'damaged' }, {}, ['b.000001', 'b.000002'], []],
  ['an encrypted file belongs', { 'b.000001': Buffer.from('\xfdbin', 'latin1') }, {}, ['b.000001'], []],
  [
    'a file of another server',
    { 'b.000001': log, 'b.000002': head({ serverId: 9 }), 'b.000003': log },
    {},
    ['b.000001', 'b.000002', 'b.000003'],
    ['foreign b.000002: written by server id 9, the other files by server id 1'],
  ],
  [
    'a file of the other make',
    { 'b.000001': log, 'b.000002': head({ version: '11.8.3-MariaDB-log' }), 'b.000003': log },
    {},
    ['b.000001', 'b.000002', 'b.000003'],
    ['foreign b.000002: written by server id 1 (MariaDB), the other files by server id 1'],
  ],
  ['binary logs go before relay logs', { 'b.000001': log, 'r.000007': relay }, {}, ['b.000001'], []],
  ['relay logs when asked for', { 'b.000001': log, 'r.000007': relay, 'r.000008': '' }, { relay: true }, ['r.000007', 'r.000008'], []],
  ['relay logs where there is nothing else', { 'r.000007': relay, 'r.index': './r.000007\n' }, {}, ['r.000007'], []],
])('%s', async (_name, files, options, expected, findings) => {
  make(files);
  const source = await listLogs([dir], options);
  expect(source.files.map((f) => basename(f))).toEqual(expected);
  expect(source.findings.map((f) => `${f.kind} ${f.file}: ${f.text.replace(dir, 'DIR')}`)).toEqual(findings);
});

test.each<[string, Made, { relay?: boolean }, RegExp]>([
  ['nothing', { 'a.txt': 'x', 'x.000001': 'no log' }, {}, /holds no binary logs/],
  ['no relay logs', { 'b.000001': log }, { relay: true }, /holds no relay logs/],
  ['two servers', { 'a.000001': log, 'b.000001': log }, {}, /more than one server \(a, b\)/],
  ['two channels', { 'ra.000001': relay, 'rb.000001': relay }, { relay: true }, /more than one server \(ra, rb\)/],
])('a folder with %s is refused', async (_name, files, options, message) => {
  make(files);
  await expect(listLogs([dir], options)).rejects.toMatchObject({ code: 'DRILL_NO_LOGS', message: expect.stringMatching(message) });
});

test('a list keeps its order, over folders, and says what is odd about it', async () => {
  mkdirSync(join(dir, 'other'));
  make({ 'b.000001': log, 'b.000002': log, 'other/b.000003': log, copy: log });
  const at = (name: string) => join(dir, name);
  expect((await listLogs([at('b.000001'), at('other'), at('copy')])).findings).toEqual([]);
  const source = await listLogs([at('b.000002'), at('b.000001')]);
  expect(source.files).toEqual([at('b.000002'), at('b.000001')]);
  expect(source.findings.map((f) => f.text)).toEqual(['b.000001 follows b.000002: the numbers run backwards']);
  await expect(listLogs([at('b.000007')])).rejects.toMatchObject({ code: 'DRILL_NO_LOGS' });
});
