/** `drillbook doctor`: what this machine has, what it lacks, what that costs. Looks and tries; fetches and changes nothing. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { existsSync } from 'node:fs';
import { styleText } from 'node:util';
import { Command } from 'commander';
import { isDrillError, messageOf } from '../../core/errors.ts';
import { PACKAGED } from '../../setup/entry.mjs';
import { checkKernel } from '../../setup/kernel.mjs';
import { findMysql, MYSQL_COST } from '../../setup/mysql.mjs';
import { commandOf, findNet, NET_COST, NET_NAMES, UTIL_LINUX } from '../../setup/net.mjs';
import { modulesState, NPM_COST } from '../../setup/npm.mjs';
import { findProgram } from '../../setup/process.mjs';
import { findGo, findTemporal, TEMPORAL_COST, TEMPORAL_VERSION } from '../../setup/temporal.mjs';
import { configFolder } from '../people/private.ts';
import { readTokens, tokenFolder } from '../people/tokens.ts';
import { EXIT, type CliContext } from './context.ts';

/** One line of the answer. `missing` makes the exit status 2; a `notice` does not. */
export interface Finding {
  what: string;
  state: 'ok' | 'notice' | 'missing';
  version: string;
  where: string;
  /** Why it was passed over, what it costs to have, what to do. */
  note: string;
}

type Where = Pick<CliContext, 'env' | 'cacheDir' | 'root'>;

/** Every finding, in the order in which a drill needs them. About 0.5 s: each program is run once. */
export async function examine(where: Where): Promise<Finding[]> {
  const groups = await Promise.all([
    runtime(where),
    guarded('MySQL', () => mysql(where)),
    network(where),
    guarded('Temporal', () => temporal(where)),
    kernel(where),
    disk(where),
    Promise.resolve(tokens(where)),
  ]);
  return groups.flat();
}

export function doctorCommand(ctx: CliContext): Command {
  return new Command('doctor')
    .description('say what this machine has for drills, what is missing, what the kernel allows, and what each missing thing costs')
    .option('--json', 'print the findings as JSON')
    .action(async (options: { json?: boolean }) => {
      const findings = await examine(ctx);
      ctx.stdout.write(options.json ? `${JSON.stringify({ findings }, null, 2)}\n` : render(findings, ctx.colour));
      ctx.exit(findings.some((f) => f.state === 'missing') ? EXIT.usage : EXIT.pass);
    });
}

async function runtime({ root }: Where): Promise<Finding[]> {
  const modules = PACKAGED ? 'fresh' : modulesState(root);
  return [
    { what: 'Node', state: 'ok', version: process.versions.node, where: process.execPath, note: '' },
    modules === 'fresh'
      ? { what: 'npm modules', state: 'ok', version: '', where: PACKAGED ? '' : `${root}/node_modules`, note: PACKAGED ? `the package ${dirname(root)}` : '' }
      : {
          what: 'npm modules',
          state: 'missing',
          version: '',
          where: '',
          note: `${modules === 'old' ? 'older than package-lock.json' : 'not installed'}; set-up runs npm ci: ${NPM_COST}`,
        },
  ];
}

async function mysql({ env, cacheDir }: Where): Promise<Finding[]> {
  const { found, notices } = await findMysql({ env, cacheDir });
  const passedOver = notices.map((note): Finding => ({ what: 'MySQL on PATH', state: 'notice', version: '', where: '', note }));
  if (!found) return [...passedOver, fetchable('MySQL', MYSQL_COST)];
  const state = found.notices.length > 0 ? 'notice' : 'ok';
  return [...passedOver, { what: 'MySQL', state, version: found.version, where: found.mysqld, note: [found.from, ...found.notices].join('; ') }];
}

async function network({ env, cacheDir }: Where): Promise<Finding[]> {
  const needed = NET_NAMES.map(async (name): Promise<Finding> => {
    const found = await findNet(name, { env, cacheDir });
    return found ? { what: name, state: 'ok', version: found.version, where: found.path, note: found.from } : fetchable(name, NET_COST);
  });
  const system = UTIL_LINUX.map((name): Finding => {
    const path = findProgram(name, env);
    return path
      ? { what: name, state: 'ok', version: '', where: path, note: '' }
      : { what: name, state: 'missing', version: '', where: '', note: 'install util-linux' };
  });
  return [...(await Promise.all(needed)), ...system];
}

async function temporal({ env, cacheDir }: Where): Promise<Finding[]> {
  if (env.TEMPORAL_ADDRESS)
    return [{ what: 'Temporal', state: 'ok', version: '', where: env.TEMPORAL_ADDRESS, note: 'TEMPORAL_ADDRESS; whether it answers is not tried here' }];
  const found = await findTemporal({ env, cacheDir });
  if (found) return [{ what: 'Temporal', state: 'ok', version: found.version, where: found.path, note: found.from }];
  const go = await findGo(env);
  const builder = go ? `${go.version} (${go.path}) can build ${TEMPORAL_VERSION}` : 'there is no Go to build it, so the network must allow the download';
  return [{ ...fetchable('Temporal', TEMPORAL_COST), note: `${fetchable('Temporal', TEMPORAL_COST).note}; ${builder}` }];
}

async function kernel({ env, cacheDir }: Where): Promise<Finding[]> {
  const nft = await findNet('nft', { env, cacheDir });
  const k = await checkKernel(nft ? { env, nft: commandOf(nft) } : { env });
  const settings = Object.entries(k.settings).map(([name, value]) => `${name} ${value ?? 'absent'}`);
  if (k.error)
    return [
      {
        what: 'namespaces',
        state: 'missing',
        version: '',
        where: k.root ? 'root' : 'ordinary user',
        note: `${k.error.code}: ${k.error.message} ${k.error.hint}`,
      },
    ];
  return [{ what: 'namespaces', state: 'ok', version: '', where: k.root ? 'root' : 'ordinary user', note: `a trial worked; ${settings.join(', ')}` }];
}

/** Room for a drill: three nodes and their binary logs. */
async function disk({ cacheDir }: Where): Promise<Finding[]> {
  let folder = cacheDir;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  const freeGb = (bavail * bsize) / 1e9;
  return [
    {
      what: 'disk',
      state: freeGb < 2 ? 'missing' : 'ok',
      version: '',
      where: cacheDir,
      note: `${freeGb.toFixed(1)} GB free${freeGb < 2 ? '; a drill needs 2 GB' : ''}`,
    },
  ];
}

/** Only what does not work: a machine without a board has none. */
const tokens = ({ env }: Where): Finding[] =>
  readTokens(tokenFolder(configFolder(env))).unusable.map(({ id, error }) => ({
    what: 'board token',
    state: 'notice',
    version: '',
    where: id,
    note: `it signs nobody in; ${error.code}: ${error.message}; ${error.hint}`,
  }));

const fetchable = (what: string, cost: string): Finding => ({ what, state: 'missing', version: '', where: '', note: `not here; set-up fetches it: ${cost}` });

/** A search that fails (a wrong DRILLBOOK_MYSQLD) is a finding, not the end of the examination. */
async function guarded(what: string, search: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await search();
  } catch (e) {
    return [{ what, state: 'missing', version: '', where: '', note: isDrillError(e) ? `${e.code}: ${e.message} ${e.hint}` : messageOf(e) }];
  }
}

/** A line each: mark, name, version, place and where it came from; what a missing thing costs stands below it. */
function render(findings: readonly Finding[], colour: boolean): string {
  const marks = { ok: ['ok', 'green'], notice: ['note', 'yellow'], missing: ['MISSING', 'red'] } as const;
  const paint = (tint: 'green' | 'yellow' | 'red' | 'dim', text: string): string => (colour ? styleText(tint, text, { validateStream: false }) : text);
  const lines = findings.map((f) => {
    const [mark, tint] = marks[f.state];
    const head = `${paint(tint, mark.padEnd(8))} ${f.what.padEnd(13)} ${f.version.padEnd(9)} ${f.where}`.trimEnd();
    if (f.note === '') return head;
    return f.state === 'ok' ? `${head}  ${paint('dim', f.note)}` : `${head}\n${' '.repeat(9)}${f.note}`;
  });
  const missing = findings.filter((f) => f.state === 'missing').length;
  return `${lines.join('\n')}\n\n${missing === 0 ? 'Ready for drills.' : `${missing} missing. Nothing was changed; "drillbook run" fetches what can be fetched.`}\n`;
}
