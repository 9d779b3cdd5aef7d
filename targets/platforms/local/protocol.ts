/**
 * What holder and clients say to each other on the holder's unix socket: one JSON object a line, requests with ids, answers in any
 * order. The connection itself is the sign of life: when the holder is gone, every client notices at once.
 */
import { createConnection, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { DrillError, isDrillError, messageOf } from '../../../core/errors.ts';

interface Request {
  id: number;
  do: string;
  with: unknown;
}
interface Answer {
  id: number;
  result?: unknown;
  error?: { code: `DRILL_${string}`; seen: string; hint: string };
}

export const errorToJson = (e: unknown): { code: `DRILL_${string}`; seen: string; hint: string } =>
  isDrillError(e) ? { code: e.code, seen: e.message, hint: e.hint } : { code: 'DRILL_LAB_FAULT', seen: messageOf(e), hint: '' };
export const errorFromJson = (e: { code: `DRILL_${string}`; seen: string; hint: string }): DrillError => new DrillError(e.code, e.seen, e.hint);

/** Serves requests until the process ends. */
export function serve(path: string, handle: (command: string, args: unknown) => Promise<unknown>): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    linesOf(socket, (line) => void answer(socket, line, handle));
  });
  return new Promise((resolve, reject) => server.on('error', reject).listen(path, () => resolve(server)));
}

async function answer(socket: Socket, line: string, handle: (command: string, args: unknown) => Promise<unknown>): Promise<void> {
  const request = JSON.parse(line) as Request;
  let out: Answer;
  try {
    out = { id: request.id, result: (await handle(request.do, request.with)) ?? null };
  } catch (e) {
    out = { id: request.id, error: errorToJson(e) };
  }
  if (socket.writable) socket.write(`${JSON.stringify(out)}\n`);
}

export interface HolderConnection {
  ask(command: string, args: unknown, timeoutMs?: number): Promise<unknown>;
  /** Resolves when the holder is gone; never after close(). */
  lost: Promise<DrillError>;
  close(): void;
}

/** Connects, or throws DRILL_LAB_GONE. */
export async function connectHolder(path: string): Promise<HolderConnection> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const s = createConnection(path, () => resolve(s));
    s.on('error', (cause) => reject(gone(path, cause.message)));
  });
  const waiting = new Map<number, { resolve: (v: unknown) => void; reject: (e: DrillError) => void }>();
  let next = 1;
  let closed = false;
  let dead: DrillError | null = null;
  const lost = new Promise<DrillError>((resolve) => {
    socket.on('close', () => {
      dead = gone(path, 'it closed the connection');
      for (const w of waiting.values()) w.reject(dead);
      waiting.clear();
      if (!closed) resolve(dead);
    });
  });
  linesOf(socket, (line) => {
    const a = JSON.parse(line) as Answer;
    const w = waiting.get(a.id);
    waiting.delete(a.id);
    if (a.error) w?.reject(errorFromJson(a.error));
    else w?.resolve(a.result);
  });
  // An idle connection to a lab must not keep a finished program alive.
  socket.unref();
  return {
    ask(command, args, timeoutMs = 15_000) {
      if (dead !== null) return Promise.reject(dead);
      const id = next++;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(id);
          reject(
            new DrillError(
              'DRILL_LAB_TIMEOUT',
              `the lab's holder did not answer "${command}" within ${timeoutMs} ms`,
              `its log: ${path.replace(/holder\.sock$/, 'holder.log')}`,
            ),
          );
        }, timeoutMs);
        const settle =
          <A>(f: (a: A) => void) =>
          (a: A): void => {
            clearTimeout(timer);
            f(a);
          };
        waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
        const request: Request = { id, do: command, with: args };
        socket.write(`${JSON.stringify(request)}\n`);
      });
    },
    lost,
    close() {
      closed = true;
      socket.destroy();
    },
  };
}

/** readline passes its input's errors on; the socket's own 'close' tells everything that matters. */
function linesOf(socket: Socket, take: (line: string) => void): void {
  createInterface({ input: socket })
    .on('line', take)
    .on('error', () => {});
}

const gone = (path: string, why: string): DrillError =>
  new DrillError('DRILL_LAB_GONE', `the lab at ${path} is gone: ${why}`, 'everything in it has ended with it; start a new one');
