/** `drillbook token`: what people sign in to the board with. */
import { Command } from 'commander';
import { DrillError } from '../../core/errors.ts';
import { inert, utc } from '../../core/report/text.ts';
import { ensureConsoleKey } from '../people/console-key.ts';
import { configFolder } from '../people/private.ts';
import { expiryMs, issueToken, readTokens, revokeToken, TOKEN_DAYS, tokenFolder, tokenState } from '../people/tokens.ts';
import type { Token } from '../people/tokens.ts';
import { answered } from './context.ts';
import type { CliContext, Json } from './context.ts';

export function tokenCommand(ctx: CliContext): Command {
  const config = configFolder(ctx.env);
  const folder = tokenFolder(config);
  const command = new Command('token').description('what people sign in to the board with');
  command
    .command('issue')
    .description('make a token for a person; it is shown once')
    .argument('<name>', 'whose, as in the crew file')
    .option('--expires <time>', 'hours or days, as in 12h', `${TOKEN_DAYS}d`)
    .option('--json', 'print it as JSON')
    .action((name: string, o: Json & { expires: string }) => {
      if (name.trim() === '') throw new DrillError('DRILL_USAGE', 'a token needs a name', 'drillbook token issue "Ada Lovelace"');
      const forMs = expiryMs(o.expires);
      ensureConsoleKey(config, new Date());
      const { text, token } = issueToken(folder, name, forMs, Date.now());
      answered(
        ctx,
        o,
        { token: text, ...shown(token) },
        `${text}\n\nFor ${inert(name)} alone, until ${utc(token.expiresAt)}. It is shown this once. drillbook token revoke ${token.id} takes it back.\n`,
      );
    });
  command
    .command('list')
    .description('the tokens that were issued here; their texts are not kept')
    .option('--json', 'print them as JSON')
    .action((json: Json) => {
      const { tokens, unusable } = readTokens(folder);
      const lines = tokens.map((t) => `${t.id}  ${tokenState(t, Date.now()).padEnd(7)}  until ${utc(t.expiresAt)}  ${inert(t.name)}\n`);
      for (const { error } of unusable) ctx.stderr.write(`${error.toText()}\n`);
      answered(ctx, json, tokens.map(shown), lines.join('') || 'no tokens; drillbook token issue <name> makes one\n');
    });
  command
    .command('revoke')
    .description('take a token back; whoever is signed in with it is signed out')
    .argument('<id>', 'as token list shows it')
    .option('--json', 'print it as JSON')
    .action((id: string, json: Json) => {
      const token = revokeToken(folder, id, Date.now());
      answered(ctx, json, shown(token), `revoked: ${token.id} of ${inert(token.name)}\n`);
    });
  return command;
}

function shown(t: Token): object {
  const { id, name, issuedAt, expiresAt, revokedAt } = t;
  return { id, name, state: tokenState(t, Date.now()), issuedAt, expiresAt, revokedAt };
}
