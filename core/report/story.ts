/** What happened, in a few plain sentences, each of them true of this bundle. */
import type { ReconcileSummary } from '../bundle.ts';
import { GtidSet } from '../gtid.ts';
import { entries } from './axis.ts';
import type { Axis, Of } from './axis.ts';
import type { PeopleModel, ReportInput } from './model.ts';
import { capital, count, duration, list, plural } from './text.ts';
import { oldSource } from './timeline.ts';

export function storyOf(input: ReportInput, axis: Axis, people: Omit<PeopleModel, 'figures'>): string[] {
  return [disasterOf(input, axis), lossOf(input), manualOf(people, input.plan.announce === 'at-fault'), endOf(input)].filter((s) => s !== '');
}

function disasterOf(input: ReportInput, axis: Axis): string {
  const faults = entries(input.history, 'fault-injected').filter((f) => f.verb !== 'repoint');
  if (faults.length === 0) return 'No fault was seen to take effect.';
  let before = 0;
  const source = oldSource(input);
  let subject = '';
  const parts = faults.map((f, i) => {
    const at = axis.at(f.effect.absent);
    const later = i > 0 ? `${duration(at - before)} later ` : '';
    before = at;
    const planned = input.plan.chain.find((c) => c.id === f.chainId)?.with['node'];
    const node = f.facts['node'] ?? (typeof planned === 'string' ? planned : '');
    const name = node === '' ? '' : node === subject ? 'it' : i === 0 ? `the ${node === source ? 'primary' : 'node'} ${node}` : node;
    subject = node;
    return later + clauseOf(f, name, input);
  });
  return `${capital(clauses(parts))}.`;
}

/** A fault as a clause: who, and what became of it. A fault with a verb that is not known here speaks by its title. */
function clauseOf(f: Of<'fault-injected'>, node: string, input: ReportInput): string {
  const w = input.plan.chain.find((c) => c.id === f.chainId)?.with ?? {};
  if (f.verb === 'partition' && node && Array.isArray(w['from']))
    return `${node} was cut off from ${list(w['from'].map(String))} while clients still reached it`;
  if (f.verb === 'kill-node' && node) return `${node} died`;
  if (f.verb === 'kill-process' && node) return `the database process on ${node} died`;
  if (f.verb === 'promote' && node) return `${node} was promoted`;
  return `“${f.title}” took effect`;
}

function lossOf(input: ReportInput): string {
  const r = input.reconcile;
  if (!r) return '';
  if (r.lostCount === 0) return 'No transaction was lost.';
  const conflicts = Object.values(r.conflicts).reduce((a, b) => a + b, 0);
  const fought = conflicts > 0 ? `; ${count(conflicts)} of the ${plural(r.lostKeys, 'row')} they touched had been changed on both sides` : '';
  return `${capital(plural(r.lostAcked, 'acknowledged transaction'))} existed only in the logs of ${oldSource(input)}${fought}.`;
}

function manualOf(people: Omit<PeopleModel, 'figures'>, unannounced: boolean): string {
  const opened = people.rows.filter((r) => r.outcome !== 'never opened');
  if (opened.length === 0) return '';
  const verified = opened.filter((r) => r.state === 'pass').length;
  const sent = opened.filter((r) => r.outcome === 'sent back by its check').length;
  const skipped = opened.filter((r) => r.outcome.startsWith('skipped')).length;
  const who = people.rehearsal ? 'A script in the place of people' : list([...new Set(opened.map((r) => r.who).filter((w) => w !== 'nobody'))]) || 'Nobody';
  const bad = [
    sent ? `checks sent ${sent === 1 ? 'one step' : `${sent} steps`} back` : '',
    skipped ? `${plural(skipped, 'step was', 'steps were')} skipped` : '',
  ].filter(Boolean);
  const surprised = unannounced ? 'Nobody of the crew was told of the drill before that. ' : '';
  return `${surprised}${who} followed the manual for ${duration(people.totals.spanMs)}: ${plural(verified, 'step')} verified${bad.length ? `; ${list(bad)}` : ''}.`;
}

function endOf(input: ReportInput): string {
  const { writes } = input.verdict.figures.rpoAfterRecovery;
  const c = input.convergence;
  if (input.reconcile?.forced) return forcedWords(input.reconcile, writes ?? 0);
  if (!c) return 'Whether the nodes are equal was not checked.';
  const nodes = `${c.nodes.length} nodes`;
  if (c.equal === null) return `Whether the ${nodes} are equal cannot be told${c.reason ? `: ${c.reason}` : ''}.`;
  return c.equal
    ? `At the end the ${nodes} were equal, row by row${writes ? `, but ${plural(writes, 'acknowledged write')} ${writes === 1 ? 'is' : 'are'} missing or wrong` : ''}.`
    : `At the end the nodes differed in ${plural(c.differences.length, 'row')}.`;
}

/** Equal GTID sets over wrong rows: the trap that a replay with errors ignored sets. */
function forcedWords(r: ReconcileSummary, bad: number): string {
  const n = GtidSet.parse(r.forced).count();
  const equal = GtidSet.parse(r.newSet).contains(GtidSet.parse(r.oldSet));
  const gtids = equal
    ? ` By GTID nothing is missing${bad ? `; by row, ${plural(bad, 'acknowledged write')} ${bad === 1 ? 'is' : 'are'} missing or wrong` : ''}.`
    : '';
  return `${capital(plural(n, 'lost transaction counts', 'lost transactions count'))} as executed on the new side although their rows differ, as a replay that ignores errors leaves them.${gtids}`;
}

/** "a; b, and c": clauses may hold commas. */
const clauses = (parts: string[]): string => (parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join('; ')}, and ${parts.at(-1)}`);
