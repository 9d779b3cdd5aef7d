/** The floor of a live stream: a server's whole log from a GTID set on, its bytes counted and not looked at. `binlog-drain.ts SOCKET EXECUTED`. */
import { createConnection } from 'mysql2/promise';
import type { Socket } from 'node:net';
import { GtidSet } from '../core/gtid.ts';

const COM_BINLOG_DUMP_GTID = 0x1e;
/** BINLOG_DUMP_NON_BLOCK | BINLOG_THROUGH_GTID */
const FLAGS = 0x01 | 0x04;
/** The EOF packet's length and mark; between them stands its sequence number. */
const EOF = [5, 0, 0, -1, 0xfe];

const [socketPath, executed] = process.argv.slice(2) as [string, string];
const connection = await createConnection({ socketPath, user: 'root' });
await connection.query("SET @source_binlog_checksum = 'CRC32'");
const { stream } = (connection as unknown as { connection: { stream: Socket } }).connection;
stream.removeAllListeners('data');

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
stream.write(body);
let bytes = 0;
await new Promise<void>((done) =>
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    const tail = chunk.subarray(-9);
    if (EOF.every((byte, i) => byte === -1 || tail[i] === byte)) done();
  }),
);
const wallS = (performance.now() - started) / 1_000;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(`${JSON.stringify({ wallS: [wallS], cpuS: [(user + system) / 1e6], bytes })}\n`);
connection.destroy();
