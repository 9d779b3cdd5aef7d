/** `drillbook binlog show`: what a log says, for people or as JSON Lines. */
import { JsonLines } from '../../../core/binlog/jsonl.ts';
import type { Finding, FindingLevel } from '../../../core/binlog/finding.ts';
import { FindingList } from '../../../core/binlog/finding-list.ts';
import type { LogVisitor } from '../../../core/binlog/visitor.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import type { CliContext } from '../context.ts';
import { isUtf8 } from '../live.ts';
import { filtered } from './filter.ts';
import type { FilterFlags } from './filter.ts';
import { Output, OutputClosed } from './output.ts';
import { readSource } from './source.ts';
import type { SourceFlags } from './source.ts';
import { TextView } from './text.ts';
import { showInThreads } from './threads.ts';

export interface ShowFlags extends SourceFlags, FilterFlags {
  json?: boolean;
  full?: boolean;
  jobs?: number;
}

const WIDTH_MIN = 60;
const WIDTH_MAX = 160;
const WIDTH_PLAIN = 120;

/** The worst level of what was found; damage or not, what could be read was shown. */
export async function show(ctx: CliContext, sources: readonly string[], flags: ShowFlags): Promise<FindingLevel> {
  const out = new Output(ctx.stdout);
  const findings = new FindingList();
  const view = flags.json ? new JsonLines((block) => out.bytes(block), nodeBytes) : textView(ctx, out, flags);
  const flush = () => (view instanceof JsonLines ? view.flush() : out.flush());
  try {
    if (flags.json && (flags.jobs ?? 1) > 1 && (await showInThreads(ctx, sources, flags, out, findings))) return findings.worst();
    await readSource(ctx, sources, flags, { visitor: counted(filtered(view, flags), findings), rows: 'visit', checksums: 'all', onBytes: flush });
    flush();
  } catch (e) {
    if (e instanceof OutputClosed) return 'note';
    flush();
    throw e;
  }
  return findings.worst();
}

function textView(ctx: CliContext, out: Output, flags: ShowFlags): TextView {
  const width = Math.max(WIDTH_MIN, Math.min(ctx.stdout.columns ?? WIDTH_PLAIN, WIDTH_MAX));
  const look = { width, colour: ctx.colour, unicode: isUtf8(ctx.env) };
  return new TextView((text) => out.text(text), { look, full: flags.full ?? false, bytes: nodeBytes });
}

/** The same visitor, its findings counted. */
function counted(view: LogVisitor, findings: FindingList): LogVisitor {
  const tell = view.finding.bind(view);
  view.finding = (f: Finding) => {
    findings.add(f);
    tell(f);
  };
  return view;
}
