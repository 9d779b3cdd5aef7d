/** Texts with live values: instructions (Markdown), scripts (bash) and inputs, written in Handlebars. Checked when a runbook is loaded, rendered when a step opens. */
import Handlebars from 'handlebars';
import { DrillError, messageOf } from '../core/errors.ts';
import { didYouMean } from '../core/runbook/problem.ts';
import type { Place } from '../core/runbook/problem.ts';
import type { Runbook } from '../core/runbook/schema.ts';

/** What a text may name; `*` stands for any one name. Inputs of steps are added per runbook by variablesOf. */
export const VARIABLES: readonly string[] = [
  'drill',
  'target',
  'attempt',
  'bundle',
  'work',
  'bin',
  'lab',
  'service.address',
  'service.port',
  'service.dsn',
  ...['name', 'address', 'port', 'dataDir', 'socket', 'optionFile', 'dsn', 'running'].map((v) => `nodes.*.${v}`),
  'facts.*.*',
  'rules.conflict',
];

/** VARIABLES and `inputs.<step>.<name>`, what people signed in earlier steps (`-` in names: `inputs.list-lost.lost`). */
export function variablesOf(r: Runbook): string[] {
  return [...VARIABLES, ...r.steps.flatMap((s) => s.inputs.map((i) => `inputs.${s.id}.${i.name}`))];
}

const engine = Handlebars.create();
/** `{{sh value}}`: one word for bash, whatever is in it. */
engine.registerHelper('sh', (value: unknown) => {
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new DrillError('DRILL_TEMPLATE_FAILED', `sh was given ${value === undefined ? 'a variable that has no value' : `a ${typeof value}`}`);
  return `'${String(value).replaceAll("'", `'\\''`)}'`;
});
const HELPERS = ['sh', 'if', 'unless', 'each', 'with'];
const compiled = new Map<string, (values: object) => string>();
const COMPILED_MAX = 1_000;

/** Nothing is escaped: the result is Markdown or bash. A variable without a value throws DRILL_TEMPLATE_FAILED (in `if` and `unless` it is false). */
export function renderText(template: string, values: object): string {
  let render = compiled.get(template);
  if (!render) {
    if (compiled.size >= COMPILED_MAX) compiled.clear();
    render = engine.compile<object>(template, { strict: true, noEscape: true });
    compiled.set(template, render);
  }
  try {
    return render(values);
  } catch (e) {
    throw new DrillError(
      'DRILL_TEMPLATE_FAILED',
      messageOf(e),
      'the text names something that this drill does not have; `drillbook lint` names what it may use',
      { cause: e },
    );
  }
}

export interface TemplateProblem extends Place {
  message: string;
}

/** Syntax errors, unknown helpers and variables that nobody declared, with their places in the text (counted from 1). */
export function checkTemplate(template: string, variables: readonly string[]): TemplateProblem[] {
  let ast: hbs.AST.Program;
  try {
    ast = engine.parse(template);
  } catch (e) {
    return [parseProblem(e)];
  }
  const problems: TemplateProblem[] = [];
  walk(ast, (use) => {
    const place = { line: use.loc.start.line, column: use.loc.start.column + 1 };
    if (use.what !== 'variable')
      problems.push({
        ...place,
        message: use.what === 'helper' ? `no helper ${use.shown}${didYouMean(use.shown, HELPERS)}` : `${use.shown} is not used in runbooks`,
      });
    else if (!variables.some((v) => covers(v, use.path, use.whole)))
      problems.push({ ...place, message: `no variable ${use.shown}${didYouMean(use.path.join('.'), variables)}` });
  });
  return problems;
}

/** Full names of the variables that a text uses, each once, `*` for what a loop goes over. */
export function variablesIn(template: string): string[] {
  const names = new Set<string>();
  walk(engine.parse(template), (use) => use.what === 'variable' && names.add(use.path.join('.')));
  return [...names].sort();
}

/** A path must be a declared variable to its last part; what is looped over or entered may be the beginning of one. */
function covers(declared: string, path: string[], whole: boolean): boolean {
  const parts = declared.split('.');
  if (whole ? parts.length !== path.length : parts.length <= path.length) return false;
  return path.every((p, i) => parts[i] === '*' || parts[i] === p);
}

function parseProblem(e: unknown): TemplateProblem {
  const { lineNumber, column } = e as { lineNumber?: number; column?: number };
  const [first = '', near = ''] = messageOf(e).split('\n');
  const said = /^Parse error on line (\d+)/.exec(first);
  if (said) return { line: Number(said[1]), column: 1, message: `the template does not parse near ${near.replace(/^\.\.\./, '').trim()}` };
  return { line: lineNumber ?? 1, column: (column ?? 0) + 1, message: `the template does not parse: ${first.replace(/ - \d+:\d+$/, '')}` };
}

interface Use {
  what: 'variable' | 'helper' | 'foreign';
  path: string[];
  shown: string;
  /** false: the object at the path is looped over or entered */
  whole: boolean;
  loc: hbs.AST.SourceLocation;
}
/** What names mean at a place: the path of `this`, the scopes around it, names given by `as |x|`. */
interface Scope {
  at: string[];
  outer: Scope | null;
  named: Map<string, string[] | null>;
}

function walk(program: hbs.AST.Program, tell: (use: Use) => unknown): void {
  const inScope = (p: hbs.AST.Program | undefined, scope: Scope): void => p?.body.forEach((s) => statement(s, scope));

  const statement = (s: hbs.AST.Statement, scope: Scope): void => {
    if (s.type === 'ContentStatement' || s.type === 'CommentStatement') return;
    if (s.type === 'MustacheStatement') return call(s as hbs.AST.MustacheStatement, scope);
    if (s.type === 'BlockStatement') return block(s as hbs.AST.BlockStatement, scope);
    tell({ what: 'foreign', path: [], shown: s.type.replace('Statement', '').toLowerCase(), whole: true, loc: s.loc });
  };

  const call = (c: { path: unknown; params: hbs.AST.Expression[]; hash?: hbs.AST.Hash; loc: hbs.AST.SourceLocation }, scope: Scope, whole = true): void => {
    const path = c.path as hbs.AST.PathExpression;
    const pairs = c.hash?.pairs ?? [];
    const asHelper = c.params.length > 0 || pairs.length > 0;
    if (!asHelper) return expression(path, scope, whole);
    if (!HELPERS.includes(path.original)) tell({ what: 'helper', path: [], shown: path.original, whole, loc: path.loc });
    for (const e of [...c.params, ...pairs.map((p) => p.value)]) expression(e, scope, whole);
  };

  const expression = (e: hbs.AST.Expression, scope: Scope, whole: boolean): void => {
    if (e.type === 'SubExpression') return call(e as hbs.AST.SubExpression, scope);
    if (e.type !== 'PathExpression') return;
    const path = pathOf(e as hbs.AST.PathExpression, scope);
    if (path) tell({ what: 'variable', path, shown: (e as hbs.AST.PathExpression).original, whole, loc: e.loc });
  };

  const block = (b: hbs.AST.BlockStatement, scope: Scope): void => {
    const verb = b.path.original;
    const enters = verb === 'each' || verb === 'with';
    call(b, scope, !enters);
    const over = b.params[0]?.type === 'PathExpression' ? pathOf(b.params[0] as hbs.AST.PathExpression, scope) : null;
    const at = enters && over ? [...over, ...(verb === 'each' ? ['*'] : [])] : scope.at;
    const names = b.program.blockParams ?? [];
    const named = new Map([...scope.named, ...names.map((n, i): [string, string[] | null] => [n, i === 0 ? at : null])]);
    inScope(b.program, enters ? { at, outer: scope, named } : { ...scope, named });
    inScope(b.inverse, scope);
  };

  inScope(program, { at: [], outer: null, named: new Map() });
}

/** The full path of an expression; null for what is no variable of ours (@key, a key's block parameter). */
function pathOf(e: hbs.AST.PathExpression, scope: Scope): string[] | null {
  if (e.data) return null;
  const parts = e.parts.map(String);
  const first = parts[0];
  if (e.depth === 0 && first !== undefined && !/^(this|\.)/.test(e.original) && scope.named.has(first)) {
    const named = scope.named.get(first);
    return named ? [...named, ...parts.slice(1)] : null;
  }
  let at = scope;
  for (let up = e.depth; up > 0 && at.outer; up--) at = at.outer;
  return [...at.at, ...parts];
}
