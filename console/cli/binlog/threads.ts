/** `show --json --jobs n`: the same lines, made in threads. */
import { JsonLines } from '../../../core/binlog/jsonl.ts';
import type { FindingList } from '../../../core/binlog/finding-list.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { namesOf } from '../../../targets/systems/mysql/binlog/files.ts';
import { decodeRanges } from '../../../targets/systems/mysql/binlog/parallel.ts';
import { rangesOf } from '../../../targets/systems/mysql/binlog/ranges.ts';
import type { CliContext } from '../context.ts';
import type { Output } from './output.ts';
import { MODULE } from './show-thread.ts';
import type { ShowFlags } from './show.ts';
import { filesOf, limitsOf } from './source.ts';

/** false: nothing was shown; it must be read in one go, since it is a stream, a relay log or damaged. */
export async function showInThreads(ctx: CliContext, sources: readonly string[], flags: ShowFlags, out: Output, found: FindingList): Promise<boolean> {
  const source = await filesOf(ctx, sources, flags);
  // a thread names its files without looking at the others
  if (source === null || namesOf(source.files).some((name) => source.files.includes(name))) return false;
  const limits = limitsOf(flags);
  const ranges = await rangesOf(source.files, limits);
  if (ranges === null || ranges.length === 1) return false;
  const lines = new JsonLines((block) => out.bytes(block), nodeBytes);
  for (const finding of source.findings) {
    found.add(finding);
    lines.finding(finding);
  }
  lines.flush();
  const sink = { write: (block: Uint8Array) => out.bytes(block), finding: (f: Parameters<FindingList['add']>[0]) => found.add(f) };
  const { gtid, table, since, until } = flags;
  const own = { gtid, table, since, until };
  await decodeRanges(ranges, { jobs: flags.jobs ?? 1, module: MODULE, limits, own }, sink);
  return true;
}
