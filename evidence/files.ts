/** Files that survive a crash: written whole or not at all, on disk before the call returns. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { DrillError } from '../core/errors.ts';

/** A coded error for what file systems refuse; anything else as it was. */
export function fileError(e: unknown, file: string): unknown {
  const code = (e as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new DrillError('DRILL_DISK_FULL', `no space left to write ${file}`, 'free space there; nothing was half written, the drill can go on', { cause: e });
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new DrillError('DRILL_FILE_FORBIDDEN', `${file} cannot be written (${code})`, 'give this user the right to write there', { cause: e });
  return e;
}

/** All bytes, however many calls that takes. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at);
}

const CHUNK_BYTES = 1 << 20;

/** Replaces or makes a file: a temporary beside it, fsync, rename, fsync of the folder. Parts are streamed, so a file may be larger than memory. */
export function writeDurably(file: string, parts: string | Uint8Array | Iterable<string>, mode = 0o644): void {
  const temporary = `${file}.tmp-${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    const fd = openSync(temporary, 'w', mode);
    try {
      for (const chunk of chunks(parts)) writeAll(fd, chunk);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
    syncFolder(dirname(file));
  } catch (e) {
    rmSync(temporary, { force: true });
    throw fileError(e, file);
  }
}

/** A new or renamed file is there after a crash only when its folder was synced. */
export function syncFolder(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function* chunks(parts: string | Uint8Array | Iterable<string>): Generator<Uint8Array> {
  if (typeof parts === 'string' || parts instanceof Uint8Array) {
    yield typeof parts === 'string' ? Buffer.from(parts) : parts;
    return;
  }
  let held: string[] = [];
  let size = 0;
  for (const part of parts) {
    held.push(part);
    size += part.length;
    if (size < CHUNK_BYTES) continue;
    yield Buffer.from(held.join(''));
    held = [];
    size = 0;
  }
  yield Buffer.from(held.join(''));
}
