/** One cell of the matrix, decoded and held against what was stored and against mysqlbinlog. */
import type { Tools } from '../../../targets/tools.ts';
import { printLog } from '../mysqlbinlog-text.ts';
import type { PrintedRow } from '../mysqlbinlog-text.ts';
import { agree } from './agree.ts';
import type { Exception } from './agree.ts';
import { compareTable } from './compare.ts';
import { decode } from './decode.ts';
import type { Decoded, DecodedRow } from './decode.ts';
import type { Context } from './kind.ts';
import type { Written } from './matrix.ts';
import type { Table } from './table.ts';

export interface CellReport {
  decoded: Decoded;
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
  const decoded = await decode(written.files);
  const ours = byTable(decoded);
  const printed = new Map<string, PrintedRow[]>();
  for (const file of written.files) for (const row of (await printLog([tools.mysqlbinlog], file)).rows) add(printed, row.table, row);
  const report: CellReport = { decoded, rows: 0, values: 0, absent: 0, underivable: 0, agreed: 0, exceptions: new Map(), differences: [] };
  const context: Context = { full: written.cell.metadata === 'FULL', collations: true, signs: true };
  for (const [table, changes] of written.changes) {
    const rows = ours.get(textName(table)) ?? [];
    const compared = compareTable(changes, rows, written.cell.image, context);
    const agreed = agree(changes, rows, printed.get(textName(table)) ?? [], context);
    report.rows += rows.length;
    report.values += compared.values;
    report.absent += compared.absent;
    report.underivable += compared.underivable;
    report.agreed += agreed.values;
    for (const [e, n] of agreed.exceptions) report.exceptions.set(e, (report.exceptions.get(e) ?? 0) + n);
    report.differences.push(...compared.differences, ...agreed.differences.map((d) => `mysqlbinlog: ${d}`));
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
