/** When a schedule fires, from the words of a command line to cron expressions as Temporal reads them (seven fields; day of month AND day of week must match). */
import { DrillError } from '../../core/errors.ts';
import { DURATION, durationMs, durationText } from '../../core/runbook/duration.ts';

export interface WhenFlags {
  cron?: string[];
  /** times of day */
  at?: string[];
  /** days of the week and of the month */
  on?: string;
  /** months */
  in?: string;
  zone?: string;
  jitter?: string;
}
export interface When {
  cron: string[];
  zone: string;
  jitterMs: number;
  /** for people: "at 03:00 on tue,1-7 (Europe/Berlin), up to 10m later" */
  says: string;
}

const JITTER_MS_MAX = 86_400_000;
const WEEKDAY = /^(sun|mon|tue|wed|thu|fri|sat)(-(sun|mon|tue|wed|thu|fri|sat))?$/;
const MONTH_DAY = /^\d{1,2}(-\d{1,2})?$/;
const MONTH = /^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?$/;

const wrong = (seen: string, hint: string): DrillError => new DrillError('DRILL_SCHEDULE_WHEN', seen, hint);

/** DRILL_SCHEDULE_WHEN, DRILL_ZONE_UNKNOWN. What a cron expression holds is Temporal's to judge. */
export function whenOf(flags: WhenFlags, zoneHere: string): When {
  const { cron = [], at = [] } = flags;
  if (cron.length > 0 && (at.length > 0 || flags.on !== undefined || flags.in !== undefined))
    throw wrong('--cron beside --at, --on or --in', 'use one of the two ways; --cron can be given several times');
  if (cron.length + at.length === 0) throw wrong('nothing says when the schedule fires', 'as in --at 03:00 --on tue, or --cron "0 3 * * TUE"');
  const ownZone = cron.find((c) => /^\s*(CRON_)?TZ=/.test(c));
  if (ownZone !== undefined) throw wrong(`--cron ${JSON.stringify(ownZone)} names a time zone`, 'name it with --zone');
  const zone = zoneOf(flags.zone ?? zoneHere);
  const jitterMs = jitterOf(flags.jitter);
  const days = flags.on === undefined ? '' : ` on ${flags.on}`;
  const months = flags.in === undefined ? '' : ` in ${flags.in}`;
  const what = cron.length > 0 ? `cron ${cron.join(' and ')}` : `at ${at.join(' and ')}${days}${months}`;
  return {
    cron: cron.length > 0 ? cron : calendar(at, flags.on, flags.in),
    zone,
    jitterMs,
    says: `${what} (${zone})${jitterMs > 0 ? `, up to ${durationText(jitterMs)} later` : ''}`,
  };
}

const field = (list: string[]): string => (list.length > 0 ? list.join(',').toUpperCase() : '*');

function calendar(at: readonly string[], on: string | undefined, months: string | undefined): string[] {
  const days = parts(on, 'on', [WEEKDAY, MONTH_DAY], 'days of the week or of the month, as in mon-fri or 1,15; with both, as in tue,1-7, both must be so');
  const [weekdays, monthDays] = [days.filter((d) => WEEKDAY.test(d)), days.filter((d) => MONTH_DAY.test(d))];
  const inMonths = parts(months, 'in', [MONTH], 'months, as in jan,jul or sep-nov');
  return at.map((time) => {
    const [, hour, minute, second = '0'] = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(time) ?? [];
    if (hour === undefined) throw wrong(`--at ${time} is no time of day`, 'as in 03:00 or 15:30:30');
    return [Number(second), Number(minute), Number(hour), field(monthDays), field(inMonths), field(weekdays), '*'].join(' ');
  });
}

function parts(text: string | undefined, flag: string, forms: readonly RegExp[], hint: string): string[] {
  const list =
    text === undefined
      ? []
      : text
          .toLowerCase()
          .split(',')
          .map((p) => p.trim());
  const stranger = list.find((p) => !forms.some((f) => f.test(p)));
  if (stranger !== undefined) throw wrong(`--${flag} ${text}: ${JSON.stringify(stranger)} is not understood`, hint);
  return list;
}

function jitterOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const ms = DURATION.test(text) ? durationMs(text) : NaN;
  if (!(ms >= 1_000 && ms <= JITTER_MS_MAX))
    throw wrong(`--jitter ${text} is no time from 1s to 1d`, 'each firing is moved by a random time up to it, as in 10m');
  return ms;
}

/** Must be known here too, where its times are shown. */
function zoneOf(zone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone }).format();
    return zone;
  } catch {
    throw zoneUnknown(zone);
  }
}
export const zoneUnknown = (zone: string): DrillError =>
  new DrillError('DRILL_ZONE_UNKNOWN', `there is no time zone ${JSON.stringify(zone)}`, 'names as in Europe/Berlin, America/New_York, UTC');
