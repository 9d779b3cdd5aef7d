/**
 * Ranges of a log decoded in threads, what they make of it put together in order. Each thread has a ring of blocks in shared memory and rests when it is full, so
 * memory is bounded however far one thread is ahead of another, and however large a transaction is.
 */
import { flushCompileCache } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Finding } from '../../../../core/binlog/finding.ts';
import { DrillError } from '../../../../core/errors.ts';
import type { ReadOptions } from '../../../../core/binlog/log.ts';
import type { LogRange } from './ranges.ts';

export const SLOTS = 6;
/** a block of JSON Lines and some */
export const SLOT_BYTES = 320 * 1024;
/** Threads make little garbage: a larger young generation is only touched, never needed. */
const YOUNG_MB = 2;
/** Beside what the largest event may become as text. A limit that is near makes a thread collect in time. */
const OLD_MB = 256;
const TEXT_FACTOR = 8;

export type Limits = Pick<ReadOptions, 'eventBytesMax' | 'windowBytesMax'>;

export interface ThreadOptions<T> {
  jobs: number;
  /** calls serveRanges(); loaded here too, so that threads find it compiled */
  module: URL;
  limits: Limits;
  /** for the module */
  own: T;
}

/** What a thread is given; serveRanges() takes it. `own` is for the module that makes its view. */
export interface ThreadData<T> {
  ranges: LogRange[];
  slots: SharedArrayBuffer;
  /** by slot: 1 while it is full */
  full: SharedArrayBuffer;
  limits: Limits;
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

  constructor(ranges: LogRange[], { module, limits, own }: ThreadOptions<T>) {
    const { slots, full } = this;
    const data: ThreadData<T> = { ranges, slots: slots.buffer, full: full.buffer, limits, own };
    const maxOldGenerationSizeMb = OLD_MB + ((limits.eventBytesMax ?? 0) * TEXT_FACTOR) / 2 ** 20;
    this.worker = new Worker(module, { workerData: data, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB, maxOldGenerationSizeMb } });
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
    await this.worker.terminate();
  }
}

/** Decodes every range in `jobs` threads, by turns. Throws what a thread or the sink throws. */
export async function decodeRanges<T>(ranges: readonly LogRange[], options: ThreadOptions<T>, sink: RangeSink): Promise<void> {
  const { jobs } = options;
  // a thread that finds everything compiled needs no compiler of its own, which takes 17 MB
  flushCompileCache();
  const threads = Array.from({ length: Math.min(jobs, ranges.length) }, (_, k) => {
    const mine = ranges.filter((_range, i) => i % jobs === k);
    return new Thread(mine, options);
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
