/** From a runbook, a target and the keys of a crew to the plan that the workflow gets. Pure; all that can be refused is refused here. */
import { DrillError } from '../errors.ts';
import { canonicalJson } from '../json.ts';
import { hasRight } from '../message.ts';
import type { PublicKeyEntry } from '../message.ts';
import type { Route } from '../notice.ts';
import { CONFLICT_CLASSES } from '../plan.ts';
import type { ChainEntry, Expectations, Objective, Plan, StepPlan } from '../plan.ts';
import type { Right } from '../rights.ts';
import { durationMs } from './duration.ts';
import { BUILT_IN, faultEntries, lintRunbook } from './lint.ts';
import type { Catalogue, FaultInfo } from './lint.ts';
import { invalidError, located } from './problem.ts';
import type { Locate } from './problem.ts';
import { rehearsalOf } from './rehearsal.ts';
import { PLAN_BYTES_MAX } from './schema.ts';
import type { Inventory, Runbook } from './schema.ts';

type Step = Runbook['steps'][number];

export interface PlanSources extends Catalogue {
  runbook: Runbook;
  /** SHA-256 of the runbook file's bytes */
  runbookDigest: string;
  /** for messages: the file, and where in it a problem is (both from the loader) */
  file?: string;
  locate?: Locate;
  inventory: Inventory;
  keys: PublicKeyEntry[];
  /** when people are told */
  announce?: Plan['announce'];
  /** how people are told, and where the board is */
  routes?: Route[];
  board?: string;
  /** null: people do it */
  rehearsal: string | null;
}

/** Throws one DrillError that lists everything that does not fit (see lintRunbook), an unfilled role, an unknown rehearsal, or a plan over 64 KB. */
export function compilePlan(s: PlanSources): Plan {
  const { runbook: r, inventory: t } = s;
  const problems = lintRunbook(r, s, t);
  if (problems.length > 0) throw invalidError(located(problems, s.file ?? r.runbook, s.locate ?? (() => ({ line: 1, column: 1 }))));
  if (s.rehearsal !== null) rehearsalOf(r, s.rehearsal);
  refuseUnfilledRoles(s);
  const plan: Plan = {
    version: 1,
    runbook: r.runbook,
    title: r.title,
    runbookDigest: s.runbookDigest,
    target: { name: t.target, platform: t.platform, system: t.system, site: t.site, nodes: t.nodes, disposable: t.disposable },
    objectives: objectivesOf(r),
    workload: {
      rate: r.workload.rate,
      concurrency: r.workload.concurrency,
      payloadBytes: r.workload.payload,
      hotKeys: r.workload['hot-keys'],
      timeoutMs: durationMs(r.workload.timeout),
    },
    chain: r.chain.map((e) => chainEntry(e, s.faults[e.do])),
    expect: expectations(r),
    steps: r.steps.map(stepPlan),
    rules: r.rules,
    keys: s.keys,
    ...(r.absent === undefined ? {} : { absent: r.absent }),
    ...(s.announce === undefined ? {} : { announce: s.announce }),
    ...(s.routes && s.routes.length > 0 ? { routes: s.routes } : {}),
    ...(s.board === undefined ? {} : { board: s.board }),
    rehearsal: s.rehearsal,
    limits: { drillMs: durationMs(r.limits.drill), sessionLostMs: durationMs(r.limits['session-lost']), catchUpMs: durationMs(r.limits['catch-up']) },
  };
  const bytes = new TextEncoder().encode(canonicalJson(plan)).length;
  if (bytes > PLAN_BYTES_MAX)
    throw new DrillError(
      'DRILL_RUNBOOK_TOO_LARGE',
      `the plan of ${r.runbook} has ${bytes} bytes, at most ${PLAN_BYTES_MAX} go into a workflow`,
      'split the runbook',
    );
  return plan;
}

/** A step that nobody may do, or that nobody but its doer may approve, would wait for ever. */
function refuseUnfilledRoles({ runbook, keys, rehearsal }: PlanSources): void {
  const crew = keys.filter((k) => k.kind !== 'operator' || rehearsal !== null).flatMap((k) => k.people);
  const absent = new Set(runbook.absent);
  const who = (roles: readonly string[], right: Right) => crew.filter((p) => hasRight(p, [right]) && p.roles.some((r) => roles.includes(r)));
  const rolesOf = (s: Step) => [s.role, ...(s.escalate ?? [])].filter((r) => !absent.has(r));
  const missing = runbook.steps.flatMap((s) => [...rolesOf(s).filter((r) => who([r], 'responder').length === 0), ...unapproved(s)]);
  if (missing.length > 0)
    throw new DrillError(
      'DRILL_ROLE_UNFILLED',
      `nobody in the crew has the role ${[...new Set(missing)].join(', ')}`,
      `give the role to somebody who takes part; filled: ${[...new Set(crew.flatMap((p) => p.roles))].join(', ') || 'none'}`,
    );

  function unapproved(s: Step): string[] {
    if (s.approve === undefined) return [];
    const approvers = who([s.approve], 'approver');
    const second = who(rolesOf(s), 'responder').some((doer) => approvers.some((a) => a.name !== doer.name));
    return second ? [] : [`${s.approve} with the right to approve step ${s.id}, beside the one who does it`];
  }
}

function objectivesOf(r: Runbook): Plan['objectives'] {
  const first = faultEntries(r)[0]!.id;
  const objective = (o: { within: string; from?: string | undefined }): Objective => ({ withinMs: durationMs(o.within), from: o.from ?? first });
  const service = r.objectives['service-rto'];
  return {
    ...(service ? { serviceRto: objective(service) } : {}),
    dataRto: objective(r.objectives['data-rto']),
    convergence: objective(r.objectives.convergence),
    rpoWrites: r.objectives['rpo-after-recovery'].writes,
    ...Object.fromEntries(
      (['detection', 'acknowledgement', 'decision'] as const).flatMap((name) => (r.objectives[name] ? [[name, objective(r.objectives[name])]] : [])),
    ),
  };
}

function chainEntry(e: Runbook['chain'][number], fault: FaultInfo | undefined): ChainEntry {
  const builtIn = BUILT_IN[e.do];
  if (builtIn) {
    const { for: held, ...rest } = builtIn.schema.parse(e.with) as { for: string; phase: string };
    return { id: e.id, title: e.title ?? builtIn.title({ ...rest, for: held }), do: e.do, with: { ...rest, forMs: durationMs(held) }, undo: 'none' };
  }
  const args = (fault!.schema?.parse(e.with) ?? e.with) as Record<string, unknown>;
  return {
    id: e.id,
    title: e.title ?? fault!.title(args),
    do: e.do,
    with: args,
    undo: fault!.undo,
    ...(e.lease === undefined ? {} : { leaseMs: durationMs(e.lease) }),
    ...(e['held-until'] === undefined ? {} : { heldUntil: e['held-until'] }),
  };
}

function expectations(r: Runbook): Expectations {
  const lost = r.expect['lost-transactions'];
  const given = r.expect.conflicts;
  const conflicts = Object.fromEntries(CONFLICT_CLASSES.flatMap((c) => (given?.[c] === undefined ? [] : [[c, given[c]]])));
  return { ...(lost === undefined ? {} : { lostTransactions: lost }), ...(given ? { conflicts } : {}) };
}

function stepPlan(s: Runbook['steps'][number]): StepPlan {
  const inputs = s.inputs.map(({ choices, ...i }) => ({ ...i, ...(choices ? { choices } : {}) }));
  return {
    id: s.id,
    title: s.title,
    role: s.role,
    budgetMs: durationMs(s.budget),
    needs: s.needs,
    inputs,
    ...(s.acknowledge === undefined ? {} : { acknowledgeMs: durationMs(s.acknowledge) }),
    ...(s.escalate === undefined ? {} : { escalate: s.escalate }),
    ...(s.approve === undefined ? {} : { approve: s.approve }),
    checks: s.checks,
  };
}
