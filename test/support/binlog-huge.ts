/**
 * Child processes that read one transaction larger than memory. `plain <MB>`: made as it goes, row events with right lengths, positions and checksums, never
 * stored. `compressed <MB>`: in one payload of that many bytes, whose zstd frame comes on standard input; `frame <MB>` makes that. Both print what was read, and
 * the peak of their memory.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { crc32, createZstdCompress } from 'node:zlib';
import type { Finding } from '../../core/binlog/finding.ts';
import { LogReader } from '../../core/binlog/log.ts';
import { Verify } from '../../core/binlog/verify.ts';
import { nodeBytes } from '../../targets/systems/mysql/binlog/bytes.ts';
import { LogBytes } from './binlog-bytes.ts';
import { noise } from './binlog-samples.ts';

export interface HugeRead {
  rows: number;
  transactions: number;
  /** of the file */
  bytes: number;
  findings: Finding['kind'][];
  peakMb: number;
}

const ROWS_PER_EVENT = 8;
/** of a row's text: an event of about 8 kB, as servers write them */
const TEXT_BYTES = 1_000;
const CHUNK_BYTES = 1 << 20;

const rowsEvent = (): Buffer => {
  const inside = new LogBytes(false).rows(Array.from({ length: ROWS_PER_EVENT }, (_, i) => [i, noise(TEXT_BYTES, i)] as const));
  return inside.bytes();
};

/** Pushes one file into the reader, in chunks of one reused buffer. */
class Pusher {
  bytes = 0;
  private readonly reader: LogReader;
  private readonly chunk = new Uint8Array(CHUNK_BYTES);
  private used = 0;
  constructor(reader: LogReader) {
    this.reader = reader;
  }
  async add(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length;) {
      const n = Math.min(data.length - at, CHUNK_BYTES - this.used);
      this.chunk.set(data.subarray(at, at + n), this.used);
      this.used += n;
      at += n;
      if (this.used === CHUNK_BYTES) await this.flush();
    }
    this.bytes += data.length;
  }
  async flush(): Promise<void> {
    await this.reader.push(this.chunk, 0, this.used);
    this.used = 0;
  }
}

/** The row event again and again, each where it stands. */
async function plain(pusher: Pusher, count: number): Promise<void> {
  const head = new LogBytes().format().previousGtids().gtid(1).query('BEGIN').tableMap();
  await pusher.add(head.bytes());
  const bare = rowsEvent();
  const event = Buffer.concat([bare, Buffer.alloc(4)]);
  event.writeUInt32LE(event.length, 9);
  for (let i = 0; i < count; i++) {
    event.writeUInt32LE((pusher.bytes + event.length) % 2 ** 32, 13);
    event.writeUInt32LE(crc32(event.subarray(0, -4)), event.length - 4);
    await pusher.add(event);
  }
  await pusher.add(tail(pusher.bytes, (log) => log.xid(7).stop()));
}

async function compressed(pusher: Pusher, count: number): Promise<void> {
  const frame = readFileSync(0);
  const size = BEGIN.length + rowsEvent().length * count + END.length;
  const head = new LogBytes().format().previousGtids().gtid(1);
  await pusher.add(head.payload(new LogBytes(false), { frame, size }).stop().bytes());
}

const BEGIN = new LogBytes(false).query('BEGIN').tableMap().bytes();
const END = new LogBytes(false).xid(7).bytes();

async function writeFrame(count: number): Promise<void> {
  const event = rowsEvent();
  const out = createZstdCompress();
  out.pipe(process.stdout);
  const write = (data: Buffer) => new Promise<void>((resolve) => out.write(data, () => resolve()));
  await write(BEGIN);
  for (let i = 0; i < count; i++) await write(event);
  await write(END);
  out.end();
}

/** Events behind `offset`. */
function tail(offset: number, make: (log: LogBytes) => LogBytes): Buffer {
  const log = new LogBytes().format();
  const from = log.length;
  const shift = offset - from;
  make(log);
  const bytes = Buffer.from(log.bytes().subarray(from));
  for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 9)) {
    const end = at + bytes.readUInt32LE(at + 9);
    bytes.writeUInt32LE((bytes.readUInt32LE(at + 13) + shift) % 2 ** 32, at + 13);
    bytes.writeUInt32LE(crc32(bytes.subarray(at, end - 4)), end - 4);
  }
  return bytes;
}

async function read(how: string, megabytes: number): Promise<HugeRead> {
  const verify = new Verify();
  const reader = new LogReader(verify, { bytes: nodeBytes, rows: 'visit', checksums: 'all' });
  const pusher = new Pusher(reader);
  reader.beginFile('binlog.000001');
  const count = eventsOf(megabytes);
  await (how === 'plain' ? plain : compressed)(pusher, count);
  await pusher.flush();
  reader.endFile();
  reader.end();
  verify.finish();
  return {
    rows: verify.rowCount.insert,
    transactions: verify.inventory.files[0]!.transactions,
    bytes: pusher.bytes,
    findings: verify.inventory.findings.kept.map((f) => f.kind),
    // not maxRSS: that of a child begins with its parent's
    peakMb: Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024,
  };
}

const eventsOf = (megabytes: number): number => Math.ceil((megabytes * 1e6) / rowsEvent().length);

if (process.argv[1] === import.meta.filename) {
  const [how, megabytes] = [process.argv[2]!, Number(process.argv[3])];
  if (how === 'frame') await writeFrame(eventsOf(megabytes));
  else console.log(JSON.stringify(await read(how, megabytes)));
}

/** What a child of its own reads. */
export function readHuge(how: 'plain' | 'compressed', megabytes: number): HugeRead {
  const run = (args: string[], input: Buffer) =>
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', import.meta.filename, ...args, String(megabytes)], { input });
  const frame = how === 'compressed' ? run(['frame'], Buffer.alloc(0)) : Buffer.alloc(0);
  return JSON.parse(run([how], frame).toString()) as HugeRead;
}

/** As many as fit into that many bytes, and some. */
export const rowsOf = (megabytes: number): number => eventsOf(megabytes) * ROWS_PER_EVENT;
