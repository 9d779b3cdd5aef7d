/**
 * Where the evidence of one drill lives: chained streams, views that people sign, files, and the manifest that seals them. The folder driver is
 * the only one; what is in the folder is listed in core/bundle.ts. Every write is on disk before the call returns, and every call may be repeated. Calls are
 * synchronous on purpose: two appends of one process cannot interleave. What is large is streamed (seal) or writes itself (the ledger).
 */
import { closeSync, existsSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { BUNDLE } from '../core/bundle.ts';
import { DrillError } from '../core/errors.ts';
import { chainLine, parseChain } from '../core/history.ts';
import { canonicalJson, sha256Hex } from '../core/json.ts';
import type { Manifest } from '../core/manifest.ts';
import { fileError, syncFolder, writeAll, writeDurably } from './files.ts';
import { sealFolder } from './manifest.ts';

/** A line to append: its number, and what it says. `prev` is the store's business. */
export interface Numbered {
  n: number;
  recorded?: unknown;
}

export interface EvidenceStore {
  /** an absolute path, for programs that are told where to write */
  path(name: string): string;
  /**
   * Appends to a chained JSON Lines file. A line that is there already is skipped when it says the same (`recorded` apart: when a retry wrote it
   * differs), else DRILL_HISTORY_CONFLICT; a gap in the numbers is DRILL_HISTORY_CONFLICT too. A last line torn by a crash is cut first.
   */
  append(file: string, entries: readonly Numbered[]): void;
  /** Lines of a chained file, verified; a torn last line is left out. Empty when there is no file. */
  readChain<T extends { n: number; prev: string }>(file: string): T[];
  /** Stores what people sign: canonical JSON of a value, under its digest. */
  putView(view: object): string;
  /** The bytes of a view as text; they fit the digest, or DRILL_EVIDENCE_ALTERED. */
  getView(digest: string): string;
  /** Stores rendered instructions under their digest. */
  putInstructions(markdown: string): string;
  getInstructions(digest: string): string;
  /** Makes or replaces a file, whole or not at all. Parts are streamed. */
  putFile(name: string, content: string | Uint8Array | Iterable<string>): void;
  /** DRILL_EVIDENCE_MISSING when there is no such file. */
  readText(name: string): string;
  /** Lists and digests everything that is there, streamed, and writes manifest.json, last. The digest is that of the manifest's bytes. */
  seal(about: { drillId: string }): Promise<{ manifest: Manifest; digest: string }>;
}

/** The store of one drill in a folder, which is made when it is missing. One process appends at a time. */
export function folderStore(dir: string): EvidenceStore {
  const path = (name: string) => inside(dir, name);
  const read = (name: string): string => {
    const text = readIfThere(path(name));
    if (text === null) throw new DrillError('DRILL_EVIDENCE_MISSING', `there is no ${name} in ${dir}`, 'the evidence is not whole; use the original folder');
    return text;
  };
  const putDigested = (folder: string, ending: string, text: string): string => {
    const digest = sha256Hex(text);
    const file = path(`${folder}/${digest}${ending}`);
    if (!existsSync(file)) writeDurably(file, text);
    return digest;
  };
  const getDigested = (folder: string, ending: string, digest: string): string => {
    const name = `${folder}/${/^[0-9a-f]{64}$/.test(digest) ? digest : 'no-digest'}${ending}`;
    const text = read(name);
    if (sha256Hex(text) !== digest)
      throw new DrillError('DRILL_EVIDENCE_ALTERED', `${name} in ${dir} does not fit its digest`, 'it was changed after it was written; use the original');
    return text;
  };
  return {
    path,
    append: (file, entries) => appendChained(path(file), file, entries),
    readChain: <T extends Numbered & { prev: string }>(file: string) => parseChain<T>(readIfThere(path(file)) ?? '', file).lines,
    putView: (view) => putDigested('views', '.json', canonicalJson(view)),
    getView: (digest) => getDigested('views', '.json', digest),
    putInstructions: (markdown) => putDigested('instructions', '.md', markdown),
    getInstructions: (digest) => getDigested('instructions', '.md', digest),
    putFile: (name, content) => writeDurably(path(name), content),
    readText: (name) => read(name),
    async seal({ drillId }) {
      const manifest = await sealFolder(dir, drillId);
      const text = `${JSON.stringify(manifest, null, 1)}\n`;
      writeDurably(path(BUNDLE.manifest), text);
      return { manifest, digest: sha256Hex(text) };
    },
  };
}

/** `<root>/<UTC time>-<runbook>`, made now and by nobody else: a number is added when the name is taken. */
export function freshFolder(root: string, runbook: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().slice(0, 19).replaceAll(':', '-');
  try {
    mkdirSync(root, { recursive: true });
    for (let i = 1; ; i++) {
      const dir = join(root, `${stamp}Z-${runbook}${i === 1 ? '' : `-${i}`}`);
      try {
        mkdirSync(dir);
        return dir;
      } catch (e) {
        if ((e as NodeJS.ErrnoException).code !== 'EEXIST') throw e;
      }
    }
  } catch (e) {
    throw fileError(e, root);
  }
}

function appendChained(file: string, name: string, entries: readonly Numbered[]): void {
  let fd: number | null = null;
  try {
    const isNew = !existsSync(file);
    if (isNew) mkdirSync(dirname(file), { recursive: true });
    fd = openSync(file, 'a+', 0o644);
    const bytes = readFileSync(fd);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole < bytes.length) ftruncateSync(fd, whole);
    const text = newLines(name, bytes.subarray(0, whole).toString('utf8'), entries);
    try {
      writeAll(fd, Buffer.from(text));
    } catch (e) {
      ftruncateSync(fd, whole);
      throw e;
    }
    fsyncSync(fd);
    if (isNew) syncFolder(dirname(file));
  } catch (e) {
    throw fileError(e, file);
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** The text to append to what is there, which is verified on the way. */
function newLines(name: string, there: string, entries: readonly Numbered[]): string {
  const { lines, head } = parseChain<Numbered & { prev: string }>(there, name);
  const added: string[] = [];
  let prev = head;
  for (const entry of entries) {
    const { n, ...value } = entry;
    const known = lines[n - 1];
    if (known) {
      if (saying(known) === saying(entry)) continue;
      throw new DrillError(
        'DRILL_HISTORY_CONFLICT',
        `${name} has a line ${n} that says something else`,
        'two recorders write the same drill; keep the folder and look at both',
      );
    }
    const next = lines.length + added.length + 1;
    if (n !== next)
      throw new DrillError(
        'DRILL_HISTORY_CONFLICT',
        `${name} ends before line ${next}, and line ${n} was to be written`,
        'lines were lost between the workflow and the recorder',
      );
    const { line, digest } = chainLine(n, prev, value);
    added.push(line);
    prev = digest;
  }
  return added.join('');
}

function saying(entry: Numbered): string {
  return canonicalJson({ ...entry, prev: undefined, recorded: undefined });
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fileError(e, file);
  }
}

/** Names come from plans and messages: none of them leads out of the folder. */
function inside(dir: string, name: string): string {
  const clean = normalize(name);
  if (name === '' || name.includes('\0') || clean.startsWith('..') || clean.startsWith(sep))
    throw new DrillError('DRILL_BAD_NAME', `${JSON.stringify(name)} is no name of a file in the evidence folder`);
  return join(dir, clean);
}
