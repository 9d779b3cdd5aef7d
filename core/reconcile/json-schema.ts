/** The shape of `drillbook reconcile --json`. The JSON Schema in docs/schema/ is made from it. Output is not validated when it is written. */
import { z } from 'zod';
import { CONFLICT_CLASSES } from '../plan.ts';

const count = z.int().min(0);
const set = z.string().describe('GTID set, as the server prints it; "" is empty');
const table = z.string().describe('schema.table');
const key = z.string().describe('text of the identity; of several columns, or of a row in a table without a key, a JSON array of texts');
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const fates = ['present', 'superseded', 'missing', 'altered', 'duplicated', 'no-op', 'unknown'] as const;

const finding = z.strictObject({
  severity: z
    .enum(['note', 'unknown', 'fail'])
    .describe('unknown: something cannot be told, and the verdict is not pass; fail: something is not as it must be'),
  text: z.string(),
});

const summary = z.strictObject({
  version: z.literal(1),
  fork: z
    .strictObject({ set, how: z.enum(['given', 'recorded', 'derived']), findings: z.array(z.string()) })
    .describe('where the sides parted: everything that both have'),
  oldSet: set,
  newSet: set,
  lost: set.describe('what only the old side has since the fork'),
  lostCount: count.describe('transactions'),
  lostAcked: count.describe('of them, those that the ledger knows as acknowledged'),
  lostUnacked: count,
  lostHeartbeats: count,
  late: set.describe('lost GTIDs that the new side executed after the fork, with equal rows'),
  forced: set.describe('the same, with other rows'),
  conflicts: z.strictObject(Object.fromEntries(CONFLICT_CLASSES.map((c) => [c, count])) as Record<(typeof CONFLICT_CLASSES)[number], typeof count>),
  lostKeys: count.describe('keys whose rows the lost part changed'),
  lostKeysInPlace: count.describe('of them, those whose demanded state is there'),
  fates: z.strictObject(Object.fromEntries(fates.map((f) => [f, count])) as Record<(typeof fates)[number], typeof count>),
  acked: count,
  failed: count,
  unknownOutcome: count,
  rpoAtPromotionS: z.number().nullable().describe('seconds; null: nothing was lost, or no ledger tells'),
  lastRecoveryCommitUs: z.string().regex(/^\d+$/).nullable().describe('epoch µs on the new source of the last commit that put something lost in place'),
  findings: z.array(finding),
  logs: z.array(z.strictObject({ side: z.enum(['old', 'new']), file: z.string(), bytes: count, sha256: digest })),
});

const write = z
  .strictObject({
    w: z.string().describe('write id'),
    kind: z.enum(['insert', 'set', 'add', 'delete']),
    table,
    key,
    outcome: z.enum(['acked', 'failed', 'unknown']),
    fate: z.enum(fates).nullable(),
    lost: z.boolean(),
    place: z
      .strictObject({ side: z.enum(['old', 'new']), index: count, gtid: z.string(), lost: z.boolean() })
      .nullable()
      .describe('where a log holds it'),
    expected: z.string().describe('digest of the row that it put there; "" is absence'),
    seen: z.array(z.string()).nullable(),
    oldImage: digest.nullable().optional(),
    newImage: digest.nullable().optional(),
    note: z.string().optional(),
  })
  .describe('an acknowledged write that is missing, altered, duplicated or cannot be told');

const row = z
  .strictObject({
    table,
    key,
    before: digest.nullable().describe('SHA-256 of canonical JSON {column: text}; null is absence'),
    after: digest.nullable(),
    effect: z.enum(['insert', 'update', 'delete', 'none']).describe('what the lost part did, net'),
    conflict: z.enum(CONFLICT_CLASSES).nullable().describe('old side first; null: the new side did not touch the key'),
    gtids: set,
    inPlace: z.boolean().nullable().describe('null: it cannot be told'),
    seen: digest.nullable().optional(),
    note: z.string().optional(),
  })
  .describe('the net effect of the lost part on one key, where it is not in place or cannot be told');

const refused = z.array(z.looseObject({ table, key, why: z.string() }));

export const reconcileSchema = z.strictObject({
  verdict: z.enum(['pass', 'fail', 'unknown']).describe('exit status 0, 1, 3'),
  sentence: z.string(),
  summary,
  plan: z.looseObject({ digest: z.string(), transactions: count }).optional().describe('with --plan or --apply'),
  apply: z
    .looseObject({ planned: count, changed: count, already: count, rekeyed: count, stale: refused, refused, decisions: refused })
    .optional()
    .describe('with --apply; the rest of the output is of the reading after it'),
  writes: z.array(write),
  rows: z.array(row),
  convergence: z
    .looseObject({
      equal: z.boolean().nullable(),
      nodes: z.array(z.looseObject({ node: z.string() })),
      differences: z.array(z.looseObject({ table, key, nodes: z.record(z.string(), z.string().nullable()) })),
      reason: z.string().optional(),
    })
    .optional()
    .describe('with --nodes'),
});
export type ReconcileJson = z.infer<typeof reconcileSchema>;

/** JSON Schema (draft 2020-12) of the output. */
export function jsonSchemaOfReconcile(): unknown {
  return { title: 'drillbook reconcile --json', ...z.toJSONSchema(reconcileSchema) };
}
