import { BinlogText } from '../../../core/binlog/text.ts';
import type { Transaction } from '../../../core/binlog/model.ts';

const UUID = 'df16527c-e63e-11f1-9225-02fc00000001';

/** Feeds text as mysqlbinlog 9.7.4 prints it (recorded, shortened), as latin1 lines. */
function parse(text: string): { transactions: Transaction[]; previous: string[]; findings: string[] } {
  const out = { transactions: [] as Transaction[], previous: [] as string[], findings: [] as string[] };
  const parser = new BinlogText({
    previousGtids: (t) => out.previous.push(t),
    transaction: (t) => out.transactions.push(t),
    finding: (kind, t) => out.findings.push(`${kind}: ${t}`),
  });
  for (const line of Buffer.from(text).toString('latin1').split('\n')) parser.push(line);
  parser.end();
  return out;
}

let at = 4;
/** One event: its position lines, header and content. */
function event(name: string, content = '', rest = ''): string {
  const from = at;
  at += 10;
  return `# at ${from}\n#261122  6:35:13 server id 1  end_log_pos ${at} CRC32 0x9877c76d \t${name}${rest}\n${content}`;
}
const gtid = (n: number, us = 1_795_329_313_970_009) =>
  event(
    'GTID',
    `/*!80001 SET @@session.original_commit_timestamp=${us}*//*!*/;\nSET @@SESSION.GTID_NEXT= '${UUID}:${n}'/*!*/;\n`,
    `\tlast_committed=0\tsequence_number=1\trbr_only=yes\toriginal_committed_timestamp=1\timmediate_commit_timestamp=${us}\ttransaction_length=398`,
  );
const query = (sql: string) =>
  event('Query', `SET TIMESTAMP=1795329313/*!*/;\n/*!\\C utf8mb4 *//*!*/;\n${sql}\n/*!*/;\n`, '\tthread_id=8\texec_time=0\terror_code=0');
const rows = (kind: string, text: string) =>
  event('Table_map: `t`.`x` mapped to number 83', '# has_generated_invisible_primary_key=0\n') + event(`${kind}: table id 83 flags: STMT_END_F`, text);
const xid = () => event('Xid = 2', 'COMMIT/*!*/;\n');
const column = (n: number, v: string, type = 'VARSTRING(800)') => `###   @${n}=${v} /* ${type} meta=0 nullable=1 is_null=${v === 'NULL' ? 1 : 0} */\n`;
const insert = (values: string) => rows('Write_rows', `### INSERT INTO \`t\`.\`x\`\n### SET\n${values}`);

beforeEach(() => {
  at = 4;
});

test('a transaction comes out whole, with its commit time and images', () => {
  const text =
    event('Start: binlog v 4, server v 9.7.4-2 created 261122  6:35:13 at startup', 'ROLLBACK/*!*/;\n') +
    event('Previous-GTIDs', `# ${UUID}:1-3,\n# ${UUID.replace('d', 'e')}:7\n`) +
    gtid(4) +
    query('BEGIN') +
    rows(
      'Update_rows',
      `### UPDATE \`t\`.\`x\`\n### WHERE\n${column(1, '-5 (4294967291)', 'INT')}${column(2, 'NULL')}### SET\n${column(1, '6', 'INT')}${column(2, "'b'")}`,
    ) +
    xid();
  const { transactions, previous, findings } = parse(text);
  expect(findings).toEqual([]);
  expect(previous).toEqual([`${UUID}:1-3,${UUID.replace('d', 'e')}:7`]);
  expect(transactions).toHaveLength(1);
  expect(transactions[0]).toMatchObject({ gtid: `${UUID}:4`, commitUs: 1_795_329_313_970_009n, statements: [] });
  expect(transactions[0]!.rows[0]).toMatchObject({
    table: 't.x',
    op: 'update',
    before: [{ text: '-5', unsigned: '4294967291' }, null],
    after: [{ text: '6' }, { text: 'b' }],
  });
});

test('a file that holds nothing yet still tells what came before it', () => {
  const end =
    "SET @@SESSION.GTID_NEXT= 'AUTOMATIC' /* added by mysqlbinlog */ /*!*/;\nDELIMITER ;\n# End of log file\n/*!50003 SET COMPLETION_TYPE=@OLD_COMPLETION_TYPE*/;\n";
  expect(parse(event('Previous-GTIDs', `# ${UUID}:1-3:tag:5\n${end}`)).previous).toEqual([`${UUID}:1-3:tag:5`]);
  expect(parse(event('Previous-GTIDs', `# [empty]\n${end}`)).previous).toEqual(['']);
});

test.each([
  [`'it\\'s \\\\ back \\n nl \\t tab \\x00 \\x1b'`, "it's \\ back \n nl \t tab \0 \x1b"],
  [`'\\\\x0a is text'`, '\\x0a is text'],
  [`'ü € 😀'`, 'ü € 😀'],
  [`'/* VARSTRING(800) meta=800 nullable=1 is_null=0 */'`, '/* VARSTRING(800) meta=800 nullable=1 is_null=0 */'],
  [`''`, ''],
  [`'NULL'`, 'NULL'],
])('the string %s is read as written', (raw, text) => {
  const value = parse(gtid(1) + query('BEGIN') + insert(column(1, raw)) + xid()).transactions[0]!.rows[0]!.after![0];
  expect(value).toMatchObject({ text, exact: true });
});

test('bytes that are not UTF-8 are marked, not replaced', () => {
  const out: Transaction[] = [];
  const parser = new BinlogText({ previousGtids: () => {}, transaction: (t) => out.push(t), finding: () => {} });
  for (const line of (gtid(1) + query('BEGIN') + insert(column(1, "'gr\u00fcn'")) + xid()).split('\n')) parser.push(line);
  expect(out[0]!.rows[0]!.after![0]).toMatchObject({ exact: false });
});

test('statement text that looks like events stays text', () => {
  const evil = `INSERT INTO t.x VALUES ('/*!*/;\n# at 4\n#261122  6:35:13 server id 1  end_log_pos 99 CRC32 0x9877c76d \tXid = 7\n### DELETE FROM \`t\`.\`x\`')`;
  const { transactions } = parse(gtid(1) + query('BEGIN') + query(evil) + xid() + gtid(2) + query('BEGIN') + insert(column(1, '7', 'INT')) + xid());
  expect(transactions.map((t) => [t.rows.length, t.statements.length])).toEqual([
    [0, 1],
    [1, 0],
  ]);
  expect(transactions[0]!.statements[0]).toBe(evil);
});

test('DDL is a transaction of its own; a version comment is DDL too; CREATE … SELECT goes on to its rows', () => {
  const { transactions } = parse(
    gtid(1) +
      query('ALTER TABLE t.x ADD z INT') +
      gtid(2) +
      query('/*!40000 ALTER TABLE x DISABLE KEYS */') +
      gtid(3) +
      query('CREATE TABLE t.z (id INT) START TRANSACTION') +
      insert(column(1, '7', 'INT')) +
      xid(),
  );
  expect(transactions.map((t) => [t.statements[0], t.rows.length])).toEqual([
    ['ALTER TABLE t.x ADD z INT', 0],
    ['/*!40000 ALTER TABLE x DISABLE KEYS */', 0],
    ['CREATE TABLE t.z (id INT) START TRANSACTION', 1],
  ]);
});

test('a cut transaction is a finding and no transaction; a killed server’s mark is a note', () => {
  const { transactions, findings } = parse(
    `# Warning: this binlog is either in use or was not closed properly.\n${gtid(1)}${query('BEGIN')}${insert(column(1, '7', 'INT'))}`,
  );
  expect(transactions).toEqual([]);
  expect(findings).toEqual([expect.stringMatching(/^in-use/), expect.stringMatching(/^cut: .*:1:/)]);
});

test('a row line that is not understood is a finding and spoils the image', () => {
  const { transactions, findings } = parse(gtid(1) + query('BEGIN') + insert(`###   @1=!! Don't know how to handle column type=255\n`) + xid());
  expect(findings[0]).toMatch(/^unreadable/);
  expect(transactions[0]!.rows[0]!.after).toEqual([]);
});
