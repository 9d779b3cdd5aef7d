/**
 * buildReport folds a bundle's contents into the report's model: a pure function, so that the same bundle gives the same bytes. Nothing is in
 * it that is not in the bundle. What the bundle does not tell is null, or a sentence that says so; never a default that looks like a result.
 */
import { Axis, entries } from './report/axis.ts';
import { beliefOf } from './report/belief.ts';
import { clientsOf } from './report/clients.ts';
import { dataOf, expectationsOf } from './report/data.ts';
import type { FigureModel, Finding, ReportInput, ReportModel } from './report/model.ts';
import { peopleOf } from './report/people.ts';
import { storyOf } from './report/story.ts';
import { count, duration, limit, plural, sentence } from './report/text.ts';
import { timelineOf } from './report/timeline.ts';
import type { Figure } from './verdict.ts';
import type { Objective } from './plan.ts';

export type { ReportInput, ReportModel } from './report/model.ts';

export function buildReport(input: ReportInput): ReportModel {
  const { verdict } = input;
  const axis = new Axis(input);
  const people = peopleOf(input, axis);
  const residue = entries(input.history, 'residue-checked').at(-1);
  return {
    version: 1,
    verdict: verdict.verdict,
    code: verdict.code,
    sentence: sentence(verdict.sentence),
    note: noteOf(input),
    story: storyOf(input, axis, people.model),
    meta: metaOf(input, axis),
    figures: figuresOf(input),
    timeline: timelineOf(input, axis, people.bars),
    clients: clientsOf(input, axis),
    data: dataOf(input, axis),
    people: { ...people.model, figures: peopleFiguresOf(input) },
    expectations: expectationsOf(input),
    residue: residue ? { clean: residue.clean, findings: residue.findings } : { clean: null, findings: ['the residue check did not run'] },
    reasons: verdict.reasons,
    findings: findingsOf(input),
    belief: beliefOf(input, axis),
  };
}

function noteOf({ plan, verdict }: ReportInput): string {
  if (plan.announce === 'at-fault') return 'unannounced';
  if (plan.rehearsal === null) return '';
  return verdict.verdict === 'pass' ? 'rehearsal: data proven, people not' : 'rehearsal: people not exercised';
}

function metaOf(input: ReportInput, axis: Axis): ReportModel['meta'] {
  const { plan, history } = input;
  const first = history[0];
  const last = history.at(-1);
  const crew = new Map(plan.keys.flatMap((k) => (k.kind === 'operator' ? [] : k.people.map((p) => [p.name, p.roles] as const))));
  return {
    drillId: entries(history, 'drill-started')[0]?.drillId ?? '',
    runbook: plan.runbook,
    title: plan.title,
    target: plan.target.name,
    platform: plan.target.platform,
    nodes: plan.target.nodes,
    systemVersion: entries(history, 'target-locked')[0]?.version ?? plan.target.system,
    startedWallMs: first?.at.wallMs ?? null,
    tookMs: first && last ? axis.at(last.at) - axis.at(first.at) : null,
    rehearsal: plan.rehearsal,
    unannounced: plan.announce === 'at-fault',
    crew: [...crew].map(([name, roles]) => ({ name, roles })),
  };
}

function figuresOf(input: ReportInput): FigureModel[] {
  const { figures: f, fates, acked } = input.verdict;
  const { objectives } = input.plan;
  const nodes = input.convergence ? `${input.convergence.nodes.length} nodes, row by row` : 'not checked';
  return [
    time('service-rto', 'Service RTO', f.serviceRto, fromSays(input, objectives.serviceRto)),
    time('data-rto', 'Data RTO', f.dataRto, fromSays(input, objectives.dataRto)),
    time('convergence', 'Convergence', { ...f.convergence, note: f.convergence.note ?? nodes }, fromSays(input, objectives.convergence)),
    atPromotion(input),
    {
      id: 'rpo-after-recovery',
      name: 'RPO after recovery',
      unit: 'writes',
      value: f.rpoAfterRecovery.writes,
      says: f.rpoAfterRecovery.writes === null ? 'unknown' : plural(f.rpoAfterRecovery.writes, 'write'),
      state: stateOf(f.rpoAfterRecovery.met),
      objective: f.rpoAfterRecovery.objective,
      objectiveSays: `at most ${count(f.rpoAfterRecovery.objective)}`,
      from: '',
      errorMs: 0,
      note: `${count(acked)} acknowledged${fates.unknown ? `, ${count(fates.unknown)} cannot be told` : ''}`,
    },
  ];
}

/** Nobody says "unknown" of what nobody did. */
function peopleFiguresOf(input: ReportInput): FigureModel[] {
  const { people } = input.verdict.figures;
  const { objectives } = input.plan;
  const names = { detection: 'Detection', acknowledgement: 'Acknowledgement', decision: 'Decision' } as const;
  return (['detection', 'acknowledgement', 'decision'] as const).flatMap((id): FigureModel[] => {
    const f = people?.[id];
    if (!f) return [];
    const model = time(id, names[id], f, fromSays(input, objectives[id]));
    return [f.objectiveMs === null && f.ms === null ? { ...model, says: '–', state: 'plain' } : model];
  });
}

function fromSays({ plan }: ReportInput, o: Objective | undefined): string {
  const e = plan.chain.find((c) => c.id === o?.from);
  return e ? `from “${e.title}”` : '';
}

function time(id: FigureModel['id'], name: string, f: Figure, from: string): FigureModel {
  const says = f.ms !== null ? duration(f.ms) : f.met === false ? 'not reached' : 'unknown';
  const state = f.objectiveMs === null && f.ms !== null ? 'plain' : stateOf(f.met);
  return {
    id,
    name,
    unit: 'ms',
    value: f.ms,
    says,
    state,
    objective: f.objectiveMs,
    objectiveSays: f.objectiveMs === null ? '' : `within ${limit(f.objectiveMs)}`,
    from,
    errorMs: f.errorMs,
    note: f.note ?? '',
  };
}

const stateOf = (met: boolean | null): FigureModel['state'] => (met === null ? 'unknown' : met ? 'met' : 'missed');

function atPromotion(input: ReportInput): FigureModel {
  const { transactions, seconds } = input.verdict.figures.rpoAtPromotion;
  const says =
    seconds !== null ? duration(seconds * 1000) : transactions === 0 ? '0 s' : transactions === null ? 'unknown' : plural(transactions, 'transaction');
  const note = transactions === null ? 'the lost set is not known' : `${plural(transactions, 'transaction')} at risk`;
  return {
    id: 'rpo-at-promotion',
    name: 'RPO at promotion',
    unit: 's',
    value: seconds,
    says,
    state: transactions === null ? 'unknown' : 'plain',
    objective: null,
    objectiveSays: '',
    from: '',
    errorMs: 0,
    note,
  };
}

/** What else was noticed, by the loader, the reconciliation and the drill itself; what weighs most first. */
function findingsOf(input: ReportInput): Finding[] {
  const { history } = input;
  const all: Finding[] = [
    ...input.findings,
    ...(input.reconcile?.fork.findings.map((text) => ({ severity: 'note' as const, text })) ?? []),
    ...(input.reconcile?.findings ?? []),
  ];
  for (const e of entries(history, 'problem')) all.push({ severity: 'unknown', text: `${e.code}: ${e.seen}${e.hint ? ` (${e.hint})` : ''}` });
  for (const e of entries(history, 'aborted')) all.push({ severity: 'unknown', text: `${e.by} aborted the drill: ${e.reason}` });
  for (const e of entries(history, 'disaster-not-reproduced')) for (const text of e.reasons) all.push({ severity: 'unknown', text });
  for (const e of entries(history, 'step-sent-back'))
    for (const text of e.seen) all.push({ severity: 'note', text: `step ${e.stepId}, attempt ${e.attempt}, sent back: ${text}` });
  for (const e of entries(history, 'message-refused')) all.push({ severity: 'note', text: `a message of ${e.by} by ${e.via} was refused: ${e.reason}` });
  for (const e of entries(history, 'engine-gap')) all.push({ severity: 'note', text: `no engine for ${duration(e.toWallMs - e.fromWallMs)}: ${e.seen}` });
  const rank = { fail: 0, unknown: 1, note: 2 };
  // what already stands among the verdict's reasons is not said twice
  const seen = new Set(input.verdict.reasons.map((r) => r.text));
  return all.filter((f) => !seen.has(f.text) && seen.add(f.text)).sort((a, b) => rank[a.severity] - rank[b.severity]);
}
