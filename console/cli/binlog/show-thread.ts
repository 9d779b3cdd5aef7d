/** A thread of `show --json --jobs n`. */
import { isMainThread } from 'node:worker_threads';
import type { Finding } from '../../../core/binlog/finding.ts';
import { JsonLines } from '../../../core/binlog/jsonl.ts';
import type { TableMap } from '../../../core/binlog/table-map.ts';
import type { Format, LogVisitor, Place } from '../../../core/binlog/visitor.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { serveRanges } from '../../../targets/systems/mysql/binlog/thread.ts';
import type { RangeView, ThreadOut } from '../../../targets/systems/mysql/binlog/thread.ts';
import { filtered } from './filter.ts';
import type { FilterFlags } from './filter.ts';

class RangeLines extends JsonLines implements RangeView {
  quiet = false;
  readonly visitor: LogVisitor;
  private readonly to: ThreadOut;
  /** of the table whose line is written */
  private readonly described: { id: number | null };

  constructor(to: ThreadOut, flags: FilterFlags) {
    const described: { id: number | null } = { id: null };
    super((block) => (described.id === null ? to.write(block) : to.table(described.id, block)), nodeBytes);
    this.to = to;
    this.described = described;
    this.visitor = filtered(this, flags);
  }

  override format(format: Format, place: Place): void {
    if (!this.quiet) super.format(format, place);
  }
  override finding(f: Finding): void {
    if (this.quiet) return;
    this.to.finding(f);
    super.finding(f);
  }
  override table(table: TableMap): void {
    this.flush();
    this.described.id = table.id;
    super.table(table);
    this.flush();
    this.described.id = null;
  }
}

export const MODULE = new URL(import.meta.url);

if (!isMainThread) await serveRanges((out, flags: FilterFlags) => new RangeLines(out, flags));
