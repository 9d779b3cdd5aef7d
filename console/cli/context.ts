/** What every command gets: the parsed environment, the output, the tools. Built once in main.ts; nobody else reads process.env. */
import type { Tools } from '../../targets/tools.ts';

export const EXIT = { pass: 0, fail: 1, usage: 2, unknown: 3 } as const;

export interface CliContext {
  cwd: string;
  /** root folder of this installation */
  root: string;
  cacheDir: string;
  env: Readonly<Record<string, string | undefined>>;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  /** colours allowed on stdout (a terminal, no NO_COLOR) */
  colour: boolean;
  /** Finds or fetches what is missing, with progress on stderr. */
  tools(): Promise<Tools>;
  /** The exit status of the process. */
  exit(code: number): void;
}

export interface Json {
  json?: boolean;
}
/** What a command that did as it was told says: a text, or the same as a line of JSON. */
export function answered(ctx: CliContext, { json }: Json, value: unknown, text: string): void {
  ctx.stdout.write(json ? `${JSON.stringify(value)}\n` : text);
  ctx.exit(EXIT.pass);
}
