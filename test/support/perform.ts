/** What the manual says, typed by somebody: the script that a rehearsal would run, with the values that the person was shown. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { CATALOGUE } from '../../activities/catalogue.ts';
import { renderText } from '../../evidence/instructions.ts';
import { loadRunbook } from '../../evidence/load-runbook.ts';

/** Returns what the step asks for. Throws with what the command said when it failed. */
export function perform(runbookFile: string, step: string, values: Record<string, unknown>): Record<string, string> {
  const { runbook } = loadRunbook(runbookFile, CATALOGUE);
  const { script, inputs } = runbook.steps.find((s) => s.id === step)!.rehearse!;
  const work = String(values['work']);
  mkdirSync(work, { recursive: true });
  const bash = (text: string): string => {
    const env = { ...process.env, PATH: `${String(values['bin'])}:${process.env['PATH']}`, DRILLBOOK_LAB: String(values['lab']) };
    const ran = spawnSync('bash', ['-euo', 'pipefail', '-c', text], { cwd: work, env, encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(`step ${step}: status ${ran.status}\n${ran.stderr}`);
    return ran.stdout.trim();
  };
  bash(renderText(script, values));
  return Object.fromEntries(Object.entries(inputs ?? {}).map(([name, word]) => [name, bash(`printf %s "${renderText(word, values)}"`)]));
}
