/**
 * The floor of a live stream: a server's whole log from a GTID set on, its bytes counted and not looked at. `binlog-drain.ts SOCKET EXECUTED`. It reads into one
 * reused buffer, as our reader does: the buffers of 'data' events cost more than decoding does.
 */
import { createConnection } from 'mysql2/promise';
import { GtidSet } from '../core/gtid.ts';
import { TappedSocket } from '../targets/systems/mysql/binlog/socket.ts';

const COM_BINLOG_DUMP_GTID = 0x1e;
/** BINLOG_DUMP_NON_BLOCK | BINLOG_THROUGH_GTID */
const FLAGS = 0x01 | 0x04;
/** The EOF packet's length and mark; between them stands its sequence number. */
const EOF = [5, 0, 0, -1, 0xfe];
/** warnings and status behind them */
const EOF_BYTES = 9;

const [socketPath, executed] = process.argv.slice(2) as [string, string];
const tap = new TappedSocket();
const stream = tap.open({ socketPath } as Parameters<typeof tap.open>[0]);
const connection = await createConnection({ stream: () => stream, user: 'root' });
await connection.query("SET @source_binlog_checksum = 'CRC32'");

const set = GtidSet.parse(executed).toBytes();
const body = Buffer.alloc(4 + 1 + 2 + 4 + 4 + 8 + 4 + set.length);
body.writeUIntLE(body.length - 4, 0, 3);
body[4] = COM_BINLOG_DUMP_GTID;
body.writeUInt16LE(FLAGS, 5);
body.writeUInt32LE(4_000_000_000 + (process.pid % 1_000_000), 7);
body.writeBigUInt64LE(4n, 15);
body.writeUInt32LE(set.length, 23);
body.set(set, 27);

const cpu = process.cpuUsage();
const started = performance.now();
let bytes = 0;
let tail: number[] = [];
await new Promise<void>((done) => {
  tap.take = (chunk, end) => {
    bytes += end;
    tail = [...tail, ...chunk.subarray(Math.max(0, end - EOF_BYTES), end)].slice(-EOF_BYTES);
    if (EOF.every((byte, i) => byte === -1 || tail[i] === byte)) done();
  };
  stream.write(body);
});
const wallS = (performance.now() - started) / 1_000;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(`${JSON.stringify({ wallS: [wallS], cpuS: [(user + system) / 1e6], bytes })}\n`);
connection.destroy();
