/** One cell of the matrix, decoded and held against what was stored and against mysqlbinlog. */
import type { Mariadb } from '../../../setup/mariadb.mjs';
import type { Tools } from '../../../targets/tools.ts';
import { printLog } from '../mysqlbinlog-text.ts';
import type { PrintedRow } from '../mysqlbinlog-text.ts';
import { agree } from './agree.ts';
import type { Exception } from './agree.ts';
import { compareTable } from './compare.ts';
import { decode } from './decode.ts';
import type { Decoded, DecodedRow } from './decode.ts';
import type { Context } from './kind.ts';
import type { MariaWritten } from './maria.ts';
import type { Written } from './matrix.ts';
import type { RowImageMode } from './present.ts';
import type { Table } from './table.ts';
import type { Change } from './write.ts';

export interface CellReport {
  decoded: Decoded;
  /** what the server's own tool printed, by table */
  printed: Map<string, PrintedRow[]>;
  rows: number;
  values: number;
  absent: number;
  underivable: number;
  /** values on which mysqlbinlog agrees */
  agreed: number;
  exceptions: Map<Exception, number>;
  differences: string[];
}

export const textName = (table: Table): string => `${table.schema}.${table.name}`;

export async function checkCell(written: Written, tools: Tools): Promise<CellReport> {
  const context: Context = { full: written.cell.metadata === 'FULL', collations: true, signs: true };
  return checkFiles(written.files, written.changes, written.cell.image, context, [tools.mysqlbinlog]);
}

export async function checkMariaCell(written: MariaWritten, mariadb: Mariadb): Promise<CellReport> {
  const logged = written.cell.metadata !== 'NO_LOG';
  const context: Context = { full: written.cell.metadata === 'FULL', collations: logged, signs: logged };
  return checkFiles(written.files, written.changes, written.cell.image, context, mariadb.binlog);
}

/** `printer`: the command of the server's own tool. */
async function checkFiles(
  files: readonly string[],
  changes: ReadonlyMap<Table, Change[]>,
  mode: RowImageMode,
  context: Context,
  printer: readonly string[],
): Promise<CellReport> {
  const decoded = await decode(files);
  const ours = byTable(decoded);
  const printed = new Map<string, PrintedRow[]>();
  for (const file of files) for (const row of (await printLog(printer, file)).rows) add(printed, row.table, row);
  const report: CellReport = { decoded, printed, rows: 0, values: 0, absent: 0, underivable: 0, agreed: 0, exceptions: new Map(), differences: [] };
  for (const [table, expected] of changes) {
    const rows = ours.get(textName(table)) ?? [];
    const compared = compareTable(expected, rows, mode, context);
    const agreed = agree(expected, rows, printed.get(textName(table)) ?? [], context);
    report.rows += rows.length;
    report.values += compared.values;
    report.absent += compared.absent;
    report.underivable += compared.underivable;
    report.agreed += agreed.values;
    for (const [e, n] of agreed.exceptions) report.exceptions.set(e, (report.exceptions.get(e) ?? 0) + n);
    report.differences.push(...compared.differences, ...agreed.differences.map((d) => `printed: ${d}`));
  }
  return report;
}

export function byTable(decoded: Decoded): Map<string, DecodedRow[]> {
  const tables = new Map<string, DecodedRow[]>();
  for (const tx of decoded.txs) for (const row of tx.rows) add(tables, row.table.name, row);
  return tables;
}

function add<T>(to: Map<string, T[]>, name: string, row: T): void {
  const rows = to.get(name);
  if (rows) rows.push(row);
  else to.set(name, [row]);
}
