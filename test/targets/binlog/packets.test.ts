/** Events out of a replication stream's packets, however the bytes are cut into chunks. */
import * as fc from 'fast-check';
import { Assembler } from '../../../targets/systems/mysql/binlog/assemble.ts';
import type { EventSink } from '../../../targets/systems/mysql/binlog/assemble.ts';
import { PacketSplitter } from '../../../targets/systems/mysql/binlog/packets.ts';

const PACKET_MAX = 0xff_ff_ff;

/** A message in as many packets as it needs. */
function packets(message: Buffer): Buffer {
  const out: Buffer[] = [];
  for (let at = 0; ; at += PACKET_MAX) {
    const part = message.subarray(at, at + PACKET_MAX);
    const header = Buffer.alloc(4);
    header.writeUIntLE(part.length, 0, 3);
    out.push(header, part);
    if (part.length < PACKET_MAX) return Buffer.concat(out);
  }
}

/** A status byte and an event of this length with its own length in its header. */
function event(length: number, fill = 7): Buffer {
  const buf = Buffer.alloc(1 + length, fill);
  buf[0] = 0;
  if (length >= 13) buf.writeUInt32LE(length, 1 + 9);
  return buf;
}

const digest = (buf: Uint8Array) => `${buf.length}:${Buffer.from(buf.subarray(0, 30)).toString('hex')}:${buf.at(-1)}`;

/** Copies what it gets; some calls are answered by a promise. */
function recorder(eventBytesMax: number, slow = false) {
  const said: string[] = [];
  let big: Buffer[] = [];
  const answer = (): Promise<void> | undefined => (slow ? new Promise((r) => setImmediate(r)) : undefined);
  const sink: EventSink = {
    eventBytesMax,
    beginPackets: () => {},
    event: (buf, start, end) => (said.push(digest(buf.subarray(start, end))), answer()),
    eventBegin: (buf, start, end) => ((big = [Buffer.from(buf.subarray(start, end))]), answer()),
    bigPiece: (buf, start, end) => (big.push(Buffer.from(buf.subarray(start, end))), answer()),
    bigEnd: () => (said.push(`big ${digest(Buffer.concat(big))}`), answer()),
  };
  return { said, sink };
}

async function run(stream: Buffer, cuts: readonly number[], eventBytesMax: number, slow: boolean) {
  const { said, sink } = recorder(eventBytesMax, slow);
  const events = new Assembler(sink);
  const splitter = new PacketSplitter((...part) => events.part(...part));
  const at = [...cuts.map((c) => c % (stream.length + 1)), stream.length].toSorted((a, b) => a - b);
  let from = 0;
  for (const to of at) {
    await splitter.take(stream.subarray(from, to));
    from = to;
  }
  return { said, outcome: splitter.outcome };
}

test('any cut into chunks gives the same events', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 19, max: 400 }), { maxLength: 20 }),
      fc.array(fc.nat(), { maxLength: 60 }),
      fc.boolean(),
      async (lengths, cuts, slow) => {
        const made = lengths.map((length, i) => event(length, i));
        const stream = Buffer.concat([...made.map((m) => packets(m)), packets(Buffer.from([0xfe, 0, 0, 0, 0]))]);
        const { said, outcome } = await run(stream, cuts, 200, slow);
        expect(outcome).toEqual({ kind: 'eof' });
        expect(said.map((s) => s.replace('big ', ''))).toEqual(made.map((m) => digest(m.subarray(1))));
        for (const [i, s] of said.entries()) if (lengths[i]! <= 200) expect(s).not.toMatch(/^big/);
      },
    ),
  );
});

test.each([PACKET_MAX - 2, PACKET_MAX - 1, PACKET_MAX, PACKET_MAX + 1, 2 * PACKET_MAX - 1, 2 * PACKET_MAX + 100])(
  'an event of %d bytes, over packets, whole and in parts',
  async (length) => {
    const message = event(length);
    const stream = Buffer.concat([packets(message), packets(event(30)), packets(Buffer.from([0xfe]))]);
    const cuts = Array.from({ length: 600 }, (_, i) => i * 65_536 + 1);
    const whole = await run(stream, cuts, 64 << 20, false);
    expect(whole).toEqual({ said: [digest(message.subarray(1)), digest(event(30).subarray(1))], outcome: { kind: 'eof' } });
    const parts = await run(stream, cuts, 1 << 20, true);
    expect(parts).toEqual({ said: [`big ${digest(message.subarray(1))}`, digest(event(30).subarray(1))], outcome: { kind: 'eof' } });
  },
);

test('an event that goes on behind its length is not kept', async () => {
  const liar = event(3_000_000);
  liar.writeUInt32LE(50, 1 + 9);
  const cuts = Array.from({ length: 100 }, (_, i) => i * 60_000);
  const { said } = await run(packets(liar), cuts, 100_000, false);
  expect(said.map((s) => Number(s.split(':')[0]))).toEqual([100_001]);
});

test.each([
  [
    'an error with its state',
    Buffer.concat([Buffer.from([0xff, 0xd4, 0x04]), Buffer.from('#HY000No more logs')]),
    { kind: 'error', code: 1236, message: 'No more logs' },
  ],
  ['an error without', Buffer.concat([Buffer.from([0xff, 0x15, 0x04]), Buffer.from('denied')]), { kind: 'error', code: 1045, message: 'denied' }],
  ['an error cut short', Buffer.from([0xff]), { kind: 'error', code: 0, message: '' }],
  ['an empty packet', Buffer.alloc(0), { kind: 'protocol', message: 'an empty packet' }],
  ['what is none of these', Buffer.from([0x42, 1, 2]), { kind: 'protocol', message: 'a message of kind 66' }],
])('%s', async (_name, message, outcome) => {
  const stream = Buffer.concat([packets(event(40)), packets(message), packets(event(50))]);
  for (const cuts of [[], Array.from({ length: stream.length }, (_, i) => i)]) {
    const found = await run(stream, cuts, 1_000, false);
    expect(found.outcome).toEqual(outcome);
    expect(found.said).toHaveLength(1);
  }
});
