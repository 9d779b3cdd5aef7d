/** The schedules for the board's list, looked at now and then: a page never waits for Temporal. */
import { withScheduler } from '../../schedules/scheduler.ts';
import { allSchedules } from '../../schedules/schedules.ts';
import type { ScheduleView } from '../../schedules/schedules.ts';
import type { Scheduled } from '../../web/drills.ts';
import type { CliContext } from '../context.ts';
import { pausedText, wall, whatText } from './text.ts';

const LOOK_MS = 30_000;

/** Where there is no scheduler, or it does not answer, there are none. An unannounced drill is a surprise: its schedule is not shown. */
export function watchSchedules(ctx: CliContext): { readonly last: readonly Scheduled[]; stop(): void } {
  let last: readonly Scheduled[] = [];
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    const views = await withScheduler(ctx, ({ client }) => allSchedules(client)).catch(() => []);
    last = views.filter(({ drill: { who } }) => !('crew' in who && who.unannounced)).map(scheduledOf);
    looking = false;
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  void look();
  return {
    get last() {
      return last;
    },
    stop: () => clearInterval(timer),
  };
}

function scheduledOf(v: ScheduleView): Scheduled {
  const running = v.firings.find((f) => f.outcome === 'running');
  const next = v.next[0] ? `next ${wall(v.next[0], v.zone)}` : 'never again';
  return { name: v.name, what: `${whatText(v)}, ${v.when}`, says: v.paused ? pausedText(v) : running ? `drills now, ${next}` : next, paused: v.paused };
}
