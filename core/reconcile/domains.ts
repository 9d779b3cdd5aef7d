/**
 * MariaDB: what two logs share. A replay of a log's text keeps the domain, server and number of each transaction, so that a name on the new side is no proof of
 * replication, and no other server_id betrays it. But a replica executes every transaction of a domain in the source's order and leaves none out: what follows the
 * old log without a gap is shared, and from the first gap or turn on nothing is.
 */
import { MariaPosition } from '../binlog/maria.ts';
import { DrillError } from '../errors.ts';
import { domainOf, GtidSet } from '../gtid.ts';
import type { GtidInterval, GtidSource } from '../gtid.ts';
import { GtidOrder, setOf } from './order.ts';
import type { Run } from './order.ts';
import type { SideLog } from './side.ts';

/** The old log by its domains: ordinals count within one. */
function byDomain(log: SideLog): Map<string, GtidOrder> {
  const domains = new Map<string, GtidOrder>();
  for (const run of log.order.runs) {
    const domain = domainOf(run.source);
    const order = domains.get(domain) ?? new GtidOrder();
    domains.set(domain, order);
    order.addRun(run.source, run.start, run.end);
  }
  return domains;
}

/** The beginning of the new log that a replica of the old side wrote. `before`: executed before its first file. */
export function sharedPrefix(old: SideLog, fresh: SideLog, before: GtidSet): GtidSet {
  const domains = byDomain(old);
  const purged = old.previous ?? GtidSet.empty;
  /** the ordinal that must come next; 0: nothing of the old files has been seen yet */
  const next = new Map<string, number>();
  for (const [source, list] of before.intervals()) {
    const domain = domainOf(source);
    const at = domains.get(domain)?.find(source, list.at(-1)![1] - 1)?.index ?? -1;
    next.set(domain, Math.max(next.get(domain) ?? 0, at + 1));
  }
  const shared: Run[] = [];
  for (const run of fresh.order.runs) {
    const domain = domainOf(run.source);
    const order = domains.get(domain);
    const early = earlyOf(old, purged, run.source);
    let n = run.start;
    while (n < run.end) {
      const wanted = next.get(domain) ?? 0;
      const at = order?.find(run.source, n) ?? null;
      if (at ? at.index !== wanted : wanted !== 0 || n >= early) break;
      const end = Math.min(run.end, at ? n + at.left : early);
      if (at) next.set(domain, at.index + end - n);
      n = end;
    }
    if (n > run.start) shared.push({ ...run, end: n });
    if (n < run.end) break;
  }
  return setOf(shared);
}

/** Numbers below it were used before the old files. A list tells them by server; a relay log tells only how far its replica was in the domain. */
function earlyOf({ relay }: SideLog, purged: GtidSet, source: GtidSource): number {
  const of = purged.intervals().filter(([s]) => (relay ? domainOf(s) === domainOf(source) : s === source));
  return Math.max(0, ...of.map(([, list]) => list.at(-1)![1]));
}

/** Numbers of a domain that were used before the old side's first file, and that the fork holds of no server, as text; '' when there are none. */
export function uncovered(purged: GtidSet, fork: GtidSet): string {
  const gaps = numbersOf(purged).subtract(numbersOf(fork));
  return gaps
    .intervals()
    .map(([source, list]) => `domain ${domainOf(source)}: ${list.map(([start, end]) => (end - start === 1 ? start : `${start}-${end - 1}`)).join(', ')}`)
    .join('; ');
}

/** Whoever wrote them: all as one server's of the domain. */
function numbersOf(set: GtidSet): GtidSet {
  const found = new Map<GtidSource, GtidInterval[]>();
  for (const [source, list] of set.intervals()) {
    const all = `${domainOf(source)}-0`;
    found.set(all, [...(found.get(all) ?? []), ...list]);
  }
  return GtidSet.fromIntervals(found);
}

/** A fork as people and servers write it: a GTID set, or MariaDB's position (@@gtid_slave_pos), which is all of the old log up to there. Throws DRILL_GTID_INVALID, DRILL_FORK_UNKNOWN. */
export function forkOf(text: string, old: SideLog): GtidSet {
  if (!/^\s*\d+-\d+-\d+\s*(,|$)/.test(text)) return GtidSet.parse(text);
  const position = MariaPosition.parse(text);
  const purged = old.previous ?? GtidSet.empty;
  const domains = byDomain(old);
  let fork = GtidSet.empty;
  for (const domain of position.domains()) {
    const { server, seq } = position.get(domain)!;
    const gtid = `${domain}-${server}-${seq}`;
    const end = domains.get(String(domain))?.indexOf(gtid) ?? -1;
    const early = GtidSet.fromIntervals(new Map(purged.intervals().filter(([source]) => domainOf(source) === String(domain))));
    if (end === -1 && !early.intervals().some(([source, list]) => source === `${domain}-${server}` && list.at(-1)![1] - 1 === seq))
      throw new DrillError(
        'DRILL_FORK_UNKNOWN',
        `the position ${gtid} is not in the old side's binary logs`,
        'name the position that the new source had when it was promoted, or leave --fork out',
      );
    fork = fork.union(early).union(setOf(head(domains.get(String(domain))?.runs ?? [], end + 1)));
  }
  return fork;
}

/** The first `count` transactions. */
const head = (runs: readonly Run[], count: number): Run[] =>
  runs.flatMap((run) => (run.index >= count ? [] : [{ ...run, end: Math.min(run.end, run.start + count - run.index) }]));
