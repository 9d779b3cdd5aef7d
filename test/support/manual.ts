/** What people of a test do outside the drill: the manual's commands, typed. This process goes on meanwhile, so that it can watch. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { CATALOGUE } from '../../activities/catalogue.ts';
import { renderText } from '../../evidence/instructions.ts';
import { loadRunbook } from '../../evidence/load-runbook.ts';

export interface Ran {
  /** null: it was killed, by its deadline or by somebody */
  status: number | null;
  out: string;
  err: string;
}
const OUTPUT_BYTES_MAX = 1 << 26;

export function ran(file: string, args: readonly string[], o: { cwd: string; env: NodeJS.ProcessEnv; deadlineMs?: number }): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      { cwd: o.cwd, env: o.env, timeout: o.deadlineMs ?? 60_000, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX },
      (_, out, err) => resolve({ status: child.exitCode, out, err }),
    );
    child.stdin?.end();
  });
}

/** In the step's folder, with the tools of the lab on PATH; its output, trimmed. A command that fails is a failed test. */
export async function typed(values: Record<string, unknown>, text: string): Promise<string> {
  const work = String(values['work']);
  mkdirSync(work, { recursive: true });
  const env = { ...process.env, PATH: `${String(values['bin'])}:${process.env['PATH']}`, DRILLBOOK_LAB: String(values['lab']) };
  const { status, out, err } = await ran('bash', ['-euo', 'pipefail', '-c', text], { cwd: work, env });
  expect({ text, status, err: status === 0 ? '' : err }).toEqual({ text, status: 0, err: '' });
  return out.trim();
}

/** What the manual of this runbook says for the step, as its rehearsal has it; what the step asks to be filled in. */
export async function performed(runbookFile: string, values: Record<string, unknown>, step: string): Promise<Record<string, string>> {
  const { script, inputs } = loadRunbook(runbookFile, CATALOGUE).runbook.steps.find((s) => s.id === step)!.rehearse!;
  await typed(values, renderText(script, values));
  const given: Record<string, string> = {};
  for (const [name, word] of Object.entries(inputs ?? {})) given[name] = await typed(values, `printf %s "${renderText(word, values)}"`);
  return given;
}
