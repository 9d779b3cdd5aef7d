/** `drillbook token`: what people sign in to the board with. */
import { Command } from 'commander';
import { DrillError } from '../../core/errors.ts';
import { inert, utc } from '../../core/report/text.ts';
import { ensureConsoleKey } from '../people/console-key.ts';
import { configFolder } from '../people/private.ts';
import { allTokens, expiryMs, issueToken, revokeToken, TOKEN_DAYS, tokenFolder, tokenState } from '../people/tokens.ts';
import type { Token } from '../people/tokens.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';

interface Json {
  json?: boolean;
}

export function tokenCommand(ctx: CliContext): Command {
  const config = configFolder(ctx.env);
  const folder = tokenFolder(config);
  const say = (text: string) => {
    ctx.stdout.write(text);
    ctx.exit(EXIT.pass);
  };
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
      say(
        o.json
          ? `${JSON.stringify({ token: text, ...shown(token) })}\n`
          : `${text}\n\nFor ${inert(name)} alone, until ${utc(token.expiresAt)}. It is shown this once. drillbook token revoke ${token.id} takes it back.\n`,
      );
    });
  command
    .command('list')
    .description('the tokens that were issued here; their texts are not kept')
    .option('--json', 'print them as JSON')
    .action(({ json }: Json) => {
      const tokens = allTokens(folder);
      const lines = tokens.map((t) => `${t.id}  ${tokenState(t, Date.now()).padEnd(7)}  until ${utc(t.expiresAt)}  ${inert(t.name)}\n`);
      say(json ? `${JSON.stringify(tokens.map(shown))}\n` : lines.join('') || 'no tokens; drillbook token issue <name> makes one\n');
    });
  command
    .command('revoke')
    .description('take a token back; whoever is signed in with it is signed out')
    .argument('<id>', 'as token list shows it')
    .option('--json', 'print it as JSON')
    .action((id: string, { json }: Json) => {
      const token = revokeToken(folder, id, Date.now());
      say(json ? `${JSON.stringify(shown(token))}\n` : `revoked: ${token.id} of ${inert(token.name)}\n`);
    });
  return command;
}

const shown = ({ id, name, issuedAt, expiresAt, revokedAt, ...rest }: Token): object => ({
  id,
  name,
  state: tokenState({ id, name, issuedAt, expiresAt, revokedAt, ...rest }, Date.now()),
  issuedAt,
  expiresAt,
  revokedAt,
});
