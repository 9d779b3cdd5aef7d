/**
 * What the schema cannot say: names that must exist, leases, order of steps, time. Every rule is a pure function from a runbook to problems;
 * all of them run, so that a person sees everything at once.
 */
import { z } from 'zod';
import type { ZodType } from 'zod';
import type { Undo } from '../plan.ts';
import { DURATION, durationMs, durationText } from './duration.ts';
import { peopleProblems } from './lint-people.ts';
import { INVALID, didYouMean, schemaProblems } from './problem.ts';
import type { Problem } from './problem.ts';
import { LEASE_MS_MAX, LEASE_MS_MIN } from './schema.ts';
import type { Inventory, Runbook } from './schema.ts';

/** What the compiler must know of a fault; a FaultModule is one. */
export interface FaultInfo {
  undo: Undo;
  schema?: ZodType;
  title(args: unknown): string;
}
export interface Catalogue {
  faults: Readonly<Record<string, FaultInfo>>;
  /** the checks that exist, and what each is told; absent: checks are not looked at */
  checks?: Readonly<Record<string, { schema?: ZodType }>>;
}
type Rule = (r: Runbook, c: Catalogue) => Problem[];

const forText = z.string('a duration like 3s').regex(DURATION, 'a duration like 3s');
/** Entries of a chain that break nothing. */
export const BUILT_IN: Readonly<Record<string, { schema: ZodType; title(args: { for: string; phase: string }): string }>> = {
  baseline: { schema: z.strictObject({ for: forText }), title: (a) => `all is well for ${a.for}` },
  writes: { schema: z.strictObject({ for: forText, phase: z.enum(['isolated', 'promoted']) }), title: (a) => `writes go on for ${a.for} (${a.phase})` },
};

/** Arguments of faults and checks that name nodes. */
const NODE_ARGS = ['node', 'nodes', 'from', 'to', 'source', 'catch-up-from'] as const;

const duplicates: Rule = (r) => {
  const inputs = r.steps.flatMap((s, i) =>
    s.inputs.flatMap((input, j): Problem[] =>
      s.inputs.findIndex((o) => o.name === input.name) === j
        ? []
        : [{ code: INVALID, path: ['steps', i, 'inputs', j, 'name'], message: `input ${input.name} is asked twice in step ${s.id}` }],
    ),
  );
  return [...sameIds(r.chain, 'chain'), ...sameIds(r.steps, 'steps'), ...inputs];
};

function sameIds(list: { id: string }[], where: 'chain' | 'steps'): Problem[] {
  return list.flatMap((e, i) => {
    const first = list.findIndex((o) => o.id === e.id);
    return first === i ? [] : [{ code: INVALID, path: [where, i, 'id'], message: `${where}[${first}] has the id ${e.id} already` }];
  });
}

const verbs: Rule = (r, { faults }) => {
  const known = [...Object.keys(BUILT_IN), ...Object.keys(faults)];
  return r.chain.flatMap((e, i): Problem[] => {
    if (!known.includes(e.do)) {
      const meant = didYouMean(e.do, known);
      const list = meant.startsWith('; known') ? '' : ` (known: ${known.join(', ')})`;
      return [{ code: 'DRILL_UNKNOWN_FAULT', path: ['chain', i, 'do'], message: `no fault ${e.do}${meant}${list}` }];
    }
    return argumentProblems(BUILT_IN[e.do]?.schema ?? faults[e.do]?.schema, e.with, ['chain', i, 'with']);
  });
};

const leases: Rule = (r, { faults }) =>
  r.chain.flatMap((e, i): Problem[] => {
    const leased = faults[e.do]?.undo === 'leased';
    const known = leased || e.do in faults || e.do in BUILT_IN;
    const out: Problem[] = [];
    if (leased && e.lease === undefined) {
      out.push({
        code: INVALID,
        path: ['chain', i],
        message: `${e.id}: ${e.do} needs a lease (5s to 1h): the target heals it then by itself, whoever is dead`,
      });
    }
    if (e.lease !== undefined && known) {
      const ms = durationMs(e.lease);
      const path = ['chain', i, 'lease'];
      if (!leased) out.push({ code: INVALID, path, at: 'key', message: `${e.id}: ${e.do} holds no lease` });
      else if (ms < LEASE_MS_MIN || ms > LEASE_MS_MAX) out.push({ code: INVALID, path, message: `${e.id}: a lease is 5s to 1h, not ${e.lease}` });
    }
    const until = e['held-until'];
    if (until !== undefined && known) {
      const path = ['chain', i, 'held-until'];
      const later = r.chain.slice(i + 1).map((o) => o.id);
      if (!leased) out.push({ code: INVALID, path, at: 'key', message: `${e.id}: only a leased fault can be held` });
      else if (!later.includes(until)) out.push({ code: INVALID, path, message: `no entry ${until} after ${e.id} in the chain${didYouMean(until, later)}` });
    }
    return out;
  });

const objectives: Rule = (r) => {
  const breaking = faultEntries(r).map((e) => e.id);
  if (breaking.length === 0) return [{ code: INVALID, path: ['chain'], message: 'the chain breaks nothing: no objective has an instant to count from' }];
  return (['service-rto', 'data-rto', 'convergence', 'detection', 'acknowledgement', 'decision'] as const).flatMap((name): Problem[] => {
    const from = r.objectives[name]?.from;
    if (from === undefined || breaking.includes(from)) return [];
    return [{ code: INVALID, path: ['objectives', name, 'from'], message: `no fault ${from} in the chain to count from${didYouMean(from, breaking)}` }];
  });
};

/** Entries that take effect: all but baseline and writes. */
export function faultEntries(r: Runbook): Runbook['chain'] {
  return r.chain.filter((e) => !(e.do in BUILT_IN));
}

const stepGraph: Rule = (r) => {
  const ids = r.steps.map((s) => s.id);
  const nowhere = r.steps.flatMap((s, i) =>
    s.needs.flatMap((need, j): Problem[] =>
      ids.includes(need)
        ? []
        : [
            {
              code: INVALID,
              path: ['steps', i, 'needs', j],
              message: `step ${s.id} is unreachable: it needs ${need}, which is no step${didYouMean(need, ids)}`,
            },
          ],
    ),
  );
  return [...nowhere, ...circles(r)];
};

const checksExist: Rule = (r, { checks }) => {
  if (!checks) return [];
  const known = Object.keys(checks);
  return r.steps.flatMap((s, i) =>
    s.checks.flatMap((c, j): Problem[] => {
      const path = ['steps', i, 'checks', j];
      if (!known.includes(c.check))
        return [{ code: 'DRILL_UNKNOWN_CHECK', path: [...path, 'check'], message: `no check ${c.check}${didYouMean(c.check, known)}` }];
      return argumentProblems(checks[c.check]!.schema, c.with, [...path, 'with']);
    }),
  );
};

function argumentProblems(schema: ZodType | undefined, given: Record<string, unknown>, path: PropertyKey[]): Problem[] {
  const parsed = schema?.safeParse(given);
  return schema && parsed && !parsed.success ? schemaProblems(parsed.error, schema, given, path) : [];
}

/** Takes away steps whose needs are all gone, again and again; what stays is a circle or waits for one. */
function circles(r: Runbook): Problem[] {
  const ids = new Set(r.steps.map((s) => s.id));
  let left = r.steps;
  for (;;) {
    const stuck = new Set(left.map((s) => s.id));
    const next = left.filter((s) => s.needs.some((n) => stuck.has(n)));
    if (next.length === left.length) break;
    left = next;
  }
  return left.map((s) => {
    const circle = [s.id];
    for (let at: string | undefined = s.id; at !== undefined;) {
      at = left.find((o) => o.id === at)!.needs.find((n) => ids.has(n) && left.some((o) => o.id === n));
      if (at === undefined) break;
      const known = circle.includes(at);
      circle.push(at);
      if (known) break;
    }
    const inCircle = circle.at(-1) === s.id;
    const message = inCircle
      ? `steps wait for each other: ${circle.join(' → ')}`
      : `step ${s.id} is unreachable: it waits for a circle (${circle.join(' → ')})`;
    return { code: INVALID, path: ['steps', r.steps.indexOf(s), 'needs'], message } satisfies Problem;
  });
}

interface Way {
  ids: string[];
  ms: number;
}
const longest = (list: Way[]): Way => list.reduce((a, b) => (b.ms > a.ms ? b : a), { ids: [], ms: 0 });

/** The longest way through `needs`, by budgets. */
export function criticalPath(r: Runbook): Way {
  const byId = new Map(r.steps.map((s) => [s.id, s]));
  const done = new Map<string, Way>();
  const to = (id: string): Way => {
    const known = done.get(id);
    if (known) return known;
    const s = byId.get(id)!;
    const before = longest(s.needs.map(to));
    const path = { ids: [...before.ids, id], ms: before.ms + durationMs(s.budget) };
    done.set(id, path);
    return path;
  };
  return longest(r.steps.map((s) => to(s.id)));
}

const budgets: Rule = (r, c) => {
  if (stepGraph(r, c).length > 0) return [];
  const path = criticalPath(r);
  const rto = r.objectives['data-rto'].within;
  if (path.ms <= durationMs(rto)) return [];
  const shown = path.ids.map((id) => `${id} ${r.steps.find((s) => s.id === id)!.budget}`).join(' + ');
  return [
    {
      code: 'DRILL_BUDGET_EXCEEDS_RTO',
      path: ['objectives', 'data-rto', 'within'],
      message: `the budgets of the longest way through the steps are ${durationText(path.ms)}, the data RTO is ${rto}: ${shown}`,
    },
  ];
};

const rehearsals: Rule = (r) => {
  const ids = r.steps.map((s) => s.id);
  return Object.entries(r.rehearsals).flatMap(([name, rehearsal]) => {
    const out: Problem[] = [];
    for (const [i, s] of r.steps.entries()) {
      const override = Object.hasOwn(rehearsal.steps, s.id) ? rehearsal.steps[s.id] : undefined;
      if (s.rehearse === undefined && override?.script === undefined)
        out.push({ code: INVALID, path: ['steps', i], message: `step ${s.id} has no script for the rehearsal ${name}` });
      const given = override?.inputs ?? s.rehearse?.inputs ?? {};
      const at = override?.inputs ? ['rehearsals', name, 'steps', s.id, 'inputs'] : ['steps', i, 'rehearse', 'inputs'];
      const asked = s.inputs.map((input) => input.name);
      for (const input of asked)
        if (!Object.hasOwn(given, input)) out.push({ code: INVALID, path: at, message: `rehearsal ${name} gives no input ${input} for step ${s.id}` });
      for (const key of Object.keys(given))
        if (!asked.includes(key))
          out.push({ code: INVALID, path: [...at, key], at: 'key', message: `step ${s.id} asks for no input ${key}${didYouMean(key, asked)}` });
    }
    for (const id of Object.keys(rehearsal.steps)) {
      if (!ids.includes(id)) out.push({ code: INVALID, path: ['rehearsals', name, 'steps', id], at: 'key', message: `no step ${id}${didYouMean(id, ids)}` });
    }
    return out;
  });
};

const RULES: readonly Rule[] = [duplicates, verbs, leases, objectives, stepGraph, checksExist, budgets, peopleProblems, rehearsals];

/** Everything that is wrong with a runbook, whatever its target; with an inventory also what does not fit that target. */
export function lintRunbook(r: Runbook, catalogue: Catalogue, inventory?: Inventory): Problem[] {
  const all = RULES.flatMap((rule) => rule(r, catalogue));
  const problems = inventory ? [...all, ...targetProblems(r, catalogue, inventory)] : all;
  const seen = new Set<string>();
  return problems.filter((p) => {
    const key = JSON.stringify([p.path, p.message]);
    return !seen.has(key) && seen.add(key);
  });
}

function targetProblems(r: Runbook, { faults }: Catalogue, t: Inventory): Problem[] {
  const out: Problem[] = [];
  const unfit = (path: PropertyKey[], message: string) => out.push({ code: 'DRILL_TARGET_UNFIT', path, message });
  if (t.drills !== 'allowed')
    out.push({ code: 'DRILL_TARGET_FORBIDDEN', path: ['needs'], message: `the inventory of ${t.target} does not say drills: allowed` });
  if (r.needs.system !== t.system) unfit(['needs', 'system'], `the runbook is for ${r.needs.system}, target ${t.target} runs ${t.system}`);
  if (r.needs.nodes > t.nodes.length) unfit(['needs', 'nodes'], `the runbook needs ${r.needs.nodes} nodes, target ${t.target} has ${t.nodes.length}`);
  const notDisposable = (path: PropertyKey[], what: string) =>
    out.push({ code: 'DRILL_TARGET_NOT_DISPOSABLE', path, message: `${what}, and target ${t.target} is not marked disposable` });
  if (!t.disposable && r.needs.disposable) notDisposable(['needs', 'disposable'], 'the runbook needs a disposable target');
  for (const [i, e] of r.chain.entries()) {
    if (!t.disposable && faults[e.do]?.undo === 'one-way') notDisposable(['chain', i, 'do'], `${e.id}: ${e.do} cannot be undone`);
    out.push(...nodeProblems(e.with, ['chain', i, 'with'], t));
  }
  for (const [i, s] of r.steps.entries()) for (const [j, c] of s.checks.entries()) out.push(...nodeProblems(c.with, ['steps', i, 'checks', j, 'with'], t));
  return out;
}

function nodeProblems(args: Record<string, unknown>, base: PropertyKey[], t: Inventory): Problem[] {
  return NODE_ARGS.filter((arg) => Object.hasOwn(args, arg)).flatMap((arg) => {
    const value = args[arg];
    const named: [PropertyKey[], unknown][] = Array.isArray(value)
      ? value.map((v, i): [PropertyKey[], unknown] => [[...base, arg, i], v])
      : [[[...base, arg], value]];
    return named.flatMap(([path, node]): Problem[] =>
      typeof node !== 'string' || t.nodes.includes(node)
        ? []
        : [{ code: 'DRILL_UNKNOWN_NODE', path, message: `no node ${node} on target ${t.target}${didYouMean(node, t.nodes)}` }],
    );
  });
}
