/** The set algebra, the printing and the refusals of GtidSet against a real server's own. Every statement carries hundreds of pairs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { isDrillError } from '../../../core/errors.ts';
import { GtidSet } from '../../../core/gtid.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestServers } from '../../support/mysqld.ts';
import { Random } from '../../../bench/binlog-fuzz/random.ts';

const PAIRS = 10_000;
const PAIRS_PER_STATEMENT = 1_000;
const MUTATIONS = 1_000;
const UUIDS = ['3e11fa47-71ca-11e1-9e33-c80aa9429562', '3e11fa47-71ca-11e1-9e33-c80aa9429563', '5d88ddb6-cff5-11e8-b0a3-02fc00000001'];
const TAGS = ['', '', 'a', 'b', 'b0', 'b_', 'bb', '_x', 'a2345678901234567890123456789012'];

let servers: TestServers;
let sql: Connection;
beforeAll(async () => {
  servers = await startServers(['gtid'], []);
  sql = await servers.nodes[0]!.connect();
}, 90_000);
afterAll(async () => {
  sql?.destroy();
  await servers?.stop();
});

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

/** A text that the server takes: any order, overlaps, capitals, blanks between the parts. */
function randomText(random: Random): string {
  const blank = (): string => (random.chance(12) ? random.pick([' ', '\n', '\t']) : '');
  const source = (): string => {
    let text = random.chance(4) ? random.pick(UUIDS).toUpperCase() : random.pick(UUIDS);
    const tag = random.pick(TAGS);
    if (tag !== '') text += `:${tag}`;
    for (let i = random.between(1, 4); i > 0; i--) {
      const start = random.chance(40) ? Number.MAX_SAFE_INTEGER - random.below(20) : random.between(1, 40);
      const end = random.chance(2) ? start : Math.min(start + random.below(12), Number.MAX_SAFE_INTEGER);
      text += `${blank()}:${blank()}${start}${end > start ? `${blank()}-${blank()}${end}` : ''}`;
    }
    return text;
  };
  return Array.from({ length: random.below(5) }, source).join(`${blank()},${blank()}`);
}

interface Row {
  n: number;
  printed: string;
  rest: string;
  both: string;
  common: string;
  inside: number | string;
}
const ALGEBRA = `SELECT n, GTID_SUBTRACT(a, '') printed, GTID_SUBTRACT(a, b) rest, GTID_SUBTRACT(CONCAT(a, ',', b), '') \`both\`, GTID_SUBTRACT(a, GTID_SUBTRACT(a, b)) common, GTID_SUBSET(b, a) inside
  FROM JSON_TABLE(?, '$[*]' COLUMNS(n FOR ORDINALITY, a TEXT PATH '$[0]', b TEXT PATH '$[1]')) pairs ORDER BY n`;
/** The server breaks lines after a comma. */
const oneLine = (text: string): string => text.replaceAll('\n', '');

test(`${PAIRS} random pairs: subtract, union, intersect, contains and print are the server's (seed ${seed})`, async () => {
  const random = new Random(seed);
  for (let done = 0; done < PAIRS; done += PAIRS_PER_STATEMENT) {
    const pairs = Array.from({ length: PAIRS_PER_STATEMENT }, () => {
      const a = randomText(random);
      return [a, random.chance(5) ? a.split(',')[0]! : randomText(random)] as const;
    });
    const [rows] = (await sql.query(ALGEBRA, [JSON.stringify(pairs)])) as unknown as [Row[]];
    expect(rows.length).toBe(pairs.length);
    for (const row of rows) {
      const [a, b] = pairs[row.n - 1]!.map((text) => GtidSet.parse(text)) as [GtidSet, GtidSet];
      const ours = {
        printed: a.toString(),
        rest: a.subtract(b).toString(),
        both: a.union(b).toString(),
        common: a.intersect(b).toString(),
        inside: a.contains(b),
      };
      const theirs = {
        printed: oneLine(row.printed),
        rest: oneLine(row.rest),
        both: oneLine(row.both),
        common: oneLine(row.common),
        inside: Number(row.inside) === 1,
      };
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) expect({ pair: pairs[row.n - 1], ...ours }).toEqual({ pair: pairs[row.n - 1], ...theirs });
      expect(GtidSet.fromBytes(a.toBytes()).equals(a)).toBe(true);
    }
  }
});

/** What we read, or the code of our refusal. */
function ours(text: string): string {
  try {
    return GtidSet.parse(text).toString();
  } catch (e) {
    if (isDrillError(e)) return e.code;
    throw e;
  }
}

async function theirs(text: string): Promise<string> {
  try {
    const [rows] = (await sql.query(`SELECT GTID_SUBTRACT(?, '') printed`, [text])) as unknown as [{ printed: string }[]];
    return oneLine(rows[0]!.printed);
  } catch {
    return 'refused';
  }
}

test(`what the server refuses is refused, and what we read is read alike (seed ${seed})`, async () => {
  const random = new Random(seed ^ 0x5eed);
  let refused = 0;
  let read = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    let text = randomText(random);
    for (let changes = random.between(1, 2); changes > 0; changes--) {
      const at = random.below(text.length + 1);
      text =
        text.slice(0, at) +
        random.pick(['', '0', '-', ':', ',', ' ', '1', 'a', 'g', '_', '{', '}', '9', '99999999999999999', 'é', ':t:', ':1-3']) +
        text.slice(at + random.below(2));
    }
    const [we, they] = [ours(text), await theirs(text)];
    if (they === 'refused') {
      refused++;
      // a name of MariaDB's, which is none to MySQL
      if (/^\d+-\d+:/.test(we)) continue;
      if (!we.startsWith('DRILL_GTID_')) throw new Error(`the server refuses ${JSON.stringify(text)}, we read ${we}`);
    } else if (!we.startsWith('DRILL_GTID_')) {
      read++;
      if (we !== they) expect({ text, we }).toEqual({ text, we: they });
    }
  }
  // both sides of the test were there
  expect(refused).toBeGreaterThan(MUTATIONS / 20);
  expect(read).toBeGreaterThan(MUTATIONS / 20);
});

const A = UUIDS[0]!;
test.each([
  [`${A}:0`, 'refused', 'DRILL_GTID_INVALID'],
  [`${A}:0-5`, 'refused', 'DRILL_GTID_INVALID'],
  [`${A}:9223372036854775807`, 'refused', 'DRILL_GTID_INVALID'],
  [`${A}:9223372036854775806`, `${A}:9223372036854775806`, 'DRILL_GTID_TOO_LARGE'],
  [`${A}:9007199254740992`, `${A}:9007199254740992`, 'DRILL_GTID_TOO_LARGE'],
  [`${A}:9007199254740991`, `${A}:9007199254740991`, `${A}:9007199254740991`],
  [`${A}:000000000000000000000012`, `${A}:12`, `${A}:12`],
  [`{${A}}:1`, `${A}:1`, `${A}:1`],
  [`${A.replaceAll('-', '')}:1`, `${A}:1`, `${A}:1`],
  [`${A}:1 2`, 'refused', 'DRILL_GTID_INVALID'],
  // stricter than the server on purpose
  [`${A}:5-3`, '', 'DRILL_GTID_INVALID'],
  [A, '', 'DRILL_GTID_INVALID'],
  [`${A}:tag`, '', 'DRILL_GTID_INVALID'],
])('%j: the server says %j, we %j', async (text, they, we) => {
  expect([await theirs(text), ours(text)]).toEqual([they, we]);
});

test(`the binary form is the one in a server's log, and contains() is WAIT_FOR_EXECUTED_GTID_SET (seed ${seed})`, async () => {
  const random = new Random(seed ^ 0xb17e5);
  // a server that has ever seen a tag keeps to the tagged form: the last round is a set without tags in it
  for (const tags of [false, false, true, true, false]) {
    const executed = GtidSet.parse(`${UUIDS[0]}:1-20:23-40:50,${UUIDS[2]}:3-7${tags ? `:b_:1-9:bb:4:a:2-3:_x:1` : ''}`).union(
      tags ? GtidSet.parse(randomText(random)) : GtidSet.empty,
    );
    const commits = [...executed.gtids()].map((gtid) => `SET gtid_next = '${gtid}'; BEGIN; COMMIT`);
    await sql.query(`RESET BINARY LOGS AND GTIDS; ${commits.join('; ')}; SET gtid_next = AUTOMATIC; FLUSH LOGS`);
    const log = await readFile(join(servers.nodes[0]!.dataDir, 'binlog.000002'));
    const body = 4 + log.readUInt32LE(4 + 9) + 19;
    const end = body - 19 + log.readUInt32LE(body - 19 + 9) - 4;
    expect(log[body - 19 + 4]).toBe(35);
    expect(GtidSet.fromBytes(log, body, end).toString()).toBe(executed.toString());
    if (tags || log[body + 7] === 0) expect(Buffer.from(executed.toBytes()).toString('hex')).toBe(log.subarray(body, end).toString('hex'));
    for (let i = 0; i < 25; i++) {
      const wanted = random.chance(2) ? GtidSet.parse(randomText(random)) : GtidSet.of([...executed.gtids()].slice(0, 90).filter(() => random.chance(4)));
      const [rows] = (await sql.query('SELECT WAIT_FOR_EXECUTED_GTID_SET(?, 0.001) late', [wanted.toString()])) as unknown as [{ late: number | string }[]];
      expect({ wanted: wanted.toString(), inside: executed.contains(wanted) }).toEqual({ wanted: wanted.toString(), inside: Number(rows[0]!.late) === 0 });
    }
  }
});
