/**
 * The probe in one network namespace: sends a small datagram every 10 ms to each place it watches, and tells the holder on stdout
 * what it sent, what it got, and up to when it had emptied its socket. Judging is the holder's work (judge.ts).
 *
 * It also answers "who are you", which is how the holder of the service address is seen from the client's place.
 */
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { AGENT_PORT } from './layout.ts';
import type { AgentOrder, AgentReport } from './probes.ts';

const SEND_EVERY_MS = 10;
const REPORT_EVERY_MS = 30;
const LOOPBACK = '127.0.0.1';
const PROBE = 1;
const MARKER = 2;
const WHO = 3;
const I_AM = 4;

const name = process.argv[2] ?? '';
const watched: { id: number; to: string; seq: number }[] = [];
let asking: { address: string; seq: number } | null = null;
let report: AgentReport = { sent: [], got: [], alive: 0, who: [] };

const now = (): number => Number(process.hrtime.bigint());
// Addresses only: without this every datagram would wait for a look-up's callback.
const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });

/** [kind, id, seq, ns] in 17 bytes; an I_AM carries the name after them. */
function datagram(kind: number, id: number, seq: number, ns: number, text = ''): Buffer {
  const b = Buffer.alloc(17 + text.length);
  b.writeUInt8(kind, 0);
  b.writeUInt32BE(id, 1);
  b.writeUInt32BE(seq, 5);
  b.writeDoubleBE(ns, 9);
  b.write(text, 17, 'latin1');
  return b;
}

function send(): void {
  for (const w of watched) {
    const seq = w.seq++;
    const ns = now();
    // A datagram counts only if the kernel took it: a link that is down here is no loss on the way.
    socket.send(datagram(PROBE, w.id, seq, ns), AGENT_PORT, w.to, (error) => {
      if (!error) report.sent.push([w.id, seq, ns]);
    });
  }
  if (asking !== null) socket.send(datagram(WHO, 0, asking.seq++, now()), AGENT_PORT, asking.address, () => {});
}

/** The marker takes its place behind all that has arrived: when it is read, everything before it was. */
function mark(): void {
  socket.send(datagram(MARKER, 0, 0, now()), AGENT_PORT, LOOPBACK, () => {});
}

socket.on('message', (m, from) => {
  const kind = m.readUInt8(0);
  const ns = m.readDoubleBE(9);
  if (kind === PROBE) report.got.push([m.readUInt32BE(1), m.readUInt32BE(5)]);
  else if (kind === WHO) socket.send(datagram(I_AM, 0, m.readUInt32BE(5), ns, name), from.port, from.address, () => {});
  else if (kind === I_AM) report.who.push([m.readUInt32BE(5), ns, now(), m.toString('latin1', 17)]);
  else if (kind === MARKER && from.address === LOOPBACK) {
    report.alive = ns;
    process.stdout.write(`${JSON.stringify(report)}\n`);
    report = { sent: [], got: [], alive: 0, who: [] };
  }
});
socket.on('error', (e) => {
  process.stderr.write(`probe in ${name}: ${e.message}\n`);
  process.exit(1);
});
socket.bind(AGENT_PORT, '0.0.0.0', () => {
  setInterval(send, SEND_EVERY_MS);
  setInterval(mark, REPORT_EVERY_MS);
});

// The holder is gone, and with it this namespace.
process.stdout.on('error', () => process.exit(0));
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const order = JSON.parse(line) as AgentOrder;
    if (order.watch) watched.push({ ...order.watch, seq: 0 });
    if (order.who !== undefined) asking = order.who === null ? null : { address: order.who, seq: 0 };
  })
  .on('close', () => process.exit(0));
