/**
 * Every value of every image decoded to its text, which is overwritten event after event: what a decoder does before anything is written. In a thread of
 * decodeRanges(), or in binlog-ours.ts itself.
 */
import { isMainThread } from 'node:worker_threads';
import { emittersOf } from '../core/binlog/jsonl.ts';
import { ABSENT, NULL } from '../core/binlog/rows.ts';
import type { RowImage, RowsEvent } from '../core/binlog/rows.ts';
import type { TableMap } from '../core/binlog/table-map.ts';
import type { Emitter } from '../core/binlog/value/emit.ts';
import { ByteWriter } from '../core/binlog/value/writer.ts';
import type { Finding } from '../core/binlog/finding.ts';
import type { LogVisitor } from '../core/binlog/visitor.ts';
import { nodeBytes } from '../targets/systems/mysql/binlog/bytes.ts';
import { serveRanges } from '../targets/systems/mysql/binlog/thread.ts';
import type { RangeView, ThreadOut } from '../targets/systems/mysql/binlog/thread.ts';

export const MODULE = new URL(import.meta.url);

export class Texts implements LogVisitor {
  images = 0;
  transactions = 0;
  private readonly out = new ByteWriter(1 << 16);
  private readonly emitters = new WeakMap<TableMap, Emitter[]>();
  private readonly onFinding: (f: Finding) => void;

  constructor(onFinding: (f: Finding) => void) {
    this.onFinding = onFinding;
  }

  end(): void {
    this.transactions++;
  }
  finding(f: Finding): void {
    this.onFinding(f);
  }
  rows(rows: RowsEvent): void {
    let emitters = this.emitters.get(rows.table);
    if (!emitters) this.emitters.set(rows.table, (emitters = emittersOf(rows.table, nodeBytes)));
    this.out.pos = 0;
    while (rows.next()) {
      if (rows.before !== null) this.image(rows.before, emitters);
      if (rows.after !== null) this.image(rows.after, emitters);
    }
  }
  private image({ at, buf }: RowImage, emitters: readonly Emitter[]): void {
    const { out } = this;
    for (let i = 0; i < emitters.length; i++) {
      const pos = at[i]!;
      if (pos !== ABSENT && pos !== NULL) emitters[i]!.text(out, buf, pos);
    }
    this.images++;
  }
}

/** Hands over two counts of a range, of transactions and images, 4 bytes each. */
class RangeTexts implements RangeView {
  quiet = false;
  readonly visitor: Texts;
  private readonly to: ThreadOut;
  constructor(to: ThreadOut) {
    this.to = to;
    this.visitor = new Texts((f) => to.finding(f));
  }
  flush(): void {
    const { visitor } = this;
    this.to.write(new Uint8Array(Uint32Array.of(visitor.transactions, visitor.images).buffer));
    visitor.transactions = visitor.images = 0;
  }
}

if (!isMainThread) await serveRanges((to) => new RangeTexts(to));
