/**
 * Control of a helper process by a unix socket: one JSON object a line in, one out ({ok: true, …} or {ok: false, code, seen, hint}).
 * The socket is reached through the descriptor of its folder, since a socket's path may have 107 bytes at most and evidence folders are deep.
 */
import fs from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { DrillError, isDrillError, messageOf } from '../../core/errors.ts';

export type Handler = (request: Record<string, unknown>) => Promise<object> | object;

/** Serves until closed. The caller must hold a lock that makes it the only server of this path: a stale socket is removed. */
export async function serveControl(dir: string, name: string, handler: Handler): Promise<{ close(): void }> {
  fs.mkdirSync(dir, { recursive: true });
  fs.rmSync(join(dir, name), { force: true });
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    linesOf(socket, (line) => void answer(line, handler).then((text) => socket.writable && socket.write(`${text}\n`)));
  });
  const folder = fs.openSync(dir, fs.constants.O_DIRECTORY);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(`/proc/self/fd/${folder}/${name}`, resolve);
    });
  } catch (e) {
    throw new DrillError(
      'DRILL_CONTROL_SOCKET',
      `the control socket ${join(dir, name)} can not be opened: ${messageOf(e)}`,
      'the folder must be writable and on a file system that knows sockets',
      { cause: e },
    );
  } finally {
    fs.closeSync(folder);
  }
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.end();
      fs.rmSync(join(dir, name), { force: true });
    },
  };
}

/** readline would throw the socket's errors a second time. */
function linesOf(socket: net.Socket, onLine: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}

async function answer(line: string, handler: Handler): Promise<string> {
  try {
    return JSON.stringify({ ok: true, ...(await handler(JSON.parse(line) as Record<string, unknown>)) });
  } catch (e) {
    const error = isDrillError(e) ? e : new DrillError('DRILL_CONTROL_REQUEST', messageOf(e));
    return JSON.stringify({ ok: false, code: error.code, seen: error.message, hint: error.hint });
  }
}

/** One request, one answer, one connection. Throws the server's coded error, or DRILL_CONTROL_DOWN when nobody answers before the deadline. */
export async function askControl(dir: string, name: string, request: object, deadlineMs: number): Promise<Record<string, unknown>> {
  const down = (why: string) =>
    new DrillError('DRILL_CONTROL_DOWN', `${join(dir, name)}: ${why}`, 'the process behind it has ended or hangs; look at its log', {});
  let folder: number;
  try {
    folder = fs.openSync(dir, fs.constants.O_DIRECTORY);
  } catch (e) {
    throw down(messageOf(e));
  }
  const socket = net.connect(`/proc/self/fd/${folder}/${name}`);
  try {
    const line = await new Promise<string>((resolve, reject) => {
      socket.setTimeout(deadlineMs, () => reject(down(`no answer within ${deadlineMs} ms`)));
      socket.once('error', (e) => reject(down(messageOf(e))));
      socket.once('close', () => reject(down('closed without an answer')));
      linesOf(socket, resolve);
      socket.write(`${JSON.stringify(request)}\n`);
    });
    const reply = JSON.parse(line) as Record<string, unknown>;
    if (reply['ok'] === true) return reply;
    throw new DrillError(reply['code'] as `DRILL_${string}`, String(reply['seen']), String(reply['hint']));
  } finally {
    socket.destroy();
    fs.closeSync(folder);
  }
}
