/** A temporary file for core/reconcile/spill.ts. It has no name, so that it is gone with this process, however and whenever that ends. */
import { closeSync, constants, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DrillError, messageOf } from '../../core/errors.ts';
import type { Spill } from '../../core/reconcile/spill.ts';

/** Calls block: what waits for the disk would have nothing else to do. Throws DRILL_SPILL_FAILED. */
export class SpillFile implements Spill, Disposable {
  private readonly dir = tmpdir();
  private readonly fd: number;
  private size = 0;
  private closed = false;

  constructor() {
    this.fd = this.attempt(() => nameless(this.dir));
  }

  append(bytes: Uint8Array): number {
    const at = this.size;
    for (let done = 0; done < bytes.length;) done += this.attempt(() => writeSync(this.fd, bytes, done, bytes.length - done, at + done));
    this.size += bytes.length;
    return at;
  }

  read(at: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      const n = this.attempt(() => readSync(this.fd, into, done, into.length - done, at + done));
      if (n === 0)
        throw new DrillError('DRILL_SPILL_FAILED', 'a temporary file is shorter than what was written to it', 'look at the disk of the temporary folder');
      done += n;
    }
  }

  [Symbol.dispose](): void {
    if (!this.closed) closeSync(this.fd);
    this.closed = true;
  }

  private attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw new DrillError(
        'DRILL_SPILL_FAILED',
        `what does not fit into memory could not be put aside in ${this.dir}, after ${Math.round(this.size / 1e6)} MB: ${messageOf(cause)}`,
        'let TMPDIR name a folder on a disk with room for about 500 bytes for each lost row change',
        { cause },
      );
    }
  }
}

/** Linux's O_TMPFILE (open(2)), without the bit of O_DIRECTORY that goes with it, which Node has. */
const TMPFILE = 0o20000000;
/** not every file system has it, and old kernels take it for a folder that is to be written */
const LACKING = new Set(['EOPNOTSUPP', 'EISDIR', 'EINVAL', 'ENOENT']);

/** Where the file system makes none without a name, one whose name is taken away at once: killed between the two, it stays. */
function nameless(dir: string): number {
  try {
    return openSync(dir, TMPFILE | constants.O_DIRECTORY | constants.O_RDWR, 0o600);
  } catch (e) {
    if (!LACKING.has((e as NodeJS.ErrnoException).code ?? '')) throw e;
  }
  const path = join(dir, `drillbook-${randomUUID()}`);
  const fd = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return fd;
}
