/** What this machine has to complete with, read from files alone: no engine is asked, nothing is checked. What cannot be read is not offered. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { BUNDLE } from '../../../core/bundle.ts';
import type { Plan } from '../../../core/plan.ts';
import { configFolder, privateFiles } from '../../people/private.ts';
import { runningDrills } from '../../rundir.ts';
import type { CliContext } from '../context.ts';
import type { Candidate, Given, Machine, Sort } from './complete.ts';

const RUNBOOK = 'mysql-stale-promotion';
type Where = Pick<CliContext, 'root' | 'cwd' | 'env' | 'cacheDir'>;

export function machineOf(w: Where): Machine {
  const config = configFolder(w.env);
  const runbooks = join(w.root, 'runbooks');
  const sorts: Record<Sort, (given: Given) => Candidate[] | Promise<Candidate[]>> = {
    drills: () => plans(w).map(({ drillId, plan }) => ({ value: drillId, about: plan.title })),
    steps: (given) => plansMeant(w, given).flatMap(({ plan }) => plan.steps.map((s) => ({ value: s.id, about: s.title }))),
    signers: (given) => {
      const crew = crewOf(plansMeant(w, given));
      return keysIn(config).filter((k) => crew.length === 0 || crew.some((p) => p.value === k.value));
    },
    people: (given) => unique([...crewOf(plansMeant(w, given)), ...keysIn(config)]),
    targets: () => yamlNames(join(runbooks, 'targets')),
    crews: () => yamlNames(join(runbooks, 'crews')),
    runbooks: () => yamlNames(runbooks),
    rehearsals: ({ args }) => rehearsals(runbooks, args[0] ?? RUNBOOK, w.cwd),
    nodes: (given) => unique(plansMeant(w, given).flatMap(({ plan }) => plan.target.nodes.map((value) => ({ value, about: '' })))),
    keys: () => keysIn(config),
    tokens: () =>
      privateJson(join(config, 'tokens')).flatMap(({ id, name, revokedAt }) => (revokedAt === null ? [{ value: String(id), about: String(name) }] : [])),
    bundles: () => bundles(w.cwd),
  };
  return async (sort, given) => {
    try {
      return await sorts[sort](given);
    } catch {
      return [];
    }
  };
}

interface Running {
  drillId: string;
  plan: Plan;
}

function plans({ cacheDir }: Where): Running[] {
  return runningDrills(cacheDir).flatMap(({ drillId, bundle }) => {
    try {
      return [{ drillId, plan: JSON.parse(readFileSync(join(bundle, BUNDLE.plan), 'utf8')) as Plan }];
    } catch {
      return [];
    }
  });
}

/** The drill that --drill names (its beginning or its end), or all that run. */
const plansMeant = (w: Where, { options }: Given): Running[] => {
  const wanted = options.get('--drill') ?? '';
  return plans(w).filter(({ drillId }) => drillId.startsWith(wanted) || drillId.endsWith(wanted));
};

const crewOf = (running: readonly Running[]): Candidate[] =>
  unique(running.flatMap(({ plan }) => plan.keys.flatMap((k) => k.people.map((p) => ({ value: p.name, about: p.roles.join(', ') })))));

const unique = (all: readonly Candidate[]): Candidate[] => all.filter((c, i) => all.findIndex((d) => d.value === c.value) === i);

const privateJson = (folder: string): Record<string, unknown>[] =>
  privateFiles(folder).map((file) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>);

const keysIn = (config: string): Candidate[] => privateJson(join(config, 'keys')).map(({ name }) => ({ value: String(name), about: 'has a key here' }));

function yamlNames(folder: string): Candidate[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .toSorted()
    .map((file) => {
      const title = /^title:\s*(.+)$/m.exec(readFileSync(join(folder, file), 'utf8'))?.[1] ?? '';
      return { value: basename(file, '.yaml'), about: title.replaceAll(/^["']|["']$/g, '') };
    });
}

async function rehearsals(folder: string, runbook: string, cwd: string): Promise<Candidate[]> {
  const named = join(folder, `${runbook}.yaml`);
  const { parse } = await import('yaml');
  const { rehearsals: all } = parse(readFileSync(existsSync(named) ? named : join(cwd, runbook), 'utf8')) as {
    rehearsals?: Record<string, { title?: string }>;
  };
  return Object.entries(all ?? {}).map(([value, { title }]) => ({ value, about: title ?? '' }));
}

/** Evidence folders where `run` puts them, newest first. */
const bundles = (cwd: string): Candidate[] =>
  readdirSync(join(cwd, 'drills'))
    .filter((name) => existsSync(join(cwd, 'drills', name, BUNDLE.plan)))
    .toSorted()
    .toReversed()
    .map((name) => ({ value: `drills/${name}`, about: '' }));
