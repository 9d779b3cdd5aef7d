/** Opening a step (instructions rendered with live values, an evidence view stored) and checking it after its person said "done". */
import { join } from 'node:path';
import { BUNDLE } from '../core/bundle.ts';
import { isDrillError, messageOf } from '../core/errors.ts';
import type { CheckResult } from '../core/history.ts';
import { digestOf } from '../core/json.ts';
import type { Envelope } from '../core/message.ts';
import type { Instant } from '../core/time.ts';
import { renderText } from '../evidence/instructions.ts';
import { loadRunbook } from '../evidence/load-runbook.ts';
import type { StepView } from '../evidence/views.ts';
import type { DrillRef } from '../workflows/messages.ts';
import { CATALOGUE } from './catalogue.ts';
import { CHECKS } from './checks/index.ts';
import { drillDir, readPlan } from './collect.ts';
import type { Deps, Target } from './deps.ts';
import { Journal } from './journal.ts';

/** Live values for instructions and rehearsal scripts (evidence/instructions.ts declares them); what a person needs to type the commands. */
async function liveValues(
  deps: Deps,
  t: Target,
  ref: DrillRef,
  attempt: number,
  inputs: Record<string, Record<string, string>>,
): Promise<Record<string, unknown>> {
  const plan = readPlan(ref);
  const { nodes, service, workDir } = await t.platform.facts();
  const described = await Promise.all(nodes.map(async (n) => [n.name, { ...n, dsn: await t.system.dsn(n.name) }] as const));
  const chain = new Journal(workDir, ref.drillId).all();
  return {
    drill: ref.drillId,
    target: plan.target.name,
    attempt,
    bundle: ref.bundle,
    work: drillDir(workDir, ref.drillId),
    bin: deps.tools.binDir,
    lab: t.stateFile,
    service: { address: service.address, port: service.port, dsn: `mysql://${service.address}:${service.port}` },
    nodes: Object.fromEntries(described),
    facts: Object.fromEntries(chain.map((e) => [e.chainId, e.facts])),
    rules: { conflict: plan.rules.conflict },
    inputs: Object.fromEntries(plan.steps.map((s) => [s.id, { ...Object.fromEntries(s.inputs.map((i) => [i.name, ''])), ...inputs[s.id] }])),
  };
}

export interface OpenStep {
  stepId: string;
  attempt: number;
  sentBack: string[];
  /** what people signed in earlier steps, by step; what nobody signed (a skipped step) is empty in the texts, so that the manual goes on */
  inputs: Record<string, Record<string, string>>;
  /** it is not its turn yet: null when its text names what may be otherwise by then */
  ahead?: boolean;
}
/** The only value that people change while they work through a manual (evidence/instructions.ts): a node may be started. */
const CHANGES = /\brunning\b/;

export function stepActivities(deps: Deps) {
  return {
    async openStep(ref: DrillRef, { stepId, attempt, sentBack, inputs, ahead }: OpenStep): Promise<{ viewDigest: string; instructionsDigest: string } | null> {
      const t = await deps.target(ref.target);
      const plan = readPlan(ref);
      const values = await liveValues(deps, t, ref, attempt, inputs);
      const { runbook } = loadRunbook(join(ref.bundle, BUNDLE.runbook), CATALOGUE);
      const step = runbook.steps.find((s) => s.id === stepId)!;
      if (ahead === true && CHANGES.test(step.instructions)) return null;
      const store = deps.store(ref.bundle);
      const instructionsDigest = store.putInstructions(renderText(step.instructions, values));
      const view: StepView = {
        drillId: ref.drillId,
        planDigest: digestOf(plan),
        target: plan.target,
        stepId,
        attempt,
        instructionsDigest,
        values,
        sentBack,
        inputs: {},
        checks: [],
        done: null,
      };
      return { viewDigest: store.putView(view), instructionsDigest };
    },

    async checkStep(
      ref: DrillRef,
      a: { stepId: string; attempt: number; checks: { check: string; with: Record<string, unknown> }[]; done: Envelope | null },
    ): Promise<{ results: CheckResult[]; viewDigest: string; at: Instant }> {
      const target = await deps.target(ref.target);
      const workDir = drillDir((await target.platform.facts()).workDir, ref.drillId);
      const inputs = a.done?.inputs ?? {};
      const results: CheckResult[] = [];
      for (const c of a.checks) results.push(await judge(c, { deps, ref, target, workDir, inputs }));
      const store = deps.store(ref.bundle);
      const shown = JSON.parse(store.getView(a.done!.viewDigest)) as StepView;
      const viewDigest = store.putView({ ...shown, inputs, checks: results, done: a.done } satisfies StepView);
      return { results, viewDigest, at: await target.platform.now() };
    },
  };
}

async function judge(c: { check: string; with: Record<string, unknown> }, context: Parameters<(typeof CHECKS)[string]['run']>[0]): Promise<CheckResult> {
  const module = CHECKS[c.check];
  if (!module) return { check: c.check, verdict: 'unknown', seen: `no such check; there are ${Object.keys(CHECKS).join(', ')}` };
  try {
    return { check: c.check, ...(await module.run(context, module.schema.parse(c.with))) };
  } catch (e) {
    return { check: c.check, verdict: 'unknown', seen: isDrillError(e) ? e.toText() : messageOf(e) };
  }
}
