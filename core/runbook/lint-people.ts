/** What a runbook says of people that cannot work: escalations that lead nowhere, roles that are absent with nobody in their place. */
import { INVALID } from './problem.ts';
import type { Problem } from './problem.ts';
import type { Runbook } from './schema.ts';
import { durationMs } from './duration.ts';

export function peopleProblems(r: Runbook): Problem[] {
  const absent = new Set(r.absent);
  const roles = new Set(r.steps.flatMap((s) => [s.role, ...(s.escalate ?? []), ...(s.approve === undefined ? [] : [s.approve])]));
  const nowhere = (r.absent ?? []).flatMap((role, i): Problem[] =>
    roles.has(role) ? [] : [{ code: INVALID, path: ['absent', i], message: `no step is for the role ${role}` }],
  );
  return [...nowhere, ...r.steps.flatMap((s, i) => stepProblems(s, i, absent))];
}

function stepProblems(s: Runbook['steps'][number], index: number, absent: ReadonlySet<string>): Problem[] {
  const out: Problem[] = [];
  const say = (key: string, message: string) => out.push({ code: INVALID, path: ['steps', index, key], message: `step ${s.id}: ${message}` });
  const called = s.escalate ?? [];
  for (const [i, role] of called.entries())
    if (role === s.role || called.indexOf(role) !== i)
      out.push({ code: INVALID, path: ['steps', index, 'escalate', i], message: `step ${s.id} is for the role ${role} already` });
  if (absent.has(s.role) && called.every((role) => absent.has(role))) say('role', `the role ${s.role} is absent and nobody is called in its place (escalate)`);
  if (s.approve !== undefined && absent.has(s.approve)) say('approve', `the role ${s.approve} is absent`);
  if (s.acknowledge !== undefined && s.escalate === undefined) say('acknowledge', 'nobody is called when it is late (escalate)');
  if (s.acknowledge !== undefined && durationMs(s.acknowledge) > durationMs(s.budget))
    say('acknowledge', `${s.acknowledge} is longer than the budget of ${s.budget}`);
  return out;
}
