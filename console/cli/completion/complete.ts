/** What can stand where a command line ends: a pure function of the commands, of what was typed, and of what this machine has. */
import type { Typed } from './line.ts';
import type { Argument, Flag, Node } from './tree.ts';

export interface Candidate {
  value: string;
  about: string;
}
/** Sorts of values that a machine has. */
export const SORTS = ['drills', 'steps', 'signers', 'people', 'targets', 'crews', 'runbooks', 'rehearsals', 'nodes', 'keys', 'tokens', 'bundles'] as const;
export type Sort = (typeof SORTS)[number];

/** What was typed before, as far as values depend on it. */
export interface Given {
  /** by name, as in --drill */
  options: ReadonlyMap<string, string>;
  args: readonly string[];
}
export type Machine = (sort: Sort, given: Given) => Promise<Candidate[]>;

export interface Answer {
  candidates: Candidate[];
  /** when nothing else fits: what the shell completes by itself */
  paths: 'files' | 'folders' | null;
}

const BY_OPTION: Readonly<Record<string, Sort>> = {
  '--drill': 'drills',
  '--as': 'signers',
  '--to': 'people',
  '--target': 'targets',
  '--crew': 'crews',
  '--rehearse': 'rehearsals',
};
/** By the argument's name, or the command's and the argument's. */
const BY_ARGUMENT: Readonly<Record<string, Sort>> = {
  step: 'steps',
  runbook: 'runbooks',
  node: 'nodes',
  'report folder': 'bundles',
  'show name': 'keys',
  'issue name': 'people',
  'revoke id': 'tokens',
};
const FILES = /file|\.json|runbook|logs|crew/;
const FOLDERS = /folder/;

export async function complete(tree: Node, { words, current }: Typed, machine: Machine): Promise<Answer> {
  const { node, given, awaits, literal } = walk(tree, words);
  if (awaits) return valuesOf(awaits, current, '', given, machine);
  const [name, value] = current.startsWith('--') && !literal ? current.split(/=(.*)/s) : [];
  const flag = value === undefined ? undefined : node.options.find((o) => o.name === name && o.takes !== null);
  if (flag) return valuesOf(flag, value!, `${name}=`, given, machine);
  if (current.startsWith('-') && !literal) {
    const open = node.options.filter((o) => o.again || !given.options.has(o.name));
    return {
      candidates: fitting(
        open.map((o) => ({ value: o.name, about: o.about })),
        current,
      ),
      paths: null,
    };
  }
  if (node.commands.length > 0)
    return {
      candidates: fitting(
        node.commands.filter(() => given.args.length === 0).map((c) => ({ value: c.name, about: c.about })),
        current,
      ),
      paths: null,
    };
  const last = node.args.at(-1);
  const arg = node.args[given.args.length] ?? (last?.again ? last : undefined);
  return arg ? valuesOf({ ...arg, of: node.name }, current, '', given, machine) : { candidates: [], paths: null };
}

interface Place {
  node: Node;
  given: Given;
  /** an option whose value comes next */
  awaits: Flag | null;
  /** behind "--": no options any more */
  literal: boolean;
}

/** Where the whole words have led. */
function walk(tree: Node, words: readonly string[]): Place {
  let [node, awaits, literal]: [Node, Flag | null, boolean] = [tree, null, false];
  const [options, args] = [new Map<string, string>(), [] as string[]];
  for (const word of words) {
    const below = args.length === 0 ? node.commands.find((c) => c.name === word) : undefined;
    if (awaits) {
      options.set(awaits.name, word);
      awaits = null;
    } else if (literal) args.push(word);
    else if (word === '--') literal = true;
    else if (word.startsWith('-')) {
      const [name, value] = word.split(/=(.*)/s);
      const flag = node.options.find((o) => o.name === name);
      if (flag && flag.takes !== null && value === undefined) awaits = flag;
      else options.set(name!, value ?? '');
    } else if (below) node = below;
    else args.push(word);
  }
  return { node, given: { options, args }, awaits, literal };
}

/** Values of an option or an argument; `before` is what the word has in front of the value. */
async function valuesOf(what: Flag | (Argument & { of: string }), typed: string, before: string, given: Given, machine: Machine): Promise<Answer> {
  const sort = 'of' in what ? (BY_ARGUMENT[`${what.of} ${what.name}`] ?? BY_ARGUMENT[what.name]) : BY_OPTION[what.name];
  const all = what.choices.length > 0 ? what.choices.map((value) => ({ value, about: '' })) : sort ? await machine(sort, given) : [];
  const candidates = fitting(all, typed).map((c) => ({ ...c, value: `${before}${c.value}` }));
  const kind = 'of' in what ? what.name : (what.takes ?? '');
  const paths = candidates.length > 0 || before !== '' ? null : FOLDERS.test(kind) ? 'folders' : FILES.test(kind) ? 'files' : null;
  return { candidates, paths };
}

const fitting = (all: readonly Candidate[], typed: string): Candidate[] => all.filter((c) => c.value.startsWith(typed));
