/** Connection strings as people give them on the command line. */
import { resolve } from 'node:path';
import { isDsn, parseDsn } from '../../targets/systems/mysql/dsn.ts';
import type { CliContext } from './context.ts';
import { groupDsn, isGroup } from './option-file.ts';

/** A connection string without a password takes MYSQL_PWD, so that none need be on a command line; @name is a group of an option file; anything else with a slash is a path. */
export function addressOf(ctx: CliContext, text: string): string {
  if (isGroup(text)) return groupDsn(text, ctx.env);
  if (!isDsn(text)) return text.includes('/') ? resolve(ctx.cwd, text) : text;
  const password = ctx.env['MYSQL_PWD'];
  if (!password || parseDsn(text).password) return text;
  const url = new URL(text);
  url.password = encodeURIComponent(password);
  return url.href;
}
