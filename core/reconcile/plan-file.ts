/** recovery.sql: a plan as a file that a person reads and `mysql --force` runs, beside writers, twice if need be. */
import { quoteTable } from './plan-literal.ts';
import { countsOf } from './plan-model.ts';
import type { PlannedChange, PlannedTransaction, RecoveryPlan } from './plan-model.ts';
import {
  freeId,
  guardOf,
  insertOfAnyId,
  JOURNAL,
  JOURNAL_DDL,
  JOURNAL_EXISTS,
  journalColumns,
  journalValues,
  SESSION,
  statementsOf,
  whereSeen,
} from './plan-sql.ts';
import type { Cells } from './schema.ts';

/** `at`: when it was made, for people. Yields whole statements. */
export function* recoverySql(plan: RecoveryPlan, at: string): Generator<string> {
  yield head(plan, at);
  for (const s of SESSION) yield `${s};\n`;
  // a statement that makes nothing would be a transaction of its own
  for (const s of JOURNAL_DDL) yield `SET @drillbook_ddl = IF(${JOURNAL_EXISTS}, 'DO 0', '${s.replaceAll("'", "''")}');\n${PREPARED('@drillbook_ddl')}`;
  yield 'SET SESSION autocommit = 0;\n';
  for (const t of plan.transactions) yield* transaction(plan, t);
  const own = plan.transactions.filter((t) => t.needsApply === null).length;
  yield `\nROLLBACK;\nSELECT COALESCE(SUM(changed > 0), 0) AS applied, COALESCE(SUM(changed = 0), 0) AS already, ${own} - COUNT(*) AS stale, ${plan.transactions.length - own} AS needs_apply, ${plan.decisions.length} AS for_a_person FROM ${JOURNAL} WHERE plan = '${plan.digest}'${numbers(plan)};\n`;
  yield 'SET SESSION autocommit = 1;\n';
  for (const [i, d] of plan.decisions.entries()) yield decision(d, i + 1, plan.decisions.length);
}

/** Those of the journal's rows that this file can make. */
function numbers(plan: RecoveryPlan): string {
  const others = plan.transactions.filter((t) => t.needsApply !== null).map((t) => t.number);
  return others.length === 0 ? '' : ` AND number NOT IN (${others.join(', ')})`;
}

function head(plan: RecoveryPlan, at: string): string {
  const { safe, rule, person } = countsOf(plan);
  const events = plan.transactions.filter((t) => t.needsApply !== null).length;
  const lines = [
    `Recovery plan ${plan.digest}`,
    `made ${at} by drillbook reconcile --plan, for the server ${plan.source}; on any other it changes nothing`,
    `fork: ${plan.fork || 'not known'}`,
    `rows read at: ${plan.read || 'not known'}`,
    `${safe} safe changes, ${rule} conflicts settled by the rule, in ${plan.transactions.length} transactions; ${person} for a person to decide (listed at the end)`,
    ...(events > 0 ? [`${events} of the transactions need --apply: this file leaves them out`] : []),
    `Run it with: mysql --force --max-allowed-packet=1G < recovery.sql   Safe beside writers, and when run twice: ${JOURNAL} says what is done.`,
    'It sets its own session: SQL mode, time zone +00:00, names utf8mb4, READ COMMITTED, autocommit off. A transaction that finds a row that is neither as the plan',
    'saw it nor as planned, or that meets any error, rolls back as a whole. The last result says what was applied; where anything is stale, plan again.',
  ];
  return `${lines.map((l) => `-- ${plain(l)}\n`).join('')}\n`;
}

const PREPARED = (variable: string): string => `PREPARE e FROM ${variable};\nEXECUTE e;\nDEALLOCATE PREPARE e;\n`;
const OK = '@drillbook_ok = 1';

function* transaction(plan: RecoveryPlan, t: PlannedTransaction): Generator<string> {
  yield `\n-- ${t.number} of ${plan.transactions.length}: ${plain(t.gtids.join(', '))}\n`;
  if (t.needsApply !== null) {
    yield `-- needs --apply: ${plain(t.needsApply)}\n`;
    for (const c of t.changes) yield `--   ${title(c)}\n`;
    return;
  }
  // not START TRANSACTION: it would commit what a killed ROLLBACK left behind
  yield 'ROLLBACK;\n';
  yield `SET @drillbook_ok = 0, @drillbook_todo = '', @drillbook_end = 'ROLLBACK';\n`;
  yield `${guardOf(plan, t, { into: '@drillbook_ok, @drillbook_todo', and: '@@session.autocommit = 0' })};\n`;
  for (const [i, c] of t.changes.entries()) yield* change(c, i + 1);
  const changed = `LENGTH(REPLACE(@drillbook_todo, '0', ''))`;
  yield `INSERT INTO ${JOURNAL} (${journalColumns}) SELECT ${journalValues(plan, t, changed)} FROM DUAL WHERE ${OK};\n`;
  yield expect('1');
  yield `SET @drillbook_end = IF(${OK}, 'COMMIT', 'ROLLBACK');\n${PREPARED('@drillbook_end')}`;
}

function* change(c: PlannedChange, at: number): Generator<string> {
  yield `-- ${title(c)}\n`;
  const todo = `SUBSTR(@drillbook_todo, ${at}, 1)`;
  const id = freeId(c);
  if (id) yield `SET @drillbook_id = IF(${id.taken}, NULL, ${id.value});\n`;
  for (const s of statementsOf(c, `${OK} AND ${todo} = '1'`, id ? '@drillbook_id' : undefined)) {
    yield `${s.sql};\n`;
    yield expect(s.rows === 1 ? todo : `${s.rows} * ${todo}`);
  }
}

const expect = (rows: string): string => `SET @drillbook_ok = IF(${OK} AND ROW_COUNT() = ${rows}, 1, 0);\n`;

function title(c: PlannedChange): string {
  const what = c.copies ? `${c.copies.seen} equal rows to ${c.copies.target}` : c.seen ? (c.target ? 'update' : 'delete') : 'insert';
  return plain(`${c.table.name} ${c.key}: ${what}${c.conflict ? `, conflict ${c.conflict} settled by the rule` : ''}${c.note ? ` (${c.note})` : ''}`);
}

function decision(c: PlannedChange, n: number, of: number): string {
  const lines = [
    `${n} of ${of} for a person to decide: ${c.table.name} ${c.key}${c.conflict ? `, conflict ${c.conflict}` : ''}: ${c.note} (lost in ${c.gtids.join(', ')})`,
    `  the old side: ${rowText(c, c.target)}`,
    `  the new side: ${rowText(c, c.seen)}`,
    '  to keep the new side’s: nothing is to be done',
    ...choices(c).map(([what, sql]) => `  ${what}: ${sql};`),
  ];
  return `\n${lines.map((l) => `-- ${plain(l, Infinity)}\n`).join('')}`;
}

function choices(c: PlannedChange): [string, string][] {
  try {
    const [take] = c.copies ? [] : statementsOf(c, whereSeen(c));
    const other = c.seen && c.target && c.table.columns.some((o) => o.autoIncrement) ? insertOfAnyId(c) : null;
    return [
      ...(take ? [['to take the old side’s', take.sql] as [string, string]] : []),
      ...(other ? [['to have both, the old side’s under a new id', other] as [string, string]] : []),
    ];
  } catch (e) {
    if (!(e instanceof TypeError)) throw e;
    return [[`there is no statement for ${quoteTable(c.table.name)}`, e.message]];
  }
}

const CELL_MAX = 200;

function rowText(c: PlannedChange, row: Cells | null): string {
  if (!row) return 'no row';
  const cells = c.table.columns.flatMap((o, i) => {
    const cell = row[i];
    return cell === undefined ? [] : [`${o.name} = ${cell === null ? 'NULL' : JSON.stringify(cell.length > CELL_MAX ? `${cell.slice(0, CELL_MAX)}…` : cell)}`];
  });
  return cells.join(', ');
}

const TEXT_MAX = 4_000;

/** One line of a comment, whatever a name or a key holds. */
function plain(text: string, max = TEXT_MAX): string {
  // oxlint-disable-next-line no-control-regex
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
  return line.length > max ? `${line.slice(0, max)}…` : line;
}
