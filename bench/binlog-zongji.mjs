/** A reader of streams from npm, reading one file of a server: `binlog-zongji.mjs FOLDER PACKAGE SOCKET FILE`. Prints what it saw when the server goes on to the next file. */
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, name, socketPath, file] = process.argv.slice(2);
const { default: ZongJi } = await import(pathToFileURL(createRequire(join(folder, 'x.js')).resolve(name)).href);
const rows = { tablemap: 0, writerows: 1, updaterows: 2, deleterows: 1, partialupdaterows: 2 };
const reader = new ZongJi({ socketPath, user: 'root', dateStrings: true });
let images = 0;
reader.on('error', (e) => {
  process.stderr.write(`${e.message}\n`);
  process.exit(1);
});
reader.on('binlog', (event) => {
  const kind = event.getEventName();
  if (kind === 'rotate' && event.binlogName !== file) {
    process.stdout.write(`${JSON.stringify({ images })}\n`);
    process.exit(0);
  }
  if (event.rows) images += event.rows.length * (rows[kind] ?? 0);
});
reader.start({ serverId: 4_000_000_000 + (process.pid % 1_000_000), filename: basename(file), position: 4, includeEvents: ['rotate', ...Object.keys(rows)] });
