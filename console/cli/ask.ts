/** Questions to whoever sits at the terminal. */
import { createInterface } from 'node:readline/promises';
import type { CliContext } from './context.ts';

export const interactive = (ctx: CliContext): boolean => ctx.stdin.isTTY && ctx.stdout.isTTY;

/** Ctrl-C and the end of the input answer with nothing. */
export async function ask(ctx: CliContext, question: string): Promise<string> {
  const lines = createInterface({ input: ctx.stdin, output: ctx.stdout });
  try {
    const closed = new Promise<string>((r) => lines.once('close', () => r('')));
    return await Promise.race([lines.question(question), closed]);
  } finally {
    lines.close();
  }
}

export const confirmed = async (ctx: CliContext, question: string): Promise<boolean> => /^y(es)?$/i.test((await ask(ctx, `${question} [y/N] `)).trim());
