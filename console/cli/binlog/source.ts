/** What a person named as a log, read into a visitor: files, a folder, a running server, standard input. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { EVENT_BYTES_MAX, LogReader, WINDOW_BYTES_MAX } from '../../../core/binlog/log.ts';
import type { ReadOptions } from '../../../core/binlog/log.ts';
import type { LogVisitor } from '../../../core/binlog/visitor.ts';
import { DrillError } from '../../../core/errors.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { readFiles, readPipe } from '../../../targets/systems/mysql/binlog/files.ts';
import { listLogs } from '../../../targets/systems/mysql/binlog/list.ts';
import type { LogSource } from '../../../targets/systems/mysql/binlog/list.ts';
import type { CliContext } from '../context.ts';

export interface SourceFlags {
  relay?: boolean;
  /** MiB for one event, payload or zstd window */
  memory?: number;
}
export interface Pass extends Pick<ReadOptions, 'rows' | 'checksums'> {
  visitor: LogVisitor;
  /** the files that will be read, and their bytes, before the first is */
  onFiles?: (files: readonly string[], bytes: number) => void;
  onBytes?: (bytes: number) => void;
}

export function limitsOf(flags: SourceFlags): Required<Pick<ReadOptions, 'eventBytesMax' | 'windowBytesMax'>> {
  const memory = flags.memory === undefined ? 0 : flags.memory * 1024 * 1024;
  return { eventBytesMax: Math.max(memory, EVENT_BYTES_MAX), windowBytesMax: Math.max(memory, WINDOW_BYTES_MAX) };
}

/** The files that were named; null: a server or standard input. */
export async function filesOf(ctx: CliContext, sources: readonly string[], flags: SourceFlags): Promise<LogSource | null> {
  if (sources[0] === '-' || (await isServer(ctx, sources))) return null;
  return listLogs(
    sources.map((s) => resolve(ctx.cwd, s)),
    { relay: flags.relay ?? false },
  );
}

/** Reads everything to its end. Throws DRILL_USAGE, and what the readers throw; damage is a finding. */
export async function readSource(ctx: CliContext, sources: readonly string[], flags: SourceFlags, pass: Pass): Promise<void> {
  const { visitor, rows, checksums, onBytes } = pass;
  const reader = new LogReader(visitor, { bytes: nodeBytes, rows, checksums, ...limitsOf(flags) });
  const progress = onBytes ? { onBytes } : {};
  if (await isServer(ctx, sources)) await readServer(ctx, sources[0]!, reader, progress);
  else if (sources[0] === '-') await readPipe(standardInput(), 'standard input', reader, progress);
  else {
    const { files, findings } = (await filesOf(ctx, sources, flags))!;
    const sizes = await Promise.all(files.map(async (f) => (await stat(f)).size));
    pass.onFiles?.(
      files,
      sizes.reduce((a, b) => a + b, 0),
    );
    for (const f of findings) visitor.finding(f);
    await readFiles(files, reader, progress);
  }
}

/** Loaded for servers only: files need no client. */
async function readServer(ctx: CliContext, source: string, reader: LogReader, progress: Pick<Pass, 'onBytes'>): Promise<void> {
  const [{ readStream }, { addressOf }] = await Promise.all([import('../../../targets/systems/mysql/binlog/stream.ts'), import('../address.ts')]);
  await readStream(addressOf(ctx, source), reader, { until: 'end', ...progress });
}

async function isServer(ctx: CliContext, sources: readonly string[]): Promise<boolean> {
  const alone = await Promise.all(sources.map(async (s) => s === '-' || s.startsWith('mysql://') || (await isSocket(resolve(ctx.cwd, s)))));
  if (sources.length > 1 && alone.includes(true))
    throw new DrillError('DRILL_USAGE', 'a server and standard input are read alone', 'name one server, or -, or any number of files and folders');
  return alone[0] === true && sources[0] !== '-';
}

const isSocket = (path: string): Promise<boolean> =>
  stat(path).then(
    (s) => s.isSocket(),
    () => false,
  );

function standardInput(): NodeJS.ReadStream {
  if (process.stdin.isTTY)
    throw new DrillError('DRILL_USAGE', 'standard input is a terminal', 'pipe a binary log into it: ssh db1 cat binlog.000007 | drillbook binlog verify -');
  return process.stdin;
}
