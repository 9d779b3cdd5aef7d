/** Schedules in words, for the terminal. */
import { inert, plural } from '../../../core/report/text.ts';
import type { FiringView, ScheduleView } from '../../schedules/schedules.ts';
import type { Line, Style } from '../live-text.ts';

/** "Tue, 01 Dec 2026, 03:08:50 GMT+1": as the clock on the wall shows it in that zone. */
export const wall = (iso: string, zone: string): string =>
  new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    day: '2-digit',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'shortOffset',
  })
    .format(new Date(iso))
    .replace('Sept', 'Sep');

const OUTCOMES: Record<FiringView['outcome'], [string, Style]> = {
  pass: ['✓ PASS', 'pass'],
  fail: ['✕ FAIL', 'fail'],
  unknown: ['? UNKNOWN', 'unknown'],
  skipped: ['○ skipped', 'unknown'],
  missed: ['○ missed', 'unknown'],
  running: ['● drills now', 'bold'],
  forgotten: ['○ –', 'dim'],
};

export function whatText({ drill }: Pick<ScheduleView, 'drill'>): string {
  const who = 'crew' in drill.who ? `crew ${drill.who.crew}${drill.who.unannounced ? ', unannounced' : ''}` : `rehearsal ${drill.who.rehearse}`;
  return `${drill.runbook} on ${drill.target}, ${who}`;
}

const row = (name: string, ...spans: Line): Line => [[`  ${name.padEnd(10)}`, 'dim'], ...spans];

/** What a schedule is. */
export function aboutLines(v: ScheduleView): Line[] {
  return [
    [[v.name, 'bold'], [`   ${whatText(v)}`]],
    row('when', [v.when]),
    row('where', [`${v.machine}, evidence in ${v.drill.out}`]),
    row('rules', ['one at a time; not more than 1 min late; paused when a drill does not pass']),
  ];
}

export function nextLines(v: ScheduleView): Line[] {
  return v.next.map((at, i) => row(i === 0 ? (v.paused ? 'would be' : 'next') : '', [wall(at, v.zone)]));
}

/** Who or what paused it. Temporal notes the failed workflow and its message; the drill is told among the firings. */
export const pausedText = ({ note }: ScheduleView): string =>
  note.replace(/^paused due to workflow failure: [^ ]*: /, 'a drill did not pass: ').replace(/^paused /, '');

const paused = (v: ScheduleView): Line => [['paused', 'unknown'], [`: ${pausedText(v)}`]];

export function stateLine(v: ScheduleView): Line {
  const runs = v.firings.find((f) => f.outcome === 'running');
  if (v.paused) return row('state', ...paused(v));
  return row('state', runs ? [`drills now${runs.drillId ? `: ${runs.drillId}` : ''}`, 'bold'] : ['waits']);
}

export function countsLine({ counts }: ScheduleView): Line {
  const skipped = counts.overlapped > 0 ? `, ${counts.overlapped} skipped: the drill before still ran` : '';
  const missed = counts.missed > 0 ? `, ${counts.missed} missed: Temporal was away` : '';
  return row('firings', [`${counts.fired}`], [skipped, 'unknown'], [missed, 'unknown']);
}

export function firingLines(v: ScheduleView): Line[] {
  return v.firings.flatMap((f): Line[] => {
    const [word, style] = OUTCOMES[f.outcome];
    const more: Line[] = f.says === '' ? [] : [row('', [`  ${f.says}`, 'dim'])];
    return [row('', [wall(f.at, v.zone)], [`  ${word.padEnd(12)}`, style], [`  ${f.drillId ?? ''}`]), ...more];
  });
}

/** One line of the list. */
export function listLine(v: ScheduleView, width: number): Line {
  const last = v.firings.find((f) => f.outcome !== 'running' && f.outcome !== 'forgotten');
  const [word, style] = last ? OUTCOMES[last.outcome] : (['', 'plain'] as const);
  const state: Line = v.paused
    ? paused(v)
    : v.firings.some((f) => f.outcome === 'running')
      ? [['drills now', 'bold']]
      : [[v.next[0] ? `next ${wall(v.next[0], v.zone)}` : 'never again']];
  const skipped = v.counts.overlapped > 0 ? `, ${plural(v.counts.overlapped, 'firing')} skipped` : '';
  return [[`${inert(v.name).padEnd(width)}  `, 'bold'], [word.padEnd(10), style], [`  ${whatText(v)}   `], ...state, [skipped, 'dim']];
}
