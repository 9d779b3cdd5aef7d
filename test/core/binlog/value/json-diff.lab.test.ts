/** Partial updates of JSON on a real server: the patched document is the server's, byte by byte. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LogReader } from '../../../../core/binlog/log.ts';
import type { RowsEvent } from '../../../../core/binlog/rows.ts';
import { nodeBytes } from '../../../../targets/systems/mysql/binlog/bytes.ts';
import { readFiles } from '../../../../targets/systems/mysql/binlog/read.ts';
import { startServers } from '../../../support/mysqld.ts';
import type { TestServers } from '../../../support/mysqld.ts';
import { chance } from './chance.ts';
import type { Chance } from './chance.ts';

let servers: TestServers;
beforeAll(async () => {
  servers = await startServers(['v'], []);
}, 120_000);
afterAll(() => servers?.stop());

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sqlText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

/** The document of column 1. */
function body(rows: RowsEvent): string {
  const { buf, at } = rows.after!;
  const start = at[1]! + 4;
  return hex(buf.subarray(start, start + new DataView(buf.buffer, buf.byteOffset).getUint32(at[1]!, true)));
}

/** After each update the document of table `part`, null where it was not logged as diffs, and that of table `whole` as it was inserted. */
async function logged(): Promise<{ patched: (string | null)[]; whole: string[] }> {
  const node = servers.nodes[0]!;
  const [{ Log_name: name }] = (await node.sql('SHOW BINARY LOGS')).slice(-1) as [{ Log_name: string }];
  const patched: (string | null)[] = [];
  const whole: string[] = [];
  const visitor = {
    rows(rows: RowsEvent) {
      while (rows.next()) {
        if (rows.table.table === 'whole') whole.push(body(rows));
        else if (rows.op === 'update') {
          const p = rows.after!.patched?.[1];
          patched.push(p ? ('doc' in p ? hex(p.doc) : p.underivable) : null);
        }
      }
    },
    finding(f: { level: string; text: string }) {
      if (f.level !== 'note') throw new Error(f.text);
    },
  };
  await readFiles([join(node.dataDir, name)], new LogReader(visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all' }));
  return { patched, whole };
}

const KEYS = ['a', 'b', 'ab', 'key', '$', 'two words', 'qu"ote', 'back\\slash', 'ü', '😀', 'last', '0', 'x'.repeat(300)];

function scalar(c: Chance): string {
  return c.pick([
    () => 'null',
    () => 'true',
    () => String(c.below(100) - 50),
    () => String(c.below(70_000) - 35_000),
    () => String(c.below(2 ** 32)),
    () => '18446744073709551615',
    () => '-9223372036854775808',
    () => '1.5e300',
    () => JSON.stringify('s'.repeat(c.below(200))),
    () => JSON.stringify('ü"\\'),
    () => JSON.stringify('L'.repeat(20_000 + c.below(30_000))),
  ])();
}
function doc(c: Chance, depth: number): string {
  const size = c.below(6);
  const inner = () => (depth > 0 && c.below(2) === 0 ? doc(c, depth - 1) : scalar(c));
  if (c.below(2) === 0) return `[${Array.from({ length: size }, inner).join()}]`;
  return `{${[...new Set(Array.from({ length: size }, () => c.pick(KEYS)))].map((k) => `${JSON.stringify(k)}:${inner()}`).join()}}`;
}
function path(c: Chance, now: unknown): string {
  let at: unknown = now;
  let text = '$';
  do {
    if (Array.isArray(at)) {
      const i = c.below(at.length + 1);
      text += c.below(3) === 0 ? (i === 0 ? '[last]' : `[last-${i}]`) : `[${i}]`;
      at = at[i];
    } else {
      const keys = at !== null && typeof at === 'object' ? Object.keys(at) : [];
      const k = c.below(3) === 0 || keys.length === 0 ? c.pick(KEYS) : c.pick(keys);
      text += `.${JSON.stringify(k)}`;
      at = at === null || at === undefined ? undefined : (at as Record<string, unknown>)[k];
    }
  } while (c.below(3) > 0 && at !== null && typeof at === 'object');
  return text;
}
function change(c: Chance, now: unknown): string {
  let expression = 'j';
  for (let i = c.below(3); i >= 0; i--) {
    const p = sqlText(path(c, now));
    const value = c.below(3) === 0 ? `CAST(${sqlText(doc(c, 1))} AS JSON)` : `CAST(${sqlText(scalar(c))} AS JSON)`;
    expression = c.pick([`JSON_SET(${expression}, ${p}, ${value})`, `JSON_REPLACE(${expression}, ${p}, ${value})`, `JSON_REMOVE(${expression}, ${p})`]);
  }
  return expression;
}

test('a patched document is what the server makes of the text of the updated one, byte by byte', async () => {
  const seed = Number(process.env['SEED'] ?? 1);
  const c = chance(seed);
  const connection = await servers.nodes[0]!.connect();
  const run = async (sql: string) => (await connection.query(sql))[0];
  try {
    await run(
      "CREATE DATABASE d; USE d; SET NAMES utf8mb4; CREATE TABLE part (id INT PRIMARY KEY, j JSON); CREATE TABLE whole (id INT PRIMARY KEY AUTO_INCREMENT, j JSON); FLUSH BINARY LOGS; SET binlog_row_value_options = 'PARTIAL_JSON'",
    );
    let updates = 0;
    for (let row = 0; row < 40; row++) {
      const [{ j }] = (await run(`INSERT INTO part VALUES (${row}, ${sqlText(doc(c, 3))}); SELECT CAST(j AS CHAR) AS j FROM part WHERE id = ${row}`).then(
        (r) => (r as unknown[])[1],
      )) as [{ j: string }];
      let now: unknown = JSON.parse(j);
      for (let i = 0; i < 12; i++) {
        let result: { changedRows: number };
        try {
          result = (await run(`UPDATE part SET j = ${change(c, now)} WHERE id = ${row}`)) as unknown as { changedRows: number };
        } catch (e) {
          // the path ends in a wildcard-like place or removes the root: the server refuses it
          if ((e as { sqlState?: string }).sqlState === undefined) throw e;
          continue;
        }
        if (result.changedRows === 0) continue;
        updates++;
        const [{ j: text }] = (await run(`SELECT CAST(j AS CHAR) AS j FROM part WHERE id = ${row}`)) as unknown as [{ j: string }];
        now = JSON.parse(text);
        await run(`INSERT INTO whole (j) SELECT CAST(CAST(j AS CHAR) AS JSON) FROM part WHERE id = ${row}`);
      }
    }
    const { patched, whole } = await logged();
    expect(patched).toHaveLength(updates);
    expect(whole).toHaveLength(updates);
    const wrong = patched.findIndex((p, i) => p !== null && p !== whole[i]);
    if (wrong !== -1) throw new Error(`seed ${seed}, update ${wrong}:\n${patched[wrong]!.slice(0, 400)}\n${whole[wrong]!.slice(0, 400)}`);
    const partial = patched.filter((p) => p !== null);
    expect(partial.length).toBeGreaterThan(100);
    // the large form is in it
    expect(partial.some((p) => /^0[13]/.test(p))).toBe(true);
  } finally {
    connection.destroy();
  }
}, 120_000);
