/** A YAML file that people wrote: its value, its digest, and where in it each part stands. */
import { isUtf8 } from 'node:buffer';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { LineCounter, isAlias, isCollection, isMap, isPair, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Node, Scalar } from 'yaml';
import type { ZodType } from 'zod';
import { DrillError, messageOf } from '../core/errors.ts';
import { sha256Hex } from '../core/json.ts';
import { INVALID, schemaProblems } from '../core/runbook/problem.ts';
import type { LocatedProblem, Locate, Place, Problem } from '../core/runbook/problem.ts';
import { FILE_BYTES_MAX } from '../core/runbook/schema.ts';

export interface YamlFile<T> {
  file: string;
  /** SHA-256 of the file's bytes */
  digest: string;
  /** null: the file does not have the shape, see problems */
  value: T | null;
  /** problems of syntax and shape */
  syntax: LocatedProblem[];
  shape: Problem[];
  locate: Locate;
}

/** Reads and parses; throws only when the file cannot be read (`missing` is the code when it does not exist) or is over 1 MB. */
export function readYaml<T>(file: string, schema: ZodType<T>, missing: `DRILL_${string}`): YamlFile<T> {
  const bytes = readSmall(file, missing);
  const text = bytes.toString('utf8');
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, keepSourceTokens: true });
  const locate: Locate = (p) => placeOf(doc, lines, p);
  const base = { file, digest: sha256Hex(bytes), locate, shape: [] };
  const syntax = [...doc.errors, ...doc.warnings].map((e): LocatedProblem => ({ file, ...placeAt(lines, e.pos[0]), code: INVALID, message: e.message }));
  if (syntax.length > 0) return { ...base, value: null, syntax };
  let value: unknown;
  try {
    value = doc.toJS();
  } catch (e) {
    return { ...base, value: null, syntax: [{ file, line: 1, column: 1, code: INVALID, message: messageOf(e) }] };
  }
  const parsed = schema.safeParse(value);
  return parsed.success ? { ...base, value: parsed.data, syntax } : { ...base, value: null, syntax, shape: schemaProblems(parsed.error, schema, value) };
}

/** Files with one ending in the folder of `file`, without the ending: what a person could have meant. */
export function neighbours(file: string): string[] {
  try {
    const names = readdirSync(dirname(file)).filter((f) => f.endsWith('.yaml'));
    return names.map((f) => basename(f, '.yaml')).sort();
  } catch {
    return [];
  }
}

function readSmall(file: string, missing: `DRILL_${string}`): Buffer {
  try {
    const { size } = statSync(file);
    if (size > FILE_BYTES_MAX) throw new DrillError('DRILL_RUNBOOK_TOO_LARGE', `${file} has ${size} bytes, at most ${FILE_BYTES_MAX} are read`, 'split it');
    const bytes = readFileSync(file);
    if (!isUtf8(bytes)) throw new DrillError('DRILL_FILE_UNREADABLE', `${file} is not UTF-8`, 'save it as UTF-8');
    return bytes;
  } catch (e) {
    if (e instanceof DrillError) throw e;
    if ((e as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new DrillError('DRILL_FILE_UNREADABLE', `${file}: ${messageOf(e)}`, 'name a file that can be read', { cause: e });
    const known = neighbours(file);
    throw new DrillError(missing, `there is no ${file}`, known.length > 0 ? `that folder has: ${known.join(', ')}` : 'look at the path');
  }
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

/** The place of the deepest part of the path that the file has; a place within a literal block is counted from its first line. */
function placeOf(doc: Document, lines: LineCounter, p: Problem): Place {
  let node: unknown = doc.contents;
  let offset = startOf(node) ?? 0;
  for (const [i, key] of p.path.entries()) {
    if (isAlias(node)) node = node.resolve(doc);
    if (!isCollection(node)) break;
    const last = i === p.path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key));
      if (!pair) break;
      offset = (last && p.at === 'key' ? undefined : startOf(pair.value)) ?? startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(key)];
      if (item === undefined) break;
      offset = startOf(item) ?? offset;
      node = item;
    }
  }
  const start = placeAt(lines, offset);
  if (!p.within || !isScalar(node) || node.type !== 'BLOCK_LITERAL') return start;
  return { line: start.line + p.within.line, column: p.within.column + indentOf(node) };
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

/** Columns that a literal block is indented by: those of its first line with text. */
function indentOf(block: Scalar): number {
  const source = (block.srcToken as { source?: string } | undefined)?.source ?? '';
  return /^(?:[ \t]*\r?\n)*( *)/.exec(source)?.[1]?.length ?? 0;
}
