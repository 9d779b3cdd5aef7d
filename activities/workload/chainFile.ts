/**
 * An append-only chained JSON Lines file with one writer at a time (docs/semantics.md, 1 and 6).
 * A line is with the kernel when append returns (write(2), nothing buffered in this process), so kill -9 loses none of them;
 * the disk has it at most SYNC_EVERY_MS later. The lock is the kernel's (flock on the open file): it ends with the process, however that dies.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { spawnSync } from 'node:child_process';
import { DrillError, messageOf } from '../../core/errors.ts';
import { chainLine } from '../../core/history.ts';
import { ChainReader } from '../../core/ledger.ts';

const SYNC_EVERY_MS = 100;
const READ_BYTES = 1 << 20;

export class ChainFile<T extends { n: number; prev: string }> {
  readonly path: string;
  /** bytes of a torn last line that was cut off when the file was opened */
  readonly tornBytes: number;
  readonly #fd: number;
  readonly #onFatal: (e: DrillError) => void;
  #n: number;
  #head: string;
  #syncing = false;
  #dirty = false;
  #timer: NodeJS.Timeout;

  /**
   * Opens or creates the file, verifies the whole chain and hands every record to `onRecord`; cuts off a torn last line.
   * Throws DRILL_FILE_LOCKED when another process writes it, DRILL_CHAIN_BROKEN when it was changed.
   * `onFatal` is told when the disk fails later (DRILL_DISK): nothing more can be recorded, so nothing more may be done.
   */
  constructor(path: string, options: { onRecord?: (record: T) => void; onFatal: (e: DrillError) => void }) {
    this.path = path;
    this.#onFatal = options.onFatal;
    this.#fd = fs.openSync(path, 'a+');
    try {
      lock(this.#fd, path);
      const reader = readAll<T>(this.#fd, path, options.onRecord);
      this.tornBytes = reader.tornBytes;
      if (reader.tornBytes > 0) fs.ftruncateSync(this.#fd, reader.bytes);
      this.#n = reader.lines;
      this.#head = reader.head;
    } catch (e) {
      fs.closeSync(this.#fd);
      throw e;
    }
    this.#timer = setInterval(() => this.#sync(), SYNC_EVERY_MS);
  }

  get lines(): number {
    return this.#n;
  }

  append(value: object): void {
    const { line, digest } = chainLine(this.#n + 1, this.#head, value);
    const bytes = Buffer.from(line);
    try {
      for (let from = 0; from < bytes.length;) from += fs.writeSync(this.#fd, bytes, from);
    } catch (e) {
      const error = diskError(this.path, e);
      this.#onFatal(error);
      throw error;
    }
    this.#n += 1;
    this.#head = digest;
    this.#dirty = true;
  }

  close(): void {
    clearInterval(this.#timer);
    fs.fdatasyncSync(this.#fd);
    fs.closeSync(this.#fd);
  }

  #sync(): void {
    if (this.#syncing || !this.#dirty) return;
    this.#syncing = true;
    this.#dirty = false;
    fs.fdatasync(this.#fd, (e) => {
      this.#syncing = false;
      if (e && e.code !== 'EBADF') this.#onFatal(diskError(this.path, e));
    });
  }
}

const diskError = (path: string, e: unknown) =>
  new DrillError(
    'DRILL_DISK',
    `${path} can not be written: ${messageOf(e)}`,
    'make room on the disk; the writer stops because it may not write what it can not record',
    { cause: e },
  );

/** Node has no flock; flock(1) locks the open file that it inherits, and the lock stays with our descriptor when flock(1) ends. */
function lock(fd: number, path: string): void {
  const run = spawnSync('flock', ['--exclusive', '--nonblock', '3'], { stdio: ['ignore', 'ignore', 'pipe', fd], timeout: 5000 });
  if (run.status === 0) return;
  if (run.status === 1)
    throw new DrillError(
      'DRILL_FILE_LOCKED',
      `${path} is being written by another process`,
      'there must never be two writers on one file; end the other one first',
    );
  throw new DrillError(
    'DRILL_FILE_LOCKED',
    `flock(1) could not lock ${path}: ${run.error ? messageOf(run.error) : run.stderr.toString()}`,
    'install util-linux',
  );
}

function readAll<T extends { n: number; prev: string }>(fd: number, path: string, onRecord: ((record: T) => void) | undefined): ChainReader<T> {
  const reader = new ChainReader<T>(path, (line) => createHash('sha256').update(line).digest('hex'));
  const buffer = Buffer.alloc(READ_BYTES);
  for (let at = 0, got = 1; got > 0; at += got) {
    got = fs.readSync(fd, buffer, 0, READ_BYTES, at);
    for (const record of reader.push(buffer.subarray(0, got))) onRecord?.(record);
  }
  return reader;
}
