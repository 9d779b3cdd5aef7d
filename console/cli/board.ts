/** `drillbook board`: the page on which people take part. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { DrillError } from '../../core/errors.ts';
import { crewFile } from '../../evidence/load-crew.ts';
import { ensureConsoleKey } from '../people/console-key.ts';
import { Logins } from '../people/logins.ts';
import { configFolder, readSecret, writePrivate } from '../people/private.ts';
import { readTokens, tokenFolder } from '../people/tokens.ts';
import { startTimeOf } from '../rundir.ts';
import { Board } from '../web/board.ts';
import type { BoardOptions } from '../web/board.ts';
import { CLAIMS, Oidc } from '../web/oidc.ts';
import type { Trust } from '../web/sessions.ts';
import { LocalTarget } from './ask-target.ts';
import { watchSchedules } from './schedule/watch.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';

interface BoardFlags {
  listen: string;
  url?: string;
  out: string;
  anonymousRead?: boolean;
  trustedHeader?: string;
  trustedFrom?: string[];
  oidcIssuer?: string;
  oidcClientId?: string;
  oidcSecretFile?: string;
  oidcClaim?: string;
  crew?: string;
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
    .option('--oidc-issuer <url>', 'an identity provider that people sign in with, by OpenID Connect')
    .option('--oidc-client-id <id>', 'what that provider calls this board; its secret is in DRILLBOOK_OIDC_SECRET, or in a file')
    .option('--oidc-secret-file <file>', 'the file with the secret, that only you can read')
    .option('--oidc-claim <claim>', `what of a person is the login of the crew file: ${CLAIMS.join(', ')} (default: email)`)
    .option('--crew <file>', 'the crew file that says whose each login is')
    .addHelpText(
      'after',
      '\nPeople sign in with a token: drillbook token issue "Ada Lovelace". A drill knows this board when it was started after the first token, or after the board.\nExit status: 0 stopped, 2 usage or set-up error.',
    )
    .action(async (flags: BoardFlags) => ctx.exit(await serve(ctx, flags)));
}

async function serve(ctx: CliContext, flags: BoardFlags): Promise<number> {
  const config = configFolder(ctx.env);
  const note = (line: string): void => void ctx.stderr.write(`${line}\n`);
  const address = addressOf(flags);
  const release = onlyOne(join(config, 'board'));
  const target = new LocalTarget();
  const schedules = watchSchedules(ctx);
  try {
    const board = await Board.start({
      ...address,
      machine: ctx,
      out: resolve(ctx.cwd, flags.out),
      key: ensureConsoleKey(config, new Date()),
      tokens: tokenFolder(config),
      outbox: join(config, 'board', 'outbox.jsonl'),
      trust: trustOf(flags),
      oidc: oidcOf(ctx, flags, note),
      anonymousRead: flags.anonymousRead === true,
      target,
      scheduled: () => schedules.last,
      note,
    });
    const { tokens, unusable } = readTokens(tokenFolder(config));
    for (const { error } of unusable) note(`a token does not sign in. ${error.toText()}`);
    ctx.stdout.write(`board      ${board.url}\n`);
    if (tokens.length + unusable.length === 0 && !flags.trustedHeader && !flags.oidcIssuer)
      ctx.stdout.write('sign-in    nobody has a token yet: drillbook token issue "<name>"\n');
    await new Promise<void>((stop) => {
      for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(s, () => stop());
    });
    await board.close();
    return EXIT.pass;
  } finally {
    target.close();
    schedules.stop();
    release();
  }
}

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
const usage = (seen: string, hint: string): DrillError => new DrillError('DRILL_USAGE', seen, hint);

function addressOf({ listen, url }: BoardFlags): { host: string; port: number; url: URL | null } {
  const [, host, digits] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+):(\d{1,5})$/.exec(listen) ?? [];
  const port = Number(digits);
  if (host === undefined || port > 65_535) throw usage(`--listen ${listen} is no address`, 'the form is host:port, as in 127.0.0.1:8787');
  const reached = url === undefined ? null : URL.canParse(url) ? new URL(url) : null;
  if (url !== undefined && (!reached || !['http:', 'https:'].includes(reached.protocol) || reached.pathname !== '/'))
    throw usage(`--url ${url} is no address of a site`, 'as in https://drills.example.com');
  if (!reached && !LOOPBACK.includes(host))
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

const SECRET = 'DRILLBOOK_OIDC_SECRET';

/** DRILL_USAGE, DRILL_KEY_UNSAFE (a secret that others can read), DRILL_CREW_UNKNOWN, DRILL_CREW_INVALID. */
function oidcOf(ctx: CliContext, flags: BoardFlags, note: (line: string) => void): BoardOptions['oidc'] {
  const { oidcIssuer, oidcClientId, oidcSecretFile, oidcClaim = 'email', crew } = flags;
  if (oidcIssuer === undefined) {
    if (oidcClientId ?? oidcSecretFile ?? flags.oidcClaim ?? crew) throw usage('--oidc-… and --crew without --oidc-issuer', 'name the identity provider');
    return null;
  }
  const issuer = URL.canParse(oidcIssuer) ? new URL(oidcIssuer) : null;
  if (!issuer || !(issuer.protocol === 'https:' || (issuer.protocol === 'http:' && LOOPBACK.includes(issuer.hostname))))
    throw usage(`--oidc-issuer ${oidcIssuer} is no address of an identity provider`, 'as in https://id.example.com; http is for loopback only');
  if (!oidcClientId) throw usage('--oidc-issuer without --oidc-client-id', 'the provider gives one to whoever registers this board with it');
  const claim = CLAIMS.find((c) => c === oidcClaim);
  if (!claim) throw usage(`--oidc-claim ${oidcClaim} is none that is known`, `one of ${CLAIMS.join(', ')}`);
  if (crew === undefined) throw usage('--oidc-issuer without --crew', 'name the crew file in which each person has a login');
  const logins = new Logins(crewFile(ctx, crew), note);
  if (logins.size === 0) throw usage(`nobody in ${crew} has a login`, 'as in { name: Ada Lovelace, roles: [sre], login: ada@example.com }');
  const secret = oidcSecretFile === undefined ? ctx.env[SECRET] : readSecret(resolve(ctx.cwd, oidcSecretFile));
  return { provider: new Oidc({ issuer, clientId: oidcClientId, secret: secret || null, claim }), nameOf: (login) => logins.nameOf(login) };
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
