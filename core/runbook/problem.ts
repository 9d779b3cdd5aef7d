/** What is wrong in a file that people wrote: a path into the data, which the loader turns into a line and a column. */
import type { ZodError, ZodType } from 'zod';
import { DrillError } from '../errors.ts';

export interface Place {
  /** both count from 1 */
  line: number;
  column: number;
}
export interface Problem {
  code: `DRILL_${string}`;
  path: PropertyKey[];
  /** the key at the end of the path is what is wrong, not its value */
  at?: 'key';
  /** a place within the text at the path (a template), counted from 1 */
  within?: Place;
  message: string;
}
export type Locate = (problem: Problem) => Place;
export interface LocatedProblem extends Place {
  file: string;
  code: `DRILL_${string}`;
  message: string;
}

export const INVALID = 'DRILL_RUNBOOK_INVALID';

/** `file:line:column: message`, as editors and terminals link it. */
export function problemLine(p: LocatedProblem): string {
  return `${p.file}:${p.line}:${p.column}: ${p.message}${p.code === INVALID ? '' : ` [${p.code}]`}`;
}

export function located(problems: Problem[], file: string, locate: Locate): LocatedProblem[] {
  const all = problems.map((p) => ({ file, ...locate(p), code: p.code, message: p.message }));
  return all.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** One error for all problems of a file. Its code is theirs when they agree, else DRILL_RUNBOOK_INVALID. */
export function invalidError(problems: LocatedProblem[]): DrillError {
  const codes = new Set(problems.map((p) => p.code));
  const [only] = codes;
  const code = codes.size === 1 && only !== undefined ? only : INVALID;
  const lines = problems.map((p) => problemLine(codes.size === 1 ? { ...p, code: INVALID } : p));
  const seen = lines.length === 1 ? lines[0]! : `${lines.length} problems\n  ${lines.join('\n  ')}`;
  return new DrillError(code, seen, 'correct the file; `drillbook lint` checks it without touching anything');
}

/** Problems of a value against a schema, in a person's words; `base` is where the value sits in its file. A misspelt key is not also missing. */
export function schemaProblems(error: ZodError, schema: ZodType, value: unknown, base: PropertyKey[] = []): Problem[] {
  const meant = new Set<string>();
  const unknown = error.issues.flatMap((issue) =>
    issue.code !== 'unrecognized_keys'
      ? []
      : issue.keys.map((key): Problem => {
          const known = keysAt(schema, issue.path);
          meant.add(pathText([...issue.path, closest(key, known) ?? key]));
          const path = [...base, ...issue.path];
          return { code: INVALID, path: [...path, key], at: 'key', message: `unknown key ${key} in ${pathText(path)}${didYouMean(key, known)}` };
        }),
  );
  const others = error.issues.flatMap((issue): Problem[] => {
    const path = [...base, ...issue.path];
    const key = issue.path.at(-1);
    if (issue.code === 'unrecognized_keys') return [];
    if (key !== undefined && valueAt(value, issue.path) === undefined) {
      return meant.has(pathText(issue.path)) ? [] : [{ code: INVALID, path, message: `${String(key)} is missing in ${pathText(path.slice(0, -1))}` }];
    }
    const inner = issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined;
    return [{ code: INVALID, path, ...(inner === undefined ? {} : { at: 'key' as const }), message: `${pathText(path)}: ${inner ?? issue.message}` }];
  });
  return [...unknown, ...others];
}

/** `steps[2].role`; the whole file is "the file". */
export function pathText(path: PropertyKey[]): string {
  if (path.length === 0) return 'the file';
  return path.map((p, i) => (typeof p === 'number' ? `[${p}]` : `${i === 0 ? '' : '.'}${String(p)}`)).join('');
}

function valueAt(value: unknown, path: PropertyKey[]): unknown {
  let at: unknown = value;
  for (const key of path) at = typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined;
  return at;
}

/** Keys that an object of the schema may have. */
function keysAt(schema: ZodType, path: PropertyKey[]): string[] {
  let at: unknown = schema;
  const def = () => (at as { def?: Record<string, unknown> } | undefined)?.def ?? {};
  const unwrap = () => {
    while (def()['innerType'] !== undefined) at = def()['innerType'];
  };
  for (const key of path) {
    unwrap();
    const shape = def()['shape'] as Record<PropertyKey, unknown> | undefined;
    at = shape?.[key] ?? def()['element'] ?? def()['valueType'];
  }
  unwrap();
  return Object.keys((def()['shape'] as object | undefined) ?? {});
}

/** "; did you mean x?" when one of the known words is close; else the known words, when they are few. */
export function didYouMean(word: string, known: readonly string[]): string {
  const best = closest(word, known);
  if (best !== undefined) return `; did you mean ${best}?`;
  return known.length === 0 || known.length > 12 ? '' : `; known: ${known.join(', ')}`;
}

function closest(word: string, known: readonly string[]): string | undefined {
  const [best] = known.map((k) => ({ k, d: distance(word, k) })).sort((a, b) => a.d - b.d);
  return best && best.d <= Math.max(1, Math.floor(Math.max(word.length, best.k.length) / 3)) ? best.k : undefined;
}

/** Levenshtein's distance with neighbours swapped counted once, two rows back at most. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let d = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, rows[i - 2]![j - 2]! + 1);
      row.push(d);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
