/** What a person named as a log, read into a visitor: files, a folder, a running server, standard input. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { EVENT_BYTES_MAX, LogReader, WINDOW_BYTES_MAX } from '../../../core/binlog/log.ts';
import type { ReadOptions } from '../../../core/binlog/log.ts';
import type { LogVisitor } from '../../../core/binlog/visitor.ts';
import { DrillError } from '../../../core/errors.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { listLogs, readFiles, readPipe, readStream } from '../../../targets/systems/mysql/binlog/read.ts';
import { isDsn } from '../../../targets/systems/mysql/dsn.ts';
import { addressOf } from '../address.ts';
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

/** Reads everything to its end. Throws DRILL_USAGE, and what the readers throw; damage is a finding. */
export async function readSource(ctx: CliContext, sources: readonly string[], flags: SourceFlags, pass: Pass): Promise<void> {
  const { visitor, rows, checksums, onBytes } = pass;
  const memory = flags.memory === undefined ? 0 : flags.memory * 1024 * 1024;
  const reader = new LogReader(visitor, {
    bytes: nodeBytes,
    rows,
    checksums,
    eventBytesMax: Math.max(memory, EVENT_BYTES_MAX),
    windowBytesMax: Math.max(memory, WINDOW_BYTES_MAX),
  });
  const progress = onBytes ? { onBytes } : {};
  const server = await serverOf(ctx, sources);
  if (server !== null) await readStream(server, reader, { until: 'end', ...progress });
  else if (sources[0] === '-') await readPipe(standardInput(), 'standard input', reader, progress);
  else {
    const { files, findings } = await listLogs(
      sources.map((s) => resolve(ctx.cwd, s)),
      { relay: flags.relay ?? false },
    );
    const sizes = await Promise.all(files.map(async (f) => (await stat(f)).size));
    pass.onFiles?.(
      files,
      sizes.reduce((a, b) => a + b, 0),
    );
    for (const f of findings) visitor.finding(f);
    await readFiles(files, reader, progress);
  }
}

/** The one running server that was named; null: files, folders or standard input. */
async function serverOf(ctx: CliContext, sources: readonly string[]): Promise<string | null> {
  const addresses = sources.map((s) => addressOf(ctx, s));
  const live = await Promise.all(sources.map(async (s, i) => s === '-' || isDsn(s) || (await isSocket(addresses[i]!))));
  if (sources.length > 1 && live.includes(true))
    throw new DrillError('DRILL_USAGE', 'a server and standard input are read alone', 'name one server, or -, or any number of files and folders');
  return live[0] && sources[0] !== '-' ? addresses[0]! : null;
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
