/**
 * The holder: pid 1 of the lab's pid namespace. Every process of the lab is below it, every mount and network namespace belongs to
 * it, so that its end, however it comes, is the end of the whole lab: no clean-up code has to run. It ends when its owner's pipe
 * closes, or without an owner when nobody has kept it alive for its time to live.
 *
 * Started by lab.ts as: unshare … --pid --fork --kill-child --mount-proc node holder.ts CONFIG
 */
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Lab } from './holder-lab.ts';
import { holderSocketOf } from './layout.ts';
import type { HolderConfig } from './layout.ts';
import { errorToJson, serve } from './protocol.ts';

function tell(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

let scratch: string | null = null;
/** The kernel ends everything else in this pid namespace with us. */
function end(): never {
  if (scratch !== null && process.pid === 1) {
    process.kill(-1, 'SIGKILL');
    rmSync(scratch, { recursive: true, force: true, maxRetries: 10 });
  }
  process.exit(0);
}

// Whoever listened has gone; the lab goes on without telling.
process.stdout.on('error', () => {});
process.on('SIGTERM', end);
process.on('SIGINT', end);

try {
  const config = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as HolderConfig;
  if (config.scratch) scratch = config.dir;
  const lab = new Lab(config, end);
  if (config.ttlMs === null) process.stdin.on('end', end).on('close', end).on('error', end).resume();
  await lab.build((text) => tell({ progress: text }));
  await serve(holderSocketOf(config.dir), (command, args) => lab.handle(command, args));
  lab.opened();
  tell({ ready: true });
} catch (e) {
  tell({ failed: errorToJson(e) });
  setTimeout(() => process.exit(1), 50);
}
