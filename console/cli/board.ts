/** `drillbook board`: the page on which people take part. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { writerClient } from '../../activities/workload/client.ts';
import { DrillError } from '../../core/errors.ts';
import { ensureConsoleKey } from '../people/console-key.ts';
import { writerSocket } from '../people/drills.ts';
import { configFolder, writePrivate } from '../people/private.ts';
import { allTokens, tokenFolder } from '../people/tokens.ts';
import { startTimeOf } from '../rundir.ts';
import { Board } from '../web/board.ts';
import type { Trust } from '../web/sessions.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';

interface BoardFlags {
  listen: string;
  url?: string;
  out: string;
  anonymousRead?: boolean;
  trustedHeader?: string;
  trustedFrom?: string[];
}

export function boardCommand(ctx: CliContext): Command {
  return new Command('board')
    .description('the page on which people take part in the drills of this machine')
    .option('--listen <host:port>', 'where it listens', '127.0.0.1:8787')
    .option('--url <url>', 'how people reach it, behind a proxy or under another name')
    .option('--out <folder>', 'where evidence folders are', 'drills')
    .option('--anonymous-read', 'let everybody read who reaches it; to act one signs in')
    .option('--trusted-header <name>', 'a header in which a proxy says who it has signed in')
    .option('--trusted-from <address...>', 'addresses of that proxy: whoever can connect from there can be anybody')
    .addHelpText(
      'after',
      '\nPeople sign in with a token: drillbook token issue "Ada Lovelace". A drill knows this board when it was started after the first token, or after the board.\nExit status: 0 stopped, 2 usage or set-up error.',
    )
    .action(async (flags: BoardFlags) => ctx.exit(await serve(ctx, flags)));
}

async function serve(ctx: CliContext, flags: BoardFlags): Promise<number> {
  const config = configFolder(ctx.env);
  const address = addressOf(flags);
  const release = onlyOne(join(config, 'board'));
  try {
    const board = await Board.start({
      ...address,
      machine: ctx,
      out: resolve(ctx.cwd, flags.out),
      key: ensureConsoleKey(config, new Date()),
      tokens: tokenFolder(config),
      outbox: join(config, 'board', 'outbox.jsonl'),
      trust: trustOf(flags),
      anonymousRead: flags.anonymousRead === true,
      writes: (d) => writerClient(writerSocket(d)).status(),
      note: (line) => ctx.stderr.write(`${line}\n`),
    });
    ctx.stdout.write(`board      ${board.url}\n`);
    if (allTokens(tokenFolder(config)).length === 0 && !flags.trustedHeader)
      ctx.stdout.write('sign-in    nobody has a token yet: drillbook token issue "<name>"\n');
    await new Promise<void>((stop) => {
      for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(s, () => stop());
    });
    await board.close();
    return EXIT.pass;
  } finally {
    release();
  }
}

const usage = (seen: string, hint: string): DrillError => new DrillError('DRILL_USAGE', seen, hint);

function addressOf({ listen, url }: BoardFlags): { host: string; port: number; url: URL | null } {
  const [, host, digits] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+):(\d{1,5})$/.exec(listen) ?? [];
  const port = Number(digits);
  if (host === undefined || port > 65_535) throw usage(`--listen ${listen} is no address`, 'the form is host:port, as in 127.0.0.1:8787');
  const reached = url === undefined ? null : URL.canParse(url) ? new URL(url) : null;
  if (url !== undefined && (!reached || !['http:', 'https:'].includes(reached.protocol) || reached.pathname !== '/'))
    throw usage(`--url ${url} is no address of a site`, 'as in https://drills.example.com');
  if (!reached && !['127.0.0.1', 'localhost', '[::1]'].includes(host))
    throw usage(`--listen ${listen}: the board must know how people call it there`, 'add --url, best one of a proxy that speaks https: tokens travel to it');
  return { host, port, url: reached };
}

function trustOf({ trustedHeader, trustedFrom }: BoardFlags): Trust | null {
  if (trustedHeader === undefined) {
    if (trustedFrom) throw usage('--trusted-from without --trusted-header', 'name the header');
    return null;
  }
  if (!/^[A-Za-z0-9-]+$/.test(trustedHeader) || ['cookie', 'origin', 'host', 'accept'].includes(trustedHeader.toLowerCase()))
    throw usage(`--trusted-header ${trustedHeader} is no header for a name`, 'as in X-Forwarded-User');
  // never by default: from loopback every account of this machine could be anybody
  if (!trustedFrom) throw usage('--trusted-header without --trusted-from', 'name the proxy’s address; whoever can connect from there can be anybody');
  return { header: trustedHeader.toLowerCase(), from: trustedFrom };
}

/** Two boards with one outbox would take each other's messages away. DRILL_BOARD_RUNS. */
function onlyOne(folder: string): () => void {
  const file = join(folder, 'board.json');
  if (existsSync(file)) {
    const { pid, startTime } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; startTime: string };
    if (startTimeOf(pid) === startTime) throw new DrillError('DRILL_BOARD_RUNS', `a board of this user runs already (pid ${pid})`, 'use that one, or end it');
  }
  writePrivate(file, { pid: process.pid, startTime: startTimeOf(process.pid) ?? '' });
  return () => rmSync(file, { force: true });
}
