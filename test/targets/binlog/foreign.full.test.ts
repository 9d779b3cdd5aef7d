/** Binary logs that others made, out of the package mariadb-test-data: servers from 4.1 to 10.6, damaged ones among them. Each is read or refused by name. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from '../../support/corpus/decode.ts';
import type { Decoded, DecodedRow } from '../../support/corpus/decode.ts';
import { canonOfServer, lossyOfDecoded } from '../../support/corpus/json.ts';
import { mustMariadb, mustMariadbFiles } from '../../support/mariadb.ts';
import { testTools } from '../../support/tools.ts';
import { printLog } from '../../support/mysqlbinlog-text.ts';
import type { Printed, PrintedLog } from '../../support/mysqlbinlog-text.ts';

const maria = await mustMariadb();
const folder = await mustMariadbFiles();

/** By file: server, transactions, rows, and what is found; a note and a `statement` of a log that holds statements are left out. */
const FILES: Record<string, [server: string, txs: number, rows: number, outcome: string]> = {
  // MySQL 5.7 and later
  'std_data/rpl/mysql-5.7.11-stm-temporal-round-binlog.000001': ['5.7.11', 1, 0, 'read'],
  'std_data/rpl/mysql-8.0.13-stm-temporal-round-binlog.000001': ['8.0.13', 2, 0, 'read'],
  'std_data/mdev35643_mysql_80_binlog.000001': ['8.0.40', 9, 106, 'read'],
  // MariaDB 10
  'std_data/mdev6020-mysql-bin.000001': ['10.0.11', 1381, 8006, 'read'],
  'std_data/binlog_before_20574.bin': ['10.2.28', 0, 0, 'encrypted'],
  'std_data/mdev29078-mysql-bin.000001': ['10.3.35', 3, 0, 'read'],
  'std_data/rpl/master-bin-seq_10.3.36.000001': ['10.3.36', 4, 2, 'read'],
  'std_data/binlog-header.binlog': ['10.4.3', 0, 0, 'read'],
  'std_data/mdev-39404-binlog.000001': ['10.6.26', 0, 0, 'checksum'],
  // older than what is promised: read as far as the events are the same
  'std_data/bug47142_master-bin.000001': ['', 0, 0, 'format'],
  'std_data/master-bin.000001': ['', 0, 0, 'format'],
  'std_data/trunc_binlog.000001': ['', 0, 0, 'format'],
  'suite/binlog/std_data/binlog_old_version_4_1.000001': ['', 0, 0, 'format'],
  'std_data/mdev-4645-binlog_checksum.binlog': ['', 0, 0, 'format'],
  'std_data/mdev-4645-binlog_group_id.binlog': ['', 0, 0, 'format'],
  'std_data/mdev-4645-binlog_group_id_checksum.binlog': ['', 0, 0, 'format'],
  'std_data/mdev-4645-binlog_none.binlog': ['5.1.63', 3, 0, 'read'],
  'std_data/binlog_transaction.000001': ['5.0.86', 9, 0, 'read'],
  'std_data/bug11747416_32228_binlog.000001': ['5.5.17', 2, 0, 'cut'],
  'std_data/bug16266.000001': ['5.0.16', 4, 0, 'read'],
  'std_data/bug40482-bin.000001': ['5.1.30', 0, 0, 'incident'],
  'std_data/mariadb-5.5-binlog.000001': ['5.5.36', 4, 0, 'read'],
  // relay logs that do not say so
  'std_data/binlog_savepoint.000001': ['5.1.43', 1, 0, 'read'],
  'std_data/bug33029-slave-relay-bin.000001': ['5.0.58', 28, 0, 'read'],
  'std_data/corrupt-relay-bin.000624': ['5.0.46', 229, 0, 'structure'],
  // rows before 5.1.18 have another format, and 5.1.23 logs them outside of transactions: refused where they begin, and never called damaged
  'suite/binlog/std_data/bug32407.001': ['5.1.15', 1, 0, 'format'],
  'suite/binlog/std_data/ver_5_1-telco.001': ['5.1.15', 3, 0, 'format'],
  'suite/binlog/std_data/ver_5_1_17.001': ['5.1.17', 3, 0, 'format'],
  'suite/binlog/std_data/ver_5_1_23.001': ['5.1.23', 3, 0, 'format'],
  'suite/binlog/std_data/ver_trunk_row_v2.001': ['5.6.4', 12, 5, 'read'],
  'suite/binlog/std_data/update-full-row.binlog': ['5.1.37', 1, 7, 'read'],
  'suite/binlog/std_data/update-partial-row.binlog': ['5.1.37', 1, 7, 'read'],
  'suite/binlog/std_data/write-full-row.binlog': ['5.1.37', 1, 7, 'read'],
  'suite/binlog/std_data/write-partial-row.binlog': ['5.1.37', 1, 7, 'read'],
};

const DAMAGED = new Set(['cut', 'checksum', 'structure']);

describe('binary logs of other servers', () => {
  test('the package holds these, and no others', () => {
    const found = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => readFileSync(path).subarray(0, 4).toString('latin1') === '\xfebin')
      .map((path) => path.slice(folder.length + 1));
    expect(found.toSorted()).toEqual(Object.keys(FILES).toSorted());
  });

  test.each(Object.entries(FILES).map(([file, [server, txs, rows, outcome]]) => [file, server, txs, rows, outcome] as const))(
    '%s of server %s: %i transactions, %i rows, %s',
    async (file, server, txs, rows, outcome) => {
      const path = join(folder, file);
      const log = await decode([path]);
      expect(log.formats[0]?.serverVersion ?? '').toMatch(new RegExp(`^${server.replaceAll('.', '\\.')}`));
      const kinds = new Set(log.findings.filter((f) => f.level !== 'note' && f.kind !== 'statement').map((f) => f.kind));
      if (outcome === 'read') expect([...kinds]).toEqual([]);
      else if (DAMAGED.has(outcome)) expect([...kinds]).toContain(outcome);
      else expect([...kinds]).toEqual([outcome]);
      expect([log.txs.length, allRows(log).length]).toEqual([txs, rows]);
      await compareWithTools(log, path, maria.binlog, outcome === 'read');
    },
    30_000,
  );
});

const allRows = (log: Decoded): DecodedRow[] => [...log.txs.flatMap((tx) => tx.rows), ...log.loose.rows];

/** Whatever one of the two tools can read is what we read: rows and their values, GTIDs. */
async function compareWithTools(log: Decoded, path: string, mariadbBinlog: readonly string[], whole: boolean): Promise<void> {
  const printed = [await printLog([testTools().mysqlbinlog], path), await printLog(mariadbBinlog, path)].filter((p) => p.status === 0);
  const rows = allRows(log);
  for (const its of printed) {
    if (whole) expect(gtidsOf(log, its)).toEqual(its.gtids);
    if ((its.rows.length === 0 || rows.length === 0) && !whole) continue;
    expect(its.rows.map((r) => `${r.op} ${r.table}`)).toEqual(rows.map((r) => `${r.op} ${r.table.name}`));
    const differences = rows.flatMap((row, r) =>
      (['before', 'after'] as const).flatMap((side) =>
        (row[side] ?? []).flatMap((token, c) =>
          sameValue(token, its.rows[r]![side]?.[c]) ? [] : [`row ${r} ${side} @${c + 1}: ${JSON.stringify(token)} and ${its.rows[r]![side]?.[c]?.raw}`],
        ),
      ),
    );
    expect(differences).toEqual([]);
  }
}

/** mariadb-binlog does not print the GTIDs of MySQL, nor does either tool call a transaction without one anything. */
function gtidsOf(log: Decoded, its: PrintedLog): string[] {
  if (its.gtids.length === 0) return [];
  return log.txs.map((tx) => (tx.kind === 'anonymous' ? 'ANONYMOUS' : (tx.gtid ?? '')));
}

/** A token of a log without metadata: numbers may come in two readings, text as bytes; a partial update is printed as a call of functions. */
function sameValue(token: unknown, its: Printed | null | undefined): boolean {
  if (token === undefined || token === null || its === null || its === undefined)
    return (token ?? null) === (its ?? null) && (token === undefined) === (its === undefined);
  if (its.type === 'JSON') return its.bytes === null || lossyOfDecoded(token as string) === canonOfServer(its.bytes.toString());
  if (its.bytes) {
    const date = its.type === 'DATE' ? its.bytes.toString().replaceAll(':', '-') : its.bytes.toString();
    if (typeof token === 'string') return token === date || token === its.bytes.toString('hex');
    return (token as { hex?: string }).hex === its.bytes.toString('hex');
  }
  const readings = its.raw.split(/[ ()]+/);
  if (typeof token === 'string')
    return readings.includes(token) || Number(token) === Number(its.raw) || Date.parse(`${token.replace(' ', 'T')}Z`) / 1000 === Number(its.raw);
  const { signed, index } = token as { signed?: string; index?: string };
  return readings.includes(signed ?? index ?? '');
}
