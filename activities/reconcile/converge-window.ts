/** What a source's binary log says about the time in which nodes were read: which keys it touched, the states they had, and what nothing can be told about. */
import { LogReader } from '../../core/binlog/log.ts';
import type { Finding } from '../../core/binlog/finding.ts';
import type { RowImage, RowsEvent } from '../../core/binlog/rows.ts';
import type { TableMap } from '../../core/binlog/table-map.ts';
import type { LogVisitor, Statement } from '../../core/binlog/visitor.ts';
import type { GtidSet } from '../../core/gtid.ts';
import { imageReader, Inexact } from '../../core/reconcile/cells.ts';
import type { ImageReader } from '../../core/reconcile/cells.ts';
import type { Cell, Cells } from '../../core/reconcile/schema.ts';
import { nodeBytes } from '../../targets/systems/mysql/binlog/bytes.ts';
import { readStream } from '../../targets/systems/mysql/binlog/read.ts';
import type { ReadProgress } from '../../targets/systems/mysql/binlog/read.ts';
import { keyText } from '../../targets/systems/mysql/compare/plan.ts';
import type { ComparePlan } from '../../targets/systems/mysql/compare/plan.ts';

/** A change of one row, as cells in the order of the plan's columns; undefined is not in the image. */
export interface Touch {
  before: Cells | null;
  after: Cells | null;
}

export interface TableWindow {
  /** by the key's cells (keyId): what was done to it, in the log's order; of keys that are wanted */
  touched: Map<string, Touch[]>;
  /** where only the keys are wanted: those that were touched (keyText), in the order of the log */
  keys: Set<string>;
  /** rows were changed */
  changed: boolean;
  /** why nothing can be told about the table's rows in this window */
  untold: string | null;
}

/** Cells of a key as one string. */
export const keyId = (cells: Cells): string => JSON.stringify(cells);

/** `keys`: only the keys that were touched, for all; else the touches of those that are wanted. */
export type Wanted = 'keys' | ReadonlyMap<string, ReadonlySet<string>>;

/** Reads the log of a server behind `from` to its end. Throws as readStream does. */
export async function readWindow(dsn: string, from: GtidSet, plans: readonly ComparePlan[], wanted: Wanted): Promise<Map<string, TableWindow>> {
  const { tables, end } = startWindow(dsn, from, plans, wanted);
  await end;
  return tables;
}

/** The same, to be looked at while it is read: `end` settles when it is whole. */
export function startWindow(
  dsn: string,
  from: GtidSet,
  plans: readonly ComparePlan[],
  wanted: Wanted,
  progress: ReadProgress = {},
): { tables: Map<string, TableWindow>; end: Promise<unknown> } {
  const visitor = new WindowVisitor(plans, wanted);
  const reader = new LogReader(visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all' });
  return { tables: visitor.tables, end: readStream(dsn, reader, { executed: from, until: 'end', ...progress }) };
}

interface Reading {
  images: ImageReader;
  /** by column of the plan, and of its key: its position in the table */
  at: readonly number[];
  key: readonly number[];
}

class WindowVisitor implements LogVisitor {
  readonly tables: Map<string, TableWindow>;
  private readonly plans: Map<string, ComparePlan>;
  private readonly wanted: Wanted;
  private readonly readings = new WeakMap<TableMap, Reading | null>();

  constructor(plans: readonly ComparePlan[], wanted: Wanted) {
    this.plans = new Map(plans.map((p) => [p.info.name, p]));
    this.tables = new Map(plans.map((p) => [p.info.name, { touched: new Map(), keys: new Set(), changed: false, untold: null }]));
    this.wanted = wanted;
  }

  rows(rows: RowsEvent): void {
    const plan = this.plans.get(rows.table.name);
    if (!plan) return;
    const window = this.tables.get(plan.info.name)!;
    window.changed = true;
    // nothing is asked of a table any more of which nothing can be told
    if (!plan.key || window.untold !== null) return;
    const reading = this.readingOf(rows.table, plan, window);
    if (!reading) return;
    const of = this.wanted === 'keys' ? null : (this.wanted.get(plan.info.name) ?? null);
    if (this.wanted !== 'keys' && of === null) return;
    try {
      if (of === null && reading.key.length === 1) addKeys(rows, reading.images, reading.key[0]!, window);
      else while (rows.next()) this.row(rows, reading, window, of);
    } catch (e) {
      if (!(e instanceof Inexact)) throw e;
      window.untold ??= e.message;
    }
  }

  private row({ before, after }: RowsEvent, reading: Reading, window: TableWindow, of: ReadonlySet<string> | null): void {
    const { images, key } = reading;
    const old = before && images.some(before, key);
    // most updates leave the key as it is
    const fresh = after && (old && images.alike(before, after, key) ? old : keyAfter(images.some(after, key), old));
    // MINIMAL images hold the key that the server chose of several, which need not be ours
    if (old?.includes(undefined) || fresh?.includes(undefined)) window.untold ??= NO_KEY;
    else if (of) touch(window, of, reading, [old, before], [fresh, after]);
    else {
      // undefined is in neither
      if (old) window.keys.add(keyText(old as Cell[]));
      if (fresh && fresh !== old) window.keys.add(keyText(fresh as Cell[]));
    }
  }

  statement({ text, ddl }: Statement): void {
    for (const [name, window] of this.tables) {
      const bare = name.slice(name.indexOf('.') + 1).toLowerCase();
      const near = !ddl || text.toLowerCase().includes(bare) || /^\s*(drop|create|alter)\s+(database|schema)\b/i.test(text);
      if (near) window.untold ??= `was under "${text.replace(/\s+/g, ' ').slice(0, 80)}" while it was read`;
    }
  }

  finding(f: Finding): void {
    if (f.level === 'note' || f.kind === 'statement') return;
    for (const window of this.tables.values()) window.untold ??= `cannot be told from the log: ${f.text}`;
  }

  private readingOf(map: TableMap, plan: ComparePlan, window: TableWindow): Reading | null {
    let reading = this.readings.get(map);
    if (reading !== undefined) return reading;
    const images = imageReader(map, plan.info, nodeBytes);
    if (typeof images === 'string') {
      window.untold ??= images;
      reading = null;
    } else reading = { images, ...positionsOf(plan) };
    this.readings.set(map, reading);
    return reading;
  }
}

function positionsOf({ columns, key, info }: ComparePlan): Pick<Reading, 'at' | 'key'> {
  const at = columns.map((c) => info.columns.indexOf(c));
  return { at, key: at.slice(0, key!.length) };
}

const NO_KEY = 'has row images without its key';

/** Keys of one column, as most are: the same as row, in half the time since it makes no lists. */
function addKeys(rows: RowsEvent, images: ImageReader, at: number, window: TableWindow): void {
  while (rows.next()) {
    const { before, after } = rows;
    const old = before && images.cell(before, at);
    const fresh = after && (before && images.alikeIn(before, after, at) ? old : (images.cell(after, at) ?? (before ? old : undefined)));
    if (old === undefined || fresh === undefined) window.untold ??= NO_KEY;
    else {
      if (old !== null) window.keys.add(old);
      if (fresh !== null && fresh !== old) window.keys.add(fresh);
    }
  }
}

/** An after-image without a column of the key has that of the before-image. */
const keyAfter = (after: Cells, old: Cells | null): Cells =>
  after.includes(undefined) ? after.map((cell, i) => (cell === undefined ? old?.[i] : cell)) : after;

type Keyed = readonly [key: Cells | null, image: RowImage | null];

/** Images of keys that nobody asks for are not decoded. */
function touch(window: TableWindow, of: ReadonlySet<string>, { images, at }: Reading, [old, before]: Keyed, [fresh, after]: Keyed): void {
  const [from, to] = [old && keyId(old), fresh && keyId(fresh)];
  for (const id of from === to ? [from] : [from, to]) {
    if (id === null || !of.has(id)) continue;
    const list = window.touched.get(id) ?? [];
    window.touched.set(id, list);
    // a key that changed is two touches: it went from here, it came to there
    list.push({ before: id === from ? before && images.some(before, at) : null, after: id === to ? after && images.some(after, at) : null });
  }
}
