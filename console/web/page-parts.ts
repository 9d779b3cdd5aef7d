/** The parts of a drill's page that everybody sees alike: clocks, steps, faults. */
import type { CrewMember } from '../../core/message.ts';
import type { ReportModel } from '../../core/report/model.ts';
import { duration, limit } from '../../core/report/text.ts';
import { mayTake } from '../../core/step-roles.ts';
import type { StepState } from '../../workflows/steps.ts';
import type { LiveObjective } from '../live-state.ts';
import { may } from '../people/who.ts';
import type { Seen } from './feed.ts';

export interface ClockModel {
  id: 'data' | 'step' | 'service';
  label: string;
  /** it counts from here, epoch ms; null: it stands, and `says` is what it says */
  sinceMs: number | null;
  says: string;
  tone: '' | 'pass' | 'fail' | 'unk' | 'data';
  limitMs: number | null;
  /** used of the limit, of a clock that stands */
  percent: number | null;
  small: string;
}

const percentOf = (ms: number, limitMs: number | null): number | null => (limitMs ? Math.min(100, Math.round((ms / limitMs) * 1000) / 10) : null);

export function clocksOf(seen: Seen, member: CrewMember | null): ClockModel[] {
  const { live } = seen;
  if (!live) return [];
  return [dataClock(seen, live.dataRto), stepClock(seen, member), serviceClock(seen, live.serviceRto)];
}

function objectiveClock({ state }: Seen, from: string | undefined, o: LiveObjective): Pick<ClockModel, 'sinceMs' | 'limitMs' | 'percent' | 'tone'> {
  const running = o.state === 'running';
  const began = state?.chain.find((c) => c.id === from)?.effect?.absent.wallMs;
  const late = o.state === 'missed' || (running && o.objectiveMs !== null && (o.ms ?? 0) > o.objectiveMs);
  return {
    sinceMs: running && began !== undefined ? Math.round(began) : null,
    limitMs: o.objectiveMs,
    percent: o.ms === null ? null : percentOf(o.ms, o.objectiveMs),
    tone: late ? 'fail' : o.state === 'met' ? 'pass' : o.state === 'unknown' ? 'unk' : '',
  };
}

const objectiveSays = (o: LiveObjective): string => (o.objectiveMs === null ? 'no objective' : `objective ${limit(o.objectiveMs)}`);
const titleOf = ({ plan }: Seen, chainId: string | undefined): string => plan.chain.find((c) => c.id === chainId)?.title ?? '';

function dataClock(seen: Seen, o: LiveObjective): ClockModel {
  const from = titleOf(seen, seen.plan.objectives.dataRto.from);
  const clock = objectiveClock(seen, seen.plan.objectives.dataRto.from, o);
  const waits = o.state === 'waiting';
  return {
    id: 'data',
    label: o.state === 'running' ? 'Data RTO, since the fault' : 'Data RTO',
    ...clock,
    tone: clock.tone || 'data',
    says: waits ? 'not yet' : duration(o.ms ?? 0),
    small: waits ? `${objectiveSays(o)}, from: ${from}` : `${objectiveSays(o)}${o.state === 'running' ? `, from: ${from}` : ', the lost rows are proven back'}`,
  };
}

function serviceClock(seen: Seen, o: LiveObjective): ClockModel {
  const writes = seen.live?.writes ?? null;
  const rate = writes ? ` · ${Math.round(writes.ackedPerS)} writes/s${writes.failedPerS > 0 ? `, ${Math.round(writes.failedPerS)}/s not` : ''}` : '';
  const base = {
    id: 'service' as const,
    label: o.state === 'running' ? 'Service RTO' : 'Service',
    ...objectiveClock(seen, seen.plan.objectives.serviceRto?.from, o),
  };
  if (o.state === 'running') return { ...base, tone: 'fail', says: '', small: `down · ${objectiveSays(o)}${rate}` };
  if (o.state === 'waiting')
    return { ...base, percent: null, says: writes && writes.ackedPerS > 0 ? 'up' : 'no writes yet', small: `${objectiveSays(o)}${rate}` };
  if (o.state === 'unknown') return { ...base, says: 'up', small: `was back before this board looked; the report has it${rate}` };
  return { ...base, says: 'up', small: `was down ${duration(o.ms ?? 0)}, ${objectiveSays(o)}${rate}` };
}

/** The step that this person is at, else the first that is open. */
function stepClock({ plan, state }: Seen, member: CrewMember | null): ClockModel {
  const open = (state?.steps ?? []).filter((s) => ['active', 'acknowledged', 'done', 'checked'].includes(s.status));
  const mine = member && open.find((s) => (['done', 'approve', 'acknowledge'] as const).some((t) => may(plan, member, s, t)));
  const s = mine ?? open[0];
  const base = { id: 'step' as const, label: 'This step' };
  if (!s || s.openedAt === null) return { ...base, sinceMs: null, says: '–', tone: '', limitMs: null, percent: null, small: 'no step is open' };
  return {
    ...base,
    label: `Step ${plan.steps.findIndex((p) => p.id === s.id) + 1}`,
    sinceMs: s.openedAt,
    says: '',
    tone: s.overdue ? 'fail' : 'pass',
    limitMs: s.budgetMs,
    percent: null,
    small: `${s.overdue ? 'over its budget of' : 'budget'} ${limit(s.budgetMs)}`,
  };
}

export interface StepItem {
  number: string;
  title: string;
  who: string;
  status: string;
  mark: string;
  tone: '' | 'pass' | 'fail' | 'unk' | 'soft';
  now: boolean;
  /** runs since, epoch ms; null: `took` */
  sinceMs: number | null;
  took: string;
  note: string;
}

const MARKS: Record<StepState['status'], [string, StepItem['tone']]> = {
  pending: ['○', 'soft'],
  active: ['●', ''],
  acknowledged: ['●', ''],
  done: ['●', ''],
  checked: ['●', 'unk'],
  verified: ['✓', 'pass'],
  skipped: ['⤼', 'unk'],
  rejected: ['✕', 'fail'],
};

export function stepListOf({ plan, state, ended }: Seen, viewer: string | null): StepItem[] {
  return (state?.steps ?? []).map((s, i): StepItem => {
    const [mark, tone] = MARKS[s.status];
    const now = !ended && ['active', 'acknowledged', 'done', 'checked'].includes(s.status);
    return {
      number: String(i + 1),
      title: s.title,
      who: s.by ? (s.by === viewer ? 'you' : s.by) : mayTake(s).join(', ') || `${s.role}, absent`,
      status: s.status,
      mark,
      tone,
      now,
      sinceMs: now ? s.openedAt : null,
      took: s.openedAt === null || s.endedAt === null ? '' : duration(s.endedAt - s.openedAt),
      note: [s.attempt > 1 ? `attempt ${s.attempt}` : '', s.overdue ? `over ${limit(plan.steps[i]?.budgetMs ?? s.budgetMs)}` : ''].filter(Boolean).join(', '),
    };
  });
}

const OUTCOMES: Record<string, [string, StepItem['tone']]> = { pass: ['✓', 'pass'], fail: ['✕', 'fail'], unknown: ['?', 'unk'], open: ['○', 'soft'] };

/** Of a drill that ended before this board looked: a row for each attempt. */
export const stepsOfReport = ({ people }: ReportModel): StepItem[] =>
  people.rows.map((r): StepItem => {
    const [mark, tone] = OUTCOMES[r.state] ?? ['', ''];
    const base = { number: r.number, title: r.title, who: r.who || r.role, status: r.outcome, mark, tone, now: false, sinceMs: null };
    return { ...base, took: r.tookMs === null ? '' : duration(r.tookMs), note: r.notes.join(', ') };
  });

export interface FaultRow {
  title: string;
  mark: string;
  tone: '' | 'pass' | 'fail' | 'unk' | 'soft';
  says: string;
  /** a lease that runs out: when, epoch ms, by the target's own count; null: none does, or it cannot be told */
  lapsesAtMs: number | null;
}

/** Those that have begun: nobody should read here what is still to come. */
export function faultsOf({ plan, state, live, history }: Seen): FaultRow[] {
  return (state?.chain ?? []).flatMap((c): FaultRow[] => {
    const spec = plan.chain.find((e) => e.id === c.id);
    if (!spec || spec.undo === 'none' || c.status === 'pending') return [];
    const healed = history.findLast((e) => e.kind === 'fault-healed' && e.chainId === c.id);
    const since = c.effect ? ` ${hms(c.effect.present.wallMs)}` : '';
    const row = { title: c.title, lapsesAtMs: null };
    switch (c.status) {
      case 'active':
        return [{ ...row, mark: '●', tone: 'fail', says: 'being injected' }];
      case 'healed':
        return [{ ...row, mark: '✓', tone: 'pass', says: `healed${healed ? ` ${hms(healed.at.wallMs)}` : ''}` }];
      case 'lapsed':
        return [{ ...row, mark: '✕', tone: 'fail', says: 'its lease lapsed' }];
      case 'failed':
        return [{ ...row, mark: '✕', tone: 'fail', says: 'could not be done' }];
      case 'done': {
        const lease = live?.chain.find((l) => l.id === c.id)?.lease;
        if (!lease) return [{ ...row, mark: '✓', tone: 'soft', says: `done${since}` }];
        const says = `holds since${since}; heals by itself when its lease of ${limit(spec.leaseMs ?? 0)} is not renewed`;
        return [{ ...row, mark: '●', tone: 'fail', says, lapsesAtMs: lease.lapsesAtMs }];
      }
      default:
        return c.status satisfies never;
    }
  });
}

/** "14:03:19" UTC. */
export const hms = (wallMs: number): string => new Date(wallMs).toISOString().slice(11, 19);
