/**
 * Ranges of a log decoded in threads, what they make of it put together in order. Each thread has a ring of blocks in shared memory and rests when it is full, so
 * memory is bounded however far one thread is ahead of another, and however large a transaction is.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Finding } from '../../../../core/binlog/finding.ts';
import { DrillError } from '../../../../core/errors.ts';
import type { LogRange } from './ranges.ts';

export const SLOTS = 24;
export const SLOT_BYTES = 384 * 1024;

/** What a thread is given; serveRanges() takes it. `own` is for the module that makes its view. */
export interface ThreadData<T> {
  ranges: LogRange[];
  slots: SharedArrayBuffer;
  /** by slot: 1 while it is full */
  full: SharedArrayBuffer;
  own: T;
}

/** From a thread, for the range it is at, in order. */
export type ThreadMessage =
  | { kind: 'block'; slot: number; bytes: number }
  /** what describes a table: left out where it was said before */
  | { kind: 'table'; id: number; text: Uint8Array }
  | { kind: 'finding'; finding: Finding }
  | { kind: 'done'; bytes: number };

export interface RangeSink {
  /** Valid in the call only. */
  write(block: Uint8Array): void;
  finding(finding: Finding): void;
  onBytes?(bytes: number): void;
}

class Thread<T> {
  readonly worker: Worker;
  private readonly slots = new Uint8Array(new SharedArrayBuffer(SLOTS * SLOT_BYTES));
  private readonly full = new Int32Array(new SharedArrayBuffer(SLOTS * 4));
  private readonly queue: ThreadMessage[] = [];
  private wake: (() => void) | null = null;
  private failure: unknown = null;

  constructor(module: URL, ranges: LogRange[], own: T) {
    const data: ThreadData<T> = { ranges, slots: this.slots.buffer as SharedArrayBuffer, full: this.full.buffer as SharedArrayBuffer, own };
    this.worker = new Worker(module, { workerData: data });
    this.worker.on('message', (m: ThreadMessage) => {
      this.queue.push(m);
      this.wake?.();
    });
    this.worker.on('error', (e) => this.fail(e));
    this.worker.on('exit', () => this.fail(new DrillError('DRILL_THREAD_ENDED', 'a thread that reads the log ended before it was through')));
  }

  private fail(cause: unknown): void {
    this.failure ??= cause;
    this.wake?.();
  }

  async next(): Promise<ThreadMessage> {
    for (;;) {
      const message = this.queue.shift();
      if (message) return message;
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  take(slot: number, bytes: number, sink: RangeSink): void {
    sink.write(this.slots.subarray(slot * SLOT_BYTES, slot * SLOT_BYTES + bytes));
    Atomics.store(this.full, slot, 0);
    Atomics.notify(this.full, slot);
  }

  async end(): Promise<void> {
    const gone = once(this.worker, 'exit');
    await this.worker.terminate();
    await gone.catch(() => undefined);
  }
}

/** Decodes every range with `module`, a thread of which calls serveRanges(), in `jobs` threads by turns. Throws what a thread or the sink throws. */
export async function decodeRanges<T>(ranges: readonly LogRange[], jobs: number, module: URL, own: T, sink: RangeSink): Promise<void> {
  const threads = Array.from({ length: Math.min(jobs, ranges.length) }, (_, k) => {
    const mine = ranges.filter((_range, i) => i % jobs === k);
    return new Thread(module, mine, own);
  });
  const tables = new Map<number, Buffer>();
  try {
    for (const [i, range] of ranges.entries()) {
      if (range.start === 0) tables.clear();
      await oneRange(threads[i % jobs]!, tables, sink);
    }
  } finally {
    await Promise.all(threads.map((t) => t.end()));
  }
}

async function oneRange<T>(thread: Thread<T>, tables: Map<number, Buffer>, sink: RangeSink): Promise<void> {
  for (;;) {
    const m = await thread.next();
    if (m.kind === 'done') return sink.onBytes?.(m.bytes);
    if (m.kind === 'block') thread.take(m.slot, m.bytes, sink);
    else if (m.kind === 'finding') sink.finding(m.finding);
    else if (!tables.get(m.id)?.equals(m.text)) {
      tables.set(m.id, Buffer.from(m.text));
      sink.write(m.text);
    }
  }
}
