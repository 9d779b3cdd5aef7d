/** Runs one short command and waits for it, with a deadline. */
import { spawn } from 'node:child_process';
import { DrillError } from '../../../core/errors.ts';

export interface RunResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Resolves with what the command said, whatever its exit code. Throws DRILL_COMMAND_FAILED when it cannot be started, DRILL_COMMAND_TIMEOUT at the deadline. */
export function run(argv: readonly string[], options: { input?: string; timeoutMs?: number } = {}): Promise<RunResult> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const [file, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file ?? '', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new DrillError('DRILL_COMMAND_TIMEOUT', `${argv.join(' ')} did not end within ${timeoutMs} ms. ${stderr}`));
    }, timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => {});
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(
        new DrillError('DRILL_COMMAND_FAILED', `${argv.join(' ')} cannot be started: ${cause.message}`, 'drillbook doctor shows which program is missing', {
          cause,
        }),
      );
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
    child.stdin.end(options.input ?? '');
  });
}

/** As run, but anything but exit code 0 is an error. */
export async function runOk(argv: readonly string[], options: { input?: string; timeoutMs?: number } = {}): Promise<string> {
  const r = await run(argv, options);
  if (r.code === 0) return r.stdout;
  const said = (r.stderr || r.stdout).trim();
  if (/No space left on device/.test(said))
    throw new DrillError('DRILL_DISK_FULL', said, 'free some space, or point the drill folder and XDG_CACHE_HOME at another disk');
  throw new DrillError('DRILL_COMMAND_FAILED', `${argv.join(' ')} ended with ${r.code}: ${said}`);
}
