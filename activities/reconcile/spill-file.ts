/** A temporary file for core/reconcile/spill.ts. It has no name once it is open, so that it is gone with this process, however that ends. */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
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
    this.fd = this.attempt(() => {
      const path = join(this.dir, `drillbook-${randomUUID()}`);
      const fd = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      return fd;
    });
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
