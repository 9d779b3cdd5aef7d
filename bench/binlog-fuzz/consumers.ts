/** What stands behind the reader: none may throw on a damaged log, whatever it makes of it. */
import { EVENT, FLAG, HEADER_BYTES } from '../../core/binlog/codes.ts';
import { TransactionCollector } from '../../core/binlog/collect.ts';
import { RowHasher } from '../../core/binlog/hash.ts';
import { Inventory } from '../../core/binlog/inventory.ts';
import { JsonLines } from '../../core/binlog/jsonl.ts';
import { LogReader } from '../../core/binlog/log.ts';
import { Statistics } from '../../core/binlog/statistics.ts';
import { Verify } from '../../core/binlog/verify.ts';
import type { LogVisitor } from '../../core/binlog/visitor.ts';
import { byEvent, feed, LIMITS, watchedBytes, WHOLE } from './transcript.ts';
import type { LogFile } from './transcript.ts';

interface Reading {
  visitor: LogVisitor;
  /** when all is read */
  done?: () => void;
}
const nothing = (): void => {};

const MADE = {
  jsonl: jsonLines,
  verify: () => ({ visitor: new Verify() }),
  statistics: () => ({ visitor: new Statistics() }),
  inventory: () => ({ visitor: new Inventory() }),
  hash: hashing,
  stream: () => ({ visitor: new Verify() }),
  collect: () => ({
    visitor: new TransactionCollector({ file: nothing, previousGtids: nothing, transaction: nothing, finding: nothing }, { bytes: watchedBytes }),
  }),
} as const satisfies Record<string, () => Reading>;
export type Consumer = keyof typeof MADE;
export const CONSUMERS = Object.keys(MADE) as Consumer[];

export async function consume(which: Consumer, files: readonly LogFile[]): Promise<void> {
  if (which === 'stream') return stream(files);
  const { visitor, done }: Reading = MADE[which]();
  const how = which === 'inventory' ? ({ rows: 'skip', checksums: 'structure' } as const) : ({ rows: 'visit', checksums: 'all' } as const);
  await feed(new LogReader(visitor, { bytes: watchedBytes, ...how, ...LIMITS }), files, WHOLE);
  done?.();
}

const ROTATE_HEAD = 27;

/** The artificial ROTATE that a server sends before each file. */
function rotateTo(name: string): Buffer {
  const event = Buffer.concat([Buffer.alloc(ROTATE_HEAD), Buffer.from(name)]);
  event[4] = EVENT.ROTATE;
  event.writeUInt32LE(event.length, 9);
  event.writeUInt16LE(FLAG.ARTIFICIAL, 17);
  event[HEADER_BYTES] = 4;
  return event;
}

/** The files as a server would send them: one event a packet, its length the packet's, or not. */
async function stream(files: readonly LogFile[]): Promise<void> {
  const reader = new LogReader(MADE.stream().visitor, { bytes: watchedBytes, rows: 'visit', checksums: 'all', ...LIMITS });
  const { next } = byEvent(0);
  for (const { name, bytes } of files) {
    const rotate = rotateTo(name);
    await reader.event(rotate, 0, rotate.length);
    for (let at = 4; at < bytes.length;) {
      const end = Math.min(bytes.length, at + Math.max(1, next(bytes, at)));
      const wait = reader.event(bytes, at, end);
      if (wait) await wait;
      at = end;
    }
  }
  reader.end();
}

function hashing(): Reading {
  const hasher = new RowHasher();
  const rows: LogVisitor['rows'] = (event) => {
    if (event.serial % 2 === 0) hasher.hashAll(event, () => {});
    else while (event.next()) hasher.hash(event);
  };
  return { visitor: { rows, finding: nothing } };
}

/** Every line is whole, and JSON. */
function jsonLines(): Reading {
  const blocks: Buffer[] = [];
  const lines = new JsonLines((block) => void blocks.push(Buffer.from(block)), watchedBytes);
  const done = (): void => {
    lines.flush();
    for (const line of Buffer.concat(blocks).toString().split('\n').slice(0, -1)) JSON.parse(line);
  };
  return { visitor: lines, done };
}
