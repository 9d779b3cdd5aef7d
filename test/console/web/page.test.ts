/** The page of a drill for each person: what it offers, what it does not, and that no text of anybody becomes markup. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pageModel } from '../../../console/web/page.ts';
import type { Outcome, Viewer } from '../../../console/web/page.ts';
import { fragmentsOf } from '../../../console/web/render.ts';
import type { HistoryEntry, HistoryEvent } from '../../../core/history.ts';
import type { Envelope } from '../../../core/message.ts';
import type { Seen } from '../../../console/web/feed.ts';
import type { StepState } from '../../../workflows/steps.ts';
import { beginDrill } from '../../support/board.ts';

const dir = mkdtempSync(join(tmpdir(), 'dbp-'));
afterAll(() => rmSync(dir, { recursive: true }));
const { seen: base } = beginDrill(dir);
const AT = { wallMs: 1_700_000_000_000, monoNs: '0', boot: 'b', by: 'test' };

/** The first step in a state, with a view of its own. */
function at(change: Partial<StepState>, instructions = '**Fence** it:\n\n    echo ok', values: Record<string, unknown> = {}): Seen {
  const step = base.state!.steps[3]!;
  const instructionsDigest = base.store.putInstructions(instructions);
  const viewDigest = base.store.putView({
    drillId: base.drillId,
    planDigest: '',
    target: base.plan.target,
    stepId: step.id,
    attempt: 1,
    instructionsDigest,
    values,
    sentBack: [],
    inputs: {},
    checks: [],
    done: null,
  });
  const steps = base.state!.steps.map((s) => (s === step ? { ...s, status: 'active' as const, openedAt: 1, viewDigest, instructionsDigest, ...change } : s));
  return { ...base, state: { ...base.state!, steps } };
}
const viewer = (name: string | null, more: Partial<Viewer> = {}): Viewer => ({ name, csrf: 'c', vouched: true, outcomes: [], ...more });
const html = (seen: Seen, v: Viewer): string => Object.values(fragmentsOf(pageModel(seen, v, null))).join('\n');
const offers = (seen: Seen, v: Viewer): string[] => [...html(seen, v).matchAll(/name="transition" value="([a-z-]+)"/g)].map((m) => m[1]!).toSorted();
const mine = { by: 'Edsger', status: 'acknowledged' as const };
const checked = { by: 'Edsger', status: 'checked' as const, done: { by: 'Edsger' } as Envelope };

test.each<[string, string | null, Partial<StepState>, string[]]>([
  ['one of the role', 'Edsger', {}, ['abort', 'acknowledge', 'comment', 'delegate', 'reject', 'skip']],
  ['whoever has it', 'Edsger', mine, ['abort', 'comment', 'delegate', 'done', 'reject', 'skip']],
  ['one of another role', 'Ada', {}, ['abort', 'comment']],
  ['a coordinator', 'Grace', {}, ['abort', 'comment', 'delegate', 'skip']],
  ['whoever did it, when it is checked', 'Edsger', checked, ['abort', 'comment']],
  ['the second person', 'Grace', checked, ['abort', 'approve', 'comment', 'send-back', 'skip']],
  ['a viewer', 'Vera', {}, []],
  ['a stranger', 'Mallory', {}, []],
  ['nobody', null, {}, []],
  ['nobody’s business while its checks run', 'Edsger', { ...mine, status: 'done' }, ['abort', 'comment']],
])('the page offers %s what the drill would hear, and nothing else', (_, name, change, transitions) =>
  expect(offers(at(change), viewer(name))).toEqual(transitions),
);

const says = (seen: Seen, v: Viewer) => [offers(seen, v), pageModel(seen, v, null).onlyReads];
test('where this board cannot sign it offers nothing and says why; a drill that is over, a rehearsal likewise', () => {
  expect(says(at({}), viewer('Edsger', { vouched: false }))).toEqual([[], expect.stringContaining('without the key of this board')]);
  expect(says({ ...at({}), ended: true }, viewer('Edsger'))).toEqual([[], 'The drill is over.']);
  const rehearsal = { ...at({}), plan: { ...base.plan, rehearsal: 'default' } };
  expect(says(rehearsal, viewer('Edsger'))).toEqual([[], expect.stringContaining('a script plays the people')]);
});

test('what is signed is what is shown: the digest in the form is that of the view that was rendered', () => {
  const seen = at(mine);
  const digest = seen.state!.steps[3]!.viewDigest;
  expect(html(seen, viewer('Edsger'))).toContain(`<input type="hidden" name="view" value="${digest}">`);
  expect(html(seen, viewer('Edsger'))).toContain('<pre tabindex="0" role="group" aria-label="Command"><code>echo ok</code></pre>');
});

test('evidence that does not fit its digest is not offered for signing', () => {
  const page = html(at({ ...mine, viewDigest: 'ab'.repeat(32) }), viewer('Edsger'));
  expect(page).toContain('cannot be signed');
  expect(page).not.toContain('value="done"');
});

const EVIL = `"><img src=x onerror=alert(1)>{{evil}}<script>alert(2)</script>'\u202Etxt`;
test('texts of runbook, people, hosts and checks stay texts', () => {
  const envelope = { by: EVIL, reason: EVIL, stepId: EVIL } as Envelope;
  const events: HistoryEvent[] = [
    { kind: 'comment', stepId: EVIL, envelope },
    { kind: 'message-refused', via: 'signal', messageId: EVIL, by: EVIL, reason: EVIL },
    { kind: 'problem', code: EVIL, seen: EVIL, hint: EVIL },
  ];
  const seen = at({ ...mine, title: EVIL, sentBack: [EVIL], delegate: EVIL }, `${EVIL}\n\n    ${EVIL}`, { [EVIL]: EVIL });
  const hostile: Seen = {
    ...seen,
    silent: EVIL,
    history: events.map((e, i): HistoryEntry => ({ ...e, n: i + 1, prev: '', at: AT, recorded: AT })),
    plan: {
      ...seen.plan,
      title: EVIL,
      target: { ...seen.plan.target, name: EVIL, nodes: [EVIL] },
      steps: seen.plan.steps.map((s) => ({ ...s, title: EVIL, inputs: [{ name: 'x', type: 'choice' as const, ask: EVIL, choices: [EVIL] }] })),
      keys: [...seen.plan.keys, { id: EVIL, publicKey: '', kind: 'console', people: [{ name: EVIL, roles: [EVIL] }] }],
    },
    state: { ...seen.state!, doing: EVIL, version: EVIL, problems: [EVIL] },
  };
  const outcome: Outcome = { stepId: seen.state!.steps[3]!.id, transition: 'done', state: 'refused', why: EVIL };
  for (const v of [viewer('Edsger', { outcomes: [outcome, { ...outcome, stepId: '' }], csrf: EVIL }), viewer(EVIL)]) {
    const page = html(hostile, v);
    expect(page).toContain('&lt;img src');
    expect(page).not.toMatch(/<img|<script|\u202E/);
    // an attribute's value ends only where ours does
    expect([...page.matchAll(/<[a-z][^>]*>/g)].filter(([tag]) => /\son\w+=/.test(tag.replaceAll(/"[^"]*"/g, '')))).toEqual([]);
  }
  expect(pageModel(hostile, viewer('Edsger'), null).log.length).toBe(3);
  expect(pageModel(hostile, viewer('Vera'), null).log.map((l) => l.n)).toEqual([3, 1]);
});
