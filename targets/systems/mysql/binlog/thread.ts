/** The thread's side of parallel.ts: reads its ranges one after another and hands over what its view makes of them. */
import { readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import type { Finding } from '../../../../core/binlog/finding.ts';
import { LogReader } from '../../../../core/binlog/log.ts';
import type { LogVisitor } from '../../../../core/binlog/visitor.ts';
import { DrillError, messageOf } from '../../../../core/errors.ts';
import { nodeBytes } from './bytes.ts';
import { SLOT_BYTES, SLOTS } from './parallel.ts';
import type { ThreadData, ThreadMessage } from './parallel.ts';
import { headOf } from './ranges.ts';
import type { LogRange } from './ranges.ts';

const CHUNK_BYTES = 1 << 18;

/** Where a view's text goes: copied in the call. */
export interface ThreadOut {
  write(block: Uint8Array): void;
  /** what describes a table, which another range may have said */
  table(id: number, text: Uint8Array): void;
  finding(finding: Finding): void;
}
/** Takes range after range. `quiet`: the file's head is read once more; nothing is to be said about it. */
export interface RangeView {
  visitor: LogVisitor;
  quiet: boolean;
  flush(): void;
}

class Ring implements ThreadOut {
  private readonly slots: Uint8Array;
  private readonly full: Int32Array;
  private slot = 0;

  constructor(data: ThreadData<unknown>) {
    this.slots = new Uint8Array(data.slots);
    this.full = new Int32Array(data.full);
  }
  write(block: Uint8Array): void {
    for (let at = 0; at < block.length; at += SLOT_BYTES) {
      const piece = block.subarray(at, at + SLOT_BYTES);
      Atomics.wait(this.full, this.slot, 1);
      this.slots.set(piece, this.slot * SLOT_BYTES);
      Atomics.store(this.full, this.slot, 1);
      this.post({ kind: 'block', slot: this.slot, bytes: piece.length });
      this.slot = (this.slot + 1) % SLOTS;
    }
  }
  table(id: number, text: Uint8Array): void {
    this.post({ kind: 'table', id, text: text.slice() });
  }
  finding(finding: Finding): void {
    this.post({ kind: 'finding', finding });
  }
  post(message: ThreadMessage): void {
    parentPort!.postMessage(message, []);
  }
}

/** Reads all ranges that this thread was given. */
export async function serveRanges<T>(make: (out: ThreadOut, own: T) => RangeView): Promise<void> {
  const data = workerData as ThreadData<T>;
  const ring = new Ring(data);
  const chunk = new Uint8Array(CHUNK_BYTES);
  const view = make(ring, data.own);
  for (const range of data.ranges) {
    const reader = new LogReader(view.visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all', ...data.limits });
    await readRange(range, reader, view, chunk);
    view.flush();
    ring.post({ kind: 'done', bytes: range.end - range.start });
  }
}

async function readRange(range: LogRange, reader: LogReader, view: RangeView, chunk: Uint8Array): Promise<void> {
  const { path, start, end } = range;
  const file = await open(path, 'r');
  try {
    view.quiet = start > 0;
    reader.beginFile(basename(path));
    if (start > 0) {
      await reader.push(await headOf(path));
      reader.skipTo(start);
      view.quiet = false;
    }
    for (let at = start; at < end;) {
      const n = readSync(file.fd, chunk, 0, Math.min(CHUNK_BYTES, end - at), at);
      if (n === 0) throw new DrillError('DRILL_LOGS_UNREADABLE', `${path} has become shorter while it was read`);
      const busy = reader.push(chunk, 0, n);
      if (busy) await busy;
      at += n;
    }
    if (!range.last) return;
    reader.endFile();
    reader.end();
  } catch (cause) {
    if (cause instanceof DrillError) throw cause;
    throw new DrillError('DRILL_LOGS_UNREADABLE', `${path} cannot be read: ${messageOf(cause)}`, '', { cause });
  } finally {
    await file.close();
  }
}
