/** The logs that are mutated: one folder each, with where their events stand. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DrillError } from '../../core/errors.ts';
import { CHECKSUM_BYTES, EVENT, HEADER_BYTES } from '../../core/binlog/codes.ts';
import type { LogFile } from './transcript.ts';

const FOLDER = join(import.meta.dirname, '../../test/fixtures/binlog');
const MAGIC_BYTES = 4;

export interface SoundFile extends LogFile {
  bytes: Buffer;
  /** where each event begins, and the end */
  events: number[];
}

export interface SoundLog {
  name: string;
  files: SoundFile[];
  /** every event of every file has a checksum */
  checksums: boolean;
  relay: boolean;
}

export function soundLogs(): SoundLog[] {
  return readdirSync(FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const files = readdirSync(join(FOLDER, name))
        .sort()
        .map((file) => soundFile(file, readFileSync(join(FOLDER, name, file))));
      return { name, files, checksums: files.every(allChecksums), relay: name.startsWith('relay') };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function soundFile(name: string, bytes: Buffer): SoundFile {
  const events = [MAGIC_BYTES];
  while (events.at(-1)! < bytes.length) events.push(events.at(-1)! + bytes.readUInt32LE(events.at(-1)! + 9));
  if (events.at(-1) !== bytes.length) throw new DrillError('DRILL_BENCH', `${name}: its last event does not end where it does`);
  return { name, bytes, events };
}

/** The algorithm is the byte before the checksum of a format description. */
function allChecksums({ bytes, events }: SoundFile): boolean {
  return events.every((at, i) => i === events.length - 1 || bytes[at + 4] !== EVENT.FORMAT_DESCRIPTION || bytes[events[i + 1]! - CHECKSUM_BYTES - 1] === 1);
}

/** Whether these bytes are nothing but events of the file, whole ones, in any order and number. */
export function isOfItsEvents(file: SoundFile, bytes: Uint8Array): boolean {
  const known = new Set(file.events.slice(0, -1).map((at, i) => file.bytes.toString('latin1', at, file.events[i + 1])));
  const text = Buffer.from(bytes).toString('latin1');
  let at = MAGIC_BYTES;
  while (at + HEADER_BYTES <= bytes.length) {
    const end = at + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE(at + 9);
    if (!known.has(text.slice(at, end))) return false;
    at = end;
  }
  return at === bytes.length;
}

export const bodyOf = (at: number): number => at + HEADER_BYTES;
