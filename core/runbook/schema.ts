/**
 * The runbook file, the target's inventory and the crew, as people write them. The types are the shapes of the files: durations stay texts here and
 * become milliseconds in the plan. Unknown keys are refused everywhere: a misspelt key is a rule that silently does not hold.
 */
import { z } from 'zod';
import { CONFLICT_CLASSES } from '../plan.ts';
import { RIGHTS } from '../rights.ts';
import { DURATION, durationMs } from './duration.ts';

export const FILE_BYTES_MAX = 1_000_000;
export const STEPS_MAX = 500;
export const PLAN_BYTES_MAX = 64 * 1024;
export const LEASE_MS_MIN = 5_000;
export const LEASE_MS_MAX = 3_600_000;
export const DRILL_MS_MAX = 30 * 86_400_000;

export const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
const name = z.string().regex(NAME, 'a name is lower-case letters, digits and hyphens, at most 64');
const line = z.string().min(1, 'must not be empty').max(200);
const duration = z
  .string('a duration is a whole number and a unit, like 500ms, 30s, 5m or 2h')
  .regex(DURATION, 'a duration is a whole number and a unit, like 500ms, 30s, 5m or 2h')
  .refine((t) => !(durationMs(t) > DRILL_MS_MAX), 'longer than 30 days');
const count = z.int('a whole number').min(0);
const node = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62})$/, 'a node name is letters, digits, dots, hyphens and underscores, at most 63');
const args = z.record(z.string(), z.unknown());

const objective = z.strictObject({ within: duration, from: name.optional() });

const chainEntry = z.strictObject({
  id: name,
  title: line.optional(),
  do: z.string().min(1),
  with: args.default({}),
  lease: duration.optional(),
  'held-until': name.optional(),
});

const input = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-zA-Z0-9_]{0,63}$/, 'an input name is a letter and then letters, digits and underscores'),
    type: z.enum(['text', 'number', 'gtid-set', 'file-digest', 'host', 'choice']),
    ask: line,
    choices: z.array(line).min(1).optional(),
  })
  .refine((i) => (i.type === 'choice') === (i.choices !== undefined), 'choices belong to an input of type choice, and only there');

const rehearse = z.strictObject({ script: z.string().min(1), inputs: z.record(z.string(), z.string()).optional() });

const step = z.strictObject({
  id: name,
  title: line,
  role: name,
  budget: duration,
  acknowledge: duration.optional(),
  escalate: z.array(name).min(1).optional(),
  approve: name.optional(),
  needs: z.array(name).default([]),
  instructions: z.string().min(1, 'must not be empty'),
  inputs: z.array(input).default([]),
  checks: z.array(z.strictObject({ check: name, with: args.default({}) })).default([]),
  rehearse: rehearse.optional(),
});

const rehearsal = z.strictObject({
  title: line,
  steps: z.record(z.string(), rehearse.partial()).default({}),
  'on-sent-back': z.enum(['stop', 'skip']).default('stop'),
});

export const runbookSchema = z.strictObject({
  runbook: name,
  title: line,
  needs: z.strictObject({ system: name, nodes: z.int('a whole number').min(1), disposable: z.boolean().default(false) }),
  objectives: z.strictObject({
    'service-rto': objective.optional(),
    'data-rto': objective,
    convergence: objective,
    'rpo-after-recovery': z.strictObject({ writes: count }),
    /** of people; a rehearsal does not exercise them */
    detection: objective.optional(),
    acknowledgement: objective.optional(),
    decision: objective.optional(),
  }),
  workload: z.strictObject({
    rate: count.min(1).max(10_000),
    concurrency: count.min(1).max(256),
    payload: count.max(1_900),
    'hot-keys': count.min(4).max(100_000),
    timeout: duration.refine((t) => !(durationMs(t) < 50 || durationMs(t) > 60_000), 'between 50ms and 60s'),
  }),
  rules: z.strictObject({
    conflict: z.enum(['new-wins', 'old-wins']),
    identity: z.record(z.string().regex(/^[^.\s]+\.[^.\s]+$/, 'a table is written schema.table'), z.string().min(1)).default({}),
  }),
  limits: z.strictObject({ drill: duration, 'session-lost': duration, 'catch-up': duration }),
  chain: z.array(chainEntry).min(1).max(STEPS_MAX),
  expect: z
    .strictObject({
      'lost-transactions': count.optional(),
      conflicts: z.strictObject(Object.fromEntries(CONFLICT_CLASSES.map((c) => [c, count.optional()]))).optional(),
    })
    .default({}),
  absent: z.array(name).min(1).optional(),
  steps: z.array(step).min(1).max(STEPS_MAX),
  rehearsals: z.record(name, rehearsal).default({}),
});
export type Runbook = z.output<typeof runbookSchema>;

/** A target: where its nodes run, what runs on them, and whether anybody may break it. Drills are forbidden unless the file allows them. */
export const inventorySchema = z.strictObject({
  target: name,
  platform: name,
  system: name,
  site: name,
  nodes: z.array(node).min(1).max(100),
  disposable: z.boolean().default(false),
  drills: z.enum(['allowed', 'forbidden']).default('forbidden'),
});
export type Inventory = z.output<typeof inventorySchema>;

const secret = z.union(
  [
    z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name of an environment variable') }),
    z.strictObject({ file: z.string().startsWith('/', 'an absolute path') }),
  ],
  'a secret is a reference: { env: NAME } or { file: /path }, never a value',
);
const reached = { name, for: z.array(name).min(1).optional() };
const route = z.discriminatedUnion('kind', [
  z.strictObject({ ...reached, kind: z.literal('webhook'), url: secret, secret }),
  z.strictObject({ ...reached, kind: z.literal('slack'), url: secret }),
  z.strictObject({ ...reached, kind: z.literal('pagerduty'), key: secret, url: z.url().optional() }),
  z.strictObject({ ...reached, kind: z.literal('email'), smtp: secret, from: line, to: z.array(line).min(1).max(100) }),
]);

/**
 * Who takes part: roles of the manual, rights (core/rights.ts; a responder where nothing is said), and the key a person signs with. A person without one takes part
 * through a console that vouches for the session it authenticated; `login` is who that person is to the identity provider which such a console asks.
 */
export const crewSchema = z.strictObject({
  crew: name,
  title: line,
  people: z
    .array(
      z.strictObject({
        name: line,
        roles: z.array(name).min(1),
        rights: z.array(z.enum(RIGHTS)).min(1).default(['responder']),
        'public-key': z
          .string()
          .regex(/^[0-9a-f]{64}$/, 'a public key is 64 hex digits')
          .optional(),
        login: line.optional(),
      }),
    )
    .min(1)
    .refine(
      (people) => new Set(people.flatMap((p) => p.login?.toLowerCase() ?? [])).size === people.filter((p) => p.login).length,
      'two people have the same login',
    ),
  /** where the board is, for links in what people are told */
  board: z.url({ protocol: /^https?$/ }).optional(),
  /** how people are told; `for`: roles of the manual that a route reaches, all where it is left out */
  routes: z.array(route).max(20).default([]),
});
export type Crew = z.output<typeof crewSchema>;

/** For editors: JSON Schema of the runbook file as it is written. Kept in runbooks/schema/ by `drillbook lint --schema`. */
export function runbookJsonSchema(): object {
  return { $id: 'runbook.schema.json', title: 'Drillbook runbook', ...z.toJSONSchema(runbookSchema, { io: 'input' }) };
}
