/** When a schedule fires: from the words of a command line to what Temporal is told. */
import { isDrillError } from '../../../core/errors.ts';
import { whenOf } from '../../../console/schedules/when.ts';
import type { WhenFlags } from '../../../console/schedules/when.ts';

const HERE = 'America/New_York';

test.each<[string, WhenFlags, string[]]>([
  ['every day', { at: ['03:00'] }, ['0 0 3 * * * *']],
  ['with seconds', { at: ['23:59:58'] }, ['58 59 23 * * * *']],
  ['an hour of one digit', { at: ['3:05'] }, ['0 5 3 * * * *']],
  ['twice a day', { at: ['03:00', '15:30'] }, ['0 0 3 * * * *', '0 30 15 * * * *']],
  ['days of the week', { at: ['03:00'], on: 'mon-fri,Sun' }, ['0 0 3 * * MON-FRI,SUN *']],
  ['days of the month', { at: ['03:00'], on: '1,15-20' }, ['0 0 3 1,15-20 * * *']],
  ['the first Tuesday', { at: ['10:00'], on: 'tue, 1-7' }, ['0 0 10 1-7 * TUE *']],
  ['some months', { at: ['03:00'], in: 'jan,jul-SEP' }, ['0 0 3 * JAN,JUL-SEP * *']],
  ['cron, as it is', { cron: ['0 3 * * TUE', '@every 12h'] }, ['0 3 * * TUE', '@every 12h']],
])('%s', (_, flags, cron) => expect(whenOf(flags, HERE).cron).toEqual(cron));

test('the zone is the one that was named, else that of this machine; the jitter is in milliseconds', () => {
  expect(whenOf({ at: ['03:00'], on: 'tue', in: 'jan', zone: 'Europe/Berlin', jitter: '20m' }, HERE)).toEqual({
    cron: ['0 0 3 * JAN TUE *'],
    zone: 'Europe/Berlin',
    jitterMs: 1_200_000,
    says: 'at 03:00 on tue in jan (Europe/Berlin), up to 20m later',
  });
  expect(whenOf({ cron: ['@daily'] }, HERE)).toMatchObject({ zone: HERE, jitterMs: 0, says: `cron @daily (${HERE})` });
});

test.each<[string, WhenFlags, string, string]>([
  ['nothing', {}, 'DRILL_SCHEDULE_WHEN', 'nothing says when'],
  ['days without a time', { on: 'mon' }, 'DRILL_SCHEDULE_WHEN', 'nothing says when'],
  ['both ways', { cron: ['@daily'], at: ['03:00'] }, 'DRILL_SCHEDULE_WHEN', '--cron beside'],
  ['cron and days', { cron: ['@daily'], on: 'mon' }, 'DRILL_SCHEDULE_WHEN', '--cron beside'],
  ['24:00', { at: ['24:00'] }, 'DRILL_SCHEDULE_WHEN', '--at 24:00'],
  ['no minutes', { at: ['3'] }, 'DRILL_SCHEDULE_WHEN', '--at 3 '],
  ['3 pm', { at: ['3:00pm'] }, 'DRILL_SCHEDULE_WHEN', '--at 3:00pm'],
  ['a misspelt day', { at: ['03:00'], on: 'mon,tues' }, 'DRILL_SCHEDULE_WHEN', '"tues" is not understood'],
  ['an empty day', { at: ['03:00'], on: 'mon,' }, 'DRILL_SCHEDULE_WHEN', '"" is not understood'],
  ['a field that would be cron', { at: ['03:00'], on: '*/2' }, 'DRILL_SCHEDULE_WHEN', '"*/2" is not understood'],
  ['a month by number', { at: ['03:00'], in: '1' }, 'DRILL_SCHEDULE_WHEN', '--in 1'],
  ['a zone in the cron', { cron: ['CRON_TZ=UTC 0 3 * * *'] }, 'DRILL_SCHEDULE_WHEN', 'names a time zone'],
  ['jitter without a unit', { at: ['03:00'], jitter: '20' }, 'DRILL_SCHEDULE_WHEN', '--jitter 20 '],
  ['jitter of weeks', { at: ['03:00'], jitter: '9d' }, 'DRILL_SCHEDULE_WHEN', '--jitter 9d'],
  ['no such zone', { at: ['03:00'], zone: 'Europe/Nowhere' }, 'DRILL_ZONE_UNKNOWN', 'Europe/Nowhere'],
])('%s is refused', (_, flags, code, says) => {
  try {
    expect(whenOf(flags, HERE)).toBe('refused');
  } catch (e) {
    if (!isDrillError(e)) throw e;
    expect([e.code, e.message, e.hint.length > 0]).toEqual([code, expect.stringContaining(says), true]);
  }
});
