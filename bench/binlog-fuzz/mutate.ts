/** Seeded damage to real logs: what disks, networks, editors and malice do to them. */
import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { CHECKSUM_BYTES, EVENT, FLAG, HEADER_BYTES } from '../../core/binlog/codes.ts';
import { parsePayloadHead } from '../../core/binlog/events.ts';
import { bodyOf } from './logs.ts';
import type { SoundFile, SoundLog } from './logs.ts';
import type { Random } from './random.ts';
import type { LogFile } from './transcript.ts';

export interface Mutation {
  files: LogFile[];
  /** what was done, for a person */
  what: string;
  /** checksums were made to fit, or events of another log put in: nobody can notice */
  forged: boolean;
}

type Change = (file: SoundFile, random: Random, log: SoundLog, all: readonly SoundLog[]) => { bytes: Buffer; what: string; forged?: boolean };

const LENGTH_AT = 9;
const TYPE_AT = 4;
const FLAGS_AT = 17;
const NASTY = [0, 1, 2, 18, 19, 22, 23, 0x7f, 0x80, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];

const eventCount = (file: SoundFile): number => file.events.length - 1;
/** Most of what a reader decides on stands at the beginning of an event. */
function somewhere(file: SoundFile, random: Random): number {
  const event = random.below(eventCount(file));
  const [start, end] = [file.events[event]!, file.events[event + 1]!];
  return random.chance(2) ? random.below(file.bytes.length) : Math.min(end - 1, start + random.below(HEADER_BYTES + 30));
}

const flipBits: Change = (file, random) => {
  const bytes = Buffer.from(file.bytes);
  const places: number[] = [];
  for (let i = random.between(1, 3); i > 0; i--) {
    const at = somewhere(file, random);
    bytes[at]! ^= 1 << random.below(8);
    places.push(at);
  }
  return { bytes, what: `bits flipped at ${places.join()}` };
};

const setBytes: Change = (file, random) => {
  const bytes = Buffer.from(file.bytes);
  const at = somewhere(file, random);
  const count = Math.min(random.between(1, 8), bytes.length - at);
  for (let i = 0; i < count; i++) bytes[at + i] = random.chance(2) ? random.pick(NASTY) : random.below(256);
  return { bytes, what: `${count} bytes set at ${at}` };
};

const truncate: Change = (file, random) => {
  const at = random.below(file.bytes.length);
  return { bytes: Buffer.from(file.bytes.subarray(0, at)), what: `cut at ${at}` };
};

const truncateAtEvent: Change = (file, random) => {
  const at = random.pick(file.events);
  return { bytes: Buffer.from(file.bytes.subarray(0, at)), what: `cut at the event boundary ${at}` };
};

const insert: Change = (file, random) => {
  const at = random.chance(3) ? random.pick(file.events) : random.below(file.bytes.length + 1);
  const added = Buffer.from(
    Array.from({ length: random.between(1, random.chance(8) ? 300 : 30) }, () => (random.chance(2) ? random.pick(NASTY) : random.below(256))),
  );
  return { bytes: Buffer.concat([file.bytes.subarray(0, at), added, file.bytes.subarray(at)]), what: `${added.length} bytes put in at ${at}` };
};

const remove: Change = (file, random) => {
  const at = random.chance(3) ? random.pick(file.events) : random.below(file.bytes.length);
  const count = random.between(1, random.chance(4) ? 300 : 12);
  return { bytes: Buffer.concat([file.bytes.subarray(0, at), file.bytes.subarray(at + count)]), what: `${count} bytes taken out at ${at}` };
};

/** What a power cut leaves: a hole of zeros, or another part of the file. */
const block: Change = (file, random) => {
  const bytes = Buffer.from(file.bytes);
  const [at, count] = [random.below(bytes.length), random.between(16, 512)];
  if (random.chance(2)) bytes.fill(0, at, Math.min(bytes.length, at + count));
  else bytes.copy(bytes, at, random.below(bytes.length), Math.min(bytes.length, random.below(bytes.length) + count));
  return { bytes, what: `a block at ${at}` };
};

/** The checksum of the event at `at`, of `length` bytes, is made to fit. */
function mend(bytes: Buffer, at: number, length: number): void {
  if (length < HEADER_BYTES + CHECKSUM_BYTES || at + length > bytes.length) return;
  const flags = bytes[at + FLAGS_AT]!;
  if (bytes[at + TYPE_AT] === EVENT.FORMAT_DESCRIPTION) bytes[at + FLAGS_AT] = flags & ~FLAG.IN_USE;
  bytes.writeUInt32LE(crc32(bytes.subarray(at, at + length - CHECKSUM_BYTES)), at + length - CHECKSUM_BYTES);
  bytes[at + FLAGS_AT] = flags;
}

const lengthLie: Change = (file, random) => {
  const bytes = Buffer.from(file.bytes);
  const at = file.events[random.below(eventCount(file))]!;
  const length = bytes.readUInt32LE(at + LENGTH_AT);
  const lie = random.pick([
    0,
    1,
    18,
    19,
    22,
    23,
    length - 1,
    length + 1,
    length - random.below(40),
    length + random.below(400),
    0x7fffffff,
    0xffffffff,
    0x80000000,
    random.next(),
  ]);
  bytes.writeUInt32LE(lie >>> 0, at + LENGTH_AT);
  const forged = random.chance(2);
  if (forged) mend(bytes, at, random.chance(2) ? lie : length);
  return { bytes, what: `the length of the event at ${at} says ${lie}${forged ? ', checksum mended' : ''}`, forged };
};

/** Anything in an event, with a right checksum: what reaches the parsers. */
const forge: Change = (file, random) => {
  const bytes = Buffer.from(file.bytes);
  const what: string[] = [];
  for (let i = random.between(1, 2); i > 0; i--) {
    const event = random.below(eventCount(file));
    const [start, end] = [file.events[event]!, file.events[event + 1]!];
    const from = random.chance(6) ? start : bodyOf(start);
    const span = Math.max(1, end - CHECKSUM_BYTES - from);
    const at = from + random.below(random.chance(2) ? Math.min(span, 48) : span);
    const count = Math.min(random.pick([1, 1, 1, 2, 4, 8]), end - at);
    for (let k = 0; k < count; k++)
      bytes[at + k] = random.chance(2) ? random.pick(NASTY) : random.chance(2) ? bytes[at + k]! ^ (1 << random.below(8)) : random.below(256);
    mend(bytes, start, end - start);
    what.push(`${count} bytes forged at ${at}`);
  }
  return { bytes, what: what.join(', '), forged: true };
};

/** An event is shortened or lengthened inside, its length and checksum right. */
const resize: Change = (file, random) => {
  const event = random.below(eventCount(file));
  const [start, end] = [file.events[event]!, file.events[event + 1]!];
  const at = bodyOf(start) + random.below(Math.max(1, end - CHECKSUM_BYTES - bodyOf(start)));
  const count = random.between(1, 12);
  const grown = random.chance(2);
  const filling = Buffer.alloc(grown ? count : 0, random.pick(NASTY));
  const tail = file.bytes.subarray(Math.min(end, grown ? at : at + count), end);
  const changed = Buffer.concat([file.bytes.subarray(start, at), filling, tail]);
  if (changed.length >= 13) changed.writeUInt32LE(changed.length, LENGTH_AT);
  mend(changed, 0, changed.length);
  return {
    bytes: Buffer.concat([file.bytes.subarray(0, start), changed, file.bytes.subarray(end)]),
    what: `the event at ${start} ${grown ? 'grown' : 'shrunk'} by ${count} at ${at}`,
    forged: true,
  };
};

function withEvents(file: SoundFile, order: readonly number[]): Buffer {
  return Buffer.concat([file.bytes.subarray(0, file.events[0]), ...order.map((i) => file.bytes.subarray(file.events[i], file.events[i + 1]))]);
}

const reorder: Change = (file, random) => {
  const order = Array.from({ length: eventCount(file) }, (_, i) => i);
  const from = random.below(order.length);
  const count = random.chance(2) ? 1 : random.between(1, 8);
  const how = random.pick(['dropped', 'doubled', 'moved', 'swapped'] as const);
  if (how === 'dropped') order.splice(from, count);
  else if (how === 'doubled') order.splice(random.chance(2) ? from : random.below(order.length + 1), 0, ...order.slice(from, from + count));
  else if (how === 'moved') {
    const moved = order.splice(from, count);
    order.splice(random.below(order.length + 1), 0, ...moved);
  } else {
    const to = random.below(order.length);
    [order[from], order[to]] = [order[to]!, order[from]!];
  }
  return { bytes: withEvents(file, order), what: `events ${from} to ${from + count - 1} ${how}` };
};

/** An event of another log, as it is or with its log_pos and checksum right. */
const splice: Change = (file, random, _log, all) => {
  const other = random.pick(random.pick(all).files);
  const event = random.below(eventCount(other));
  const taken = Buffer.from(other.bytes.subarray(other.events[event], other.events[event + 1]));
  const into = random.below(eventCount(file) + 1);
  const at = file.events[into]!;
  if (random.chance(2)) {
    taken.writeUInt32LE(at + taken.length, 13);
    mend(taken, 0, taken.length);
  }
  const behind = random.chance(2) ? at : (file.events[into + 1] ?? at);
  return {
    bytes: Buffer.concat([file.bytes.subarray(0, at), taken, file.bytes.subarray(behind)]),
    what: `event ${event} of ${other.name} put in at ${at}`,
    forged: true,
  };
};

/** A payload's field: type, length, value, as packed integers. */
const field = (type: number, value: number): number[] => [type, 9, 254, ...new Uint8Array(new BigUint64Array([BigInt(value)]).buffer)];

/** The inside of a compressed payload, compressed anew. */
const payload: Change = (file, random, log, all) => {
  const places = file.events.filter((at, i) => i < eventCount(file) && file.bytes[at + TYPE_AT] === EVENT.TRANSACTION_PAYLOAD);
  if (places.length === 0) return forge(file, random, log, all);
  const at = random.pick(places);
  const end = file.events[file.events.indexOf(at) + 1]!;
  const head = parsePayloadHead(file.bytes, bodyOf(at), end);
  let inside: Buffer = zstdDecompressSync(file.bytes.subarray(head.dataStart, head.dataStart + head.dataLength));
  const place = random.below(inside.length);
  const how = random.below(4);
  if (how === 0) inside[place]! ^= 1 << random.below(8);
  else if (how === 1) inside = inside.subarray(0, place);
  else if (how === 2) inside = Buffer.concat([inside, Buffer.alloc(random.between(1, 40_000), random.below(256))]);
  else inside = Buffer.concat([inside.subarray(0, place), inside.subarray(place + random.between(1, 60))]);
  const none = random.chance(4);
  const data = none ? inside : zstdCompressSync(inside);
  const size = random.chance(4) ? random.below(100_000) : inside.length;
  const body = Buffer.concat([Buffer.from([2, none ? 3 : 1, ...(none ? [252, 255, 0] : [0]), ...field(3, size), ...field(1, data.length), 0]), data]);
  const event = Buffer.concat([file.bytes.subarray(at, bodyOf(at)), body, Buffer.alloc(CHECKSUM_BYTES)]);
  event.writeUInt32LE(event.length, LENGTH_AT);
  mend(event, 0, event.length);
  return {
    bytes: Buffer.concat([file.bytes.subarray(0, at), event, file.bytes.subarray(end)]),
    what: `the payload at ${at} changed inside at ${place}`,
    forged: true,
  };
};

/** By weight. */
const CHANGES: readonly Change[] = [
  flipBits,
  flipBits,
  setBytes,
  setBytes,
  truncate,
  truncateAtEvent,
  insert,
  remove,
  block,
  lengthLie,
  lengthLie,
  forge,
  forge,
  forge,
  forge,
  resize,
  reorder,
  reorder,
  splice,
  payload,
];

export function mutate(log: SoundLog, all: readonly SoundLog[], random: Random): Mutation {
  const index = random.below(log.files.length);
  const file = log.files[index]!;
  let change = random.pick(CHANGES);
  // payloads are in one log only
  if (log.name === 'payload' && random.chance(4)) change = payload;
  const { bytes, what, forged = false } = change(file, random, log, all);
  const files = log.files.map((f, i) => (i === index ? { name: f.name, bytes } : f));
  return { files, what: `${log.name}/${file.name}: ${what}`, forged };
}
