/** The shape of every line of `drillbook binlog show --json`. The JSON Schema in docs/schema/ is made from it. Lines are not validated when they are written. */
import { z } from 'zod';
import { FINDINGS } from './finding.ts';
import type { FindingKind, FindingLevel } from './finding.ts';

const file = z.string().describe('the binary log file');
const offset = z.int().min(0).describe('bytes from the beginning of the file; inside a compressed payload the payload’s own');
const place = { file, offset };
const gtid = z.string().nullable().describe('uuid:n, uuid:tag:n, or MariaDB’s domain-server-sequence; null: the transaction has none');
const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$/)
  .describe('UTC, with microseconds where the log has them');
const digits = z.string().regex(/^-?\d+$/);
const hex = z.string().regex(/^([0-9a-f]{2})*$/);
const number = z.string().describe('shortest decimal that reads back to the same bits');

/** One column's value. A plain string is a number's digits, a date, decoded text, hex of binary bytes, or JSON text: the table line's `type` says which. */
export const valueSchema = z
  .union([
    z.null().describe('SQL NULL'),
    z.string(),
    z.strictObject({ signed: digits, unsigned: digits }).describe('integer whose signedness the log does not say and whose top bit is set'),
    z.strictObject({ bits: hex }).describe('a FLOAT or DOUBLE that is no number'),
    z.strictObject({ hex, utf8: z.string().optional(), charset: z.string().optional() }).describe('text whose characters are not known for sure: its bytes'),
    z.strictObject({ index: digits, label: z.string().optional() }).describe('ENUM'),
    z.strictObject({ bits: digits, labels: z.array(z.string()).optional() }).describe('SET'),
    z.strictObject({ srid: digits, wkb: hex }).describe('GEOMETRY'),
    z.strictObject({ vector: z.array(number) }).describe('VECTOR'),
    z.strictObject({ underivable: z.string() }).describe('the after-image of a partial update whose base is not in the log'),
  ])
  .meta({ id: 'value' });

const image = z
  .record(z.string(), valueSchema)
  .describe('by column name, or @1, @2, … where names are not logged; a column that is not in the image is left out');
const table = z.string().describe('schema.table');

const column = z.strictObject({
  name: z.string(),
  type: z.string().describe('e.g. BIGINT UNSIGNED, VARCHAR(160 bytes), DECIMAL(10,2)'),
  nullable: z.boolean(),
  unsigned: z.boolean().optional().describe('left out: not logged, or not a number'),
  collation: z.int().optional().describe('collation id; 63 is binary'),
  labels: z.array(z.string()).optional().describe('of ENUM and SET'),
  visible: z.boolean().optional(),
});

const LINES = {
  file: z.strictObject({
    type: z.literal('file'),
    ...place,
    flavour: z.enum(['mysql', 'mariadb']),
    serverVersion: z.string(),
    serverId: z.int(),
    serverStarted: time.optional().describe('the file is the first one after a start of its server'),
    checksums: z.boolean(),
    inUse: z.boolean(),
    relay: z.boolean(),
  }),
  previousGtids: z.strictObject({ type: z.literal('previousGtids'), file, gtids: z.string().describe('executed before this file') }),
  gtidList: z.strictObject({ type: z.literal('gtidList'), file, gtids: z.array(z.string()).describe('MariaDB: executed before this file') }),
  transaction: z.strictObject({
    type: z.literal('transaction'),
    gtid,
    kind: z.enum(['gtid', 'tagged', 'anonymous', 'mariadb', 'none']),
    ...place,
    serverId: z.int(),
    committed: time.describe('on the server whose log it is'),
    originalCommitted: time.optional().describe('on the server that committed it first, where that differs'),
    lastCommitted: z.int().optional(),
    sequenceNumber: z.int().optional(),
  }),
  table: z.strictObject({
    type: z.literal('table'),
    table,
    schema: z.string(),
    name: z.string(),
    columns: z.array(column),
    primaryKey: z.array(z.strictObject({ column: z.string(), prefix: z.int().optional().describe('characters') })).optional(),
  }),
  rowsQuery: z.strictObject({ type: z.literal('rowsQuery'), text: z.string().describe('the statement that the following rows came from') }),
  insert: z.strictObject({ type: z.literal('insert'), table, after: image }),
  update: z.strictObject({ type: z.literal('update'), table, before: image, after: image }),
  delete: z.strictObject({ type: z.literal('delete'), table, before: image }),
  statement: z.strictObject({
    type: z.literal('statement'),
    schema: z.string().describe('default database'),
    text: z.string(),
    exact: z.literal(false).optional().describe('bytes that are not valid in the client’s character set, shown as latin1'),
    ddl: z.boolean().describe('DDL or administrative; false: what it changed is not in the log as rows'),
    ...place,
  }),
  end: z.strictObject({
    type: z.literal('end'),
    gtid,
    how: z.enum(['xid', 'commit', 'ddl', 'xa-prepare', 'xa-commit', 'xa-rollback', 'rollback']),
    xid: digits.optional(),
    branch: z.string().optional().describe('XA branch'),
    endOffset: offset,
    compressed: z.literal(true).optional().describe('its events came in a compressed payload'),
    sound: z.boolean().describe('false: a finding of level damage or unknown lies inside'),
  }),
  abandoned: z.strictObject({ type: z.literal('abandoned'), gtid, ...place }).describe('the transaction that was begun there is not whole'),
  rotate: z.strictObject({ type: z.literal('rotate'), next: z.string().describe('the file that follows'), ...place }),
  stop: z.strictObject({ type: z.literal('stop'), ...place }).describe('the server was shut down'),
  finding: z.strictObject({
    type: z.literal('finding'),
    kind: z.enum(Object.keys(FINDINGS) as [FindingKind, ...FindingKind[]]),
    level: z.enum(['note', 'unknown', 'damage'] satisfies FindingLevel[]),
    ...place,
    text: z.string(),
    gtid: z.string().optional(),
  }),
  fileEnd: z.strictObject({ type: z.literal('fileEnd'), file, bytes: z.int().min(0) }),
};

export const lineSchema = z.discriminatedUnion('type', [
  LINES.file,
  LINES.previousGtids,
  LINES.gtidList,
  LINES.transaction,
  LINES.table,
  LINES.rowsQuery,
  LINES.insert,
  LINES.update,
  LINES.delete,
  LINES.statement,
  LINES.end,
  LINES.abandoned,
  LINES.rotate,
  LINES.stop,
  LINES.finding,
  LINES.fileEnd,
]);
export type BinlogLine = z.infer<typeof lineSchema>;

/** JSON Schema (draft 2020-12) of one line. */
export function jsonSchemaOfLine(): unknown {
  return { title: 'One line of drillbook binlog show --json', ...z.toJSONSchema(lineSchema) };
}
