/** Positions and states against a real MariaDB's own, with numbers that rise and fall: gtid_strict_mode is off. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseGtidList } from '../../../core/binlog/events.ts';
import { MariaPosition, mariaGtidText, MariaState, parseMariaGtids } from '../../../core/binlog/maria.ts';
import { Random } from '../../../bench/binlog-fuzz/random.ts';
import { ensureMariadb, TestMariadb } from '../../support/mariadb.ts';

const TRANSACTIONS = 150;
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

const sorted = (text: string) => parseMariaGtids(text).map(mariaGtidText).sort();

test(`a state that goes along with ${TRANSACTIONS} transactions is the server's (seed ${seed})`, async () => {
  const mariadb = await ensureMariadb();
  if (typeof mariadb === 'string') {
    process.stderr.write(`not tested: ${mariadb}\n`);
    return;
  }
  const random = new Random(seed);
  const server = await TestMariadb.start(mariadb, ['--binlog-checksum=CRC32']);
  try {
    const sql = await server.connect();
    await sql.query('CREATE DATABASE t; CREATE TABLE t.a (n INT)');
    const state = MariaState.parse('0-1-1,0-1-2');
    for (let i = 0; i < TRANSACTIONS; i++) {
      const [domain, id, seq] = [random.pick([0, 3, 10, 4_294_967_295]), random.pick([1, 2, 30, 4_294_967_295]), random.between(3, 1_000)];
      await sql.query(`SET gtid_domain_id = ${domain}, server_id = ${id}, gtid_seq_no = ${seq}; INSERT INTO t.a VALUES (1)`);
      state.advance(domain, id, seq);
    }
    const [[row]] = (await sql.query('SELECT @@global.gtid_binlog_pos pos, @@global.gtid_binlog_state state')) as unknown as [[{ pos: string; state: string }]];
    expect(sorted(state.toString())).toEqual(sorted(row.state));
    expect(state.position().equals(MariaPosition.parse(row.pos))).toBe(true);
    // what the next file begins with tells the position too: the last of a domain is the last in the list
    await sql.query('FLUSH BINARY LOGS');
    sql.destroy();
    const log = await readFile(join(server.dataDir, 'binlog.000002'));
    const at = 4 + log.readUInt32LE(4 + 9);
    expect(log[at + 4]).toBe(163);
    const list = parseGtidList(log, at + 19, at + log.readUInt32LE(at + 9) - 4);
    expect(MariaState.of(list).position().toString()).toBe(MariaPosition.parse(row.pos).toString());
    expect(sorted(list.map(mariaGtidText).join())).toEqual(sorted(row.state));
  } finally {
    await server.remove();
  }
}, 120_000);
