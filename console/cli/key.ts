/** `drillbook key`: the keys that people of this machine sign with. */
import { Command } from 'commander';
import { DrillError } from '../../core/errors.ts';
import { answered } from './context.ts';
import type { CliContext, Json } from './context.ts';
import { allKeys, keyFolder, makeKey } from '../people/keys.ts';
import type { PersonKey } from '../people/keys.ts';

export function keyCommand(ctx: CliContext): Command {
  const folder = keyFolder(ctx.env);
  const print = (keys: readonly PersonKey[], json: Json, text: string) =>
    answered(
      ctx,
      json,
      keys.map(({ name, publicKey, madeAt }) => ({ name, publicKey, madeAt })),
      text,
    );
  const command = new Command('key').description('the key that you sign steps with');
  command
    .command('new')
    .description('make a key; its secret half stays in a file that only you can read')
    .argument('<name>', 'your name, as in the crew file')
    .option('--json', 'print the public half as JSON')
    .action((name: string, json: Json) => {
      if (name.trim() === '') throw new DrillError('DRILL_USAGE', 'a key needs a name', 'drillbook key new "Ada Lovelace"');
      const { key, file } = makeKey(folder, name, new Date());
      print([key], json, `${file}\n\nFor the crew file:\n\n${crewLines(key)}`);
    });
  command
    .command('list')
    .description('the keys of this machine')
    .option('--json', 'print their public halves as JSON')
    .action((json: Json) => {
      const keys = allKeys(folder);
      const lines = keys.map((k) => `${k.publicKey}  ${k.name}\n`).join('');
      print(keys, json, lines || `no keys in ${folder}; drillbook key new <name> makes one\n`);
    });
  command
    .command('show')
    .description('the lines of a crew file for a key')
    .argument('<name>', 'whose')
    .option('--json', 'print the public half as JSON')
    .action((name: string, json: Json) => {
      const key = allKeys(folder).find((k) => k.name === name);
      if (!key) throw new DrillError('DRILL_NO_KEY', `there is no key of ${name} in ${folder}`, `drillbook key new ${JSON.stringify(name)} makes one`);
      print([key], json, crewLines(key));
    });
  return command;
}

const crewLines = ({ name, publicKey }: PersonKey): string =>
  `  - name: ${JSON.stringify(name)}\n    roles: []          # roles of the manual\n    rights: [responder]\n    public-key: ${publicKey}\n`;
