/** What a control's answers must be. Assertions on exit status, rows and fates: never on the wording of a note. */
import { CONTROLS } from './controls-table.ts';
import type { Flavour } from './controls-dialect.ts';
import { Stage } from './controls.ts';
import type { Answer, Control } from './controls.ts';

const CODES = { pass: 0, fail: 1, unknown: 3 } as const;

/** Tests of some controls on one set of servers: each as the disaster and as its healthy twin. */
export function testControls(controls: readonly Control[], flavour: Flavour = 'mysql'): void {
  let stage: Stage;
  const nodes = controls.some((c) => c.nodes === 3) ? 3 : 2;
  beforeAll(async () => {
    stage = await Stage.start(nodes, flavour);
  }, 120_000);
  afterAll(async () => stage?.stop());

  for (const control of controls) {
    test(`${control.name}: ${control.wanted}; its healthy twin passes`, async () => {
      const { scene, answer } = await stage.play(control, false);
      judgeDisaster(control, answer);
      // before a replay and after it: the same loss
      if (scene.before) expect(lossOf(answer)).toEqual(lossOf(scene.before));
      const twin = await stage.play(control, true);
      expect({ code: twin.answer.code, why: twin.answer.sentence, named: twin.answer.named }).toMatchObject(
        control.today?.good && twin.answer.code !== 0 ? { code: CODES[control.today.good] } : { code: 0, named: [] },
      );
    }, 60_000);
  }
}

function judgeDisaster(control: Control, a: Answer): void {
  const { wanted, names, fates, conflict, today } = control;
  expect({ codes: [CODES[wanted], ...(today?.bad ? [CODES[today.bad]] : [])], why: a.sentence }).toMatchObject({ codes: expect.arrayContaining([a.code]) });
  if (today?.unnamed && a.named.length === 0) return;
  if (a.code === CODES.fail) for (const name of names) expect(a.named).toContainEqual(expect.stringMatching(new RegExp(`^${escaped(name)}`)));
  else for (const name of names) expect(`${a.sentence}\n${a.named.join('\n')}`).toContain(wanted === 'unknown' ? name : name.split(' ')[0]);
  if (fates && a.code === CODES.fail) expect(a.fates).toMatchObject(fates);
  if (conflict && a.code === CODES.fail) expect(a.summary.conflicts[conflict]).toBe(1);
}

/** What was lost, by one answer. */
const lossOf = ({ code, summary: { fork, lost, lostCount, lostKeys, conflicts } }: Answer) => ({ code, fork: fork.set, lost, lostCount, lostKeys, conflicts });

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** Says which controls a run leaves out. */
export function leftOut(run: readonly Control[], all: readonly Control[] = CONTROLS, file = 'controls.full.test.ts'): string {
  const rest = all.filter((c) => !run.includes(c));
  return `${run.length} of ${all.length} negative controls; left out here, in ${file}: ${rest.map((c) => c.name).join(' · ')}\n`;
}
