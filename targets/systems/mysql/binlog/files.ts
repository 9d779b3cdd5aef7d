/** Files and pipes into a LogReader: large chunks in one reused buffer, never a whole file. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { LogReader } from '../../../../core/binlog/log.ts';
import { DrillError, messageOf } from '../../../../core/errors.ts';

export interface ReadProgress {
  signal?: AbortSignal;
  /** bytes read since the last call; a promise is awaited before more is read, so that a consumer can keep up */
  onBytes?: (bytes: number) => Promise<void> | void;
}

export interface FileRead {
  path: string;
  bytes: number;
  sha256?: string;
}

/** Measured from 256 KiB to 4 MiB, from page cache: larger ones fall out of the core's cache. A second buffer that is filled meanwhile costs more than it gives. */
const CHUNK_BYTES = 1 << 20;

const unreadable = (path: string, cause: unknown) =>
  new DrillError('DRILL_LOGS_UNREADABLE', `${path} cannot be read: ${messageOf(cause)}`, 'copy the file to a sound disk, as an account that may read it', {
    cause,
  });

/** What files are called: by their names, or by their paths where others have the same names. */
export function namesOf(paths: readonly string[]): string[] {
  const sharing = Map.groupBy(paths, (path) => basename(path));
  return paths.map((path) => (sharing.get(basename(path))!.length === 1 ? basename(path) : path));
}

/**
 * Reads files into the reader: beginFile (see namesOf), push in reused chunks, endFile; end() after the last. With `sha256` the files are hashed on the way past.
 * A file that still grows is read to the size it had when it was opened. The event loop turns between chunks. Throws DRILL_LOGS_UNREADABLE, and the signal's reason.
 */
export async function readFiles(files: readonly string[], reader: LogReader, options: ReadProgress & { sha256?: boolean } = {}): Promise<FileRead[]> {
  const out: FileRead[] = [];
  const chunk = new Uint8Array(CHUNK_BYTES);
  const names = namesOf(files);
  for (const [i, path] of files.entries()) {
    const file = await open(path, 'r').catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
    try {
      const hash = options.sha256 ? createHash('sha256') : null;
      reader.beginFile(names[i]!);
      const bytes = await readFile({ file, path, size: await sizeOf(file) }, chunk, reader, options, hash);
      reader.endFile();
      out.push({ path, bytes, ...(hash ? { sha256: hash.digest('hex') } : {}) });
    } finally {
      await file.close();
    }
  }
  reader.end();
  return out;
}

interface OpenFile {
  file: FileHandle;
  path: string;
  /** Infinity: a named pipe or a device */
  size: number;
}

const sizeOf = async (file: FileHandle): Promise<number> => {
  const found = await file.stat();
  return found.isFile() ? found.size : Infinity;
};

async function readFile(from: OpenFile, chunk: Uint8Array, reader: LogReader, { signal, onBytes }: ReadProgress, hash: Hash | null): Promise<number> {
  let bytes = 0;
  for (;;) {
    signal?.throwIfAborted();
    const n = await fill(from, chunk, bytes);
    if (n === 0) return bytes;
    hash?.update(chunk.subarray(0, n));
    const busy = reader.push(chunk, 0, n);
    if (busy) await busy;
    bytes += n;
    await onBytes?.(n);
    await turn();
  }
}

/** A pipe keeps a thread of the pool waiting, not this one. */
async function fill({ file, path, size }: OpenFile, chunk: Uint8Array, at: number): Promise<number> {
  try {
    if (size === Infinity) return (await file.read(chunk, 0, CHUNK_BYTES, null)).bytesRead;
    return at < size ? readSync(file.fd, chunk, 0, Math.min(CHUNK_BYTES, size - at), at) : 0;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Reads one log that comes through a pipe. Throws the signal's reason, and the pipe's own errors as DRILL_LOGS_UNREADABLE. */
export async function readPipe(stream: Readable, name: string, reader: LogReader, { signal, onBytes }: ReadProgress = {}): Promise<void> {
  reader.beginFile(name);
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const next = await chunks.next().catch((cause: unknown) => {
        throw unreadable(name, cause);
      });
      if (next.done) break;
      signal?.throwIfAborted();
      const busy = reader.push(next.value);
      if (busy) await busy;
      await onBytes?.(next.value.length);
    }
  } finally {
    stream.destroy();
  }
  reader.endFile();
  reader.end();
}
