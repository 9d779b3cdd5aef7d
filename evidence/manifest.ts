/** Seals a bundle's folder, and tells in what a folder differs from what was sealed. Files are streamed: a ledger may be larger than memory. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE } from '../core/bundle.ts';
import { DrillError, messageOf } from '../core/errors.ts';
import { CHAIN_START } from '../core/history.ts';
import { UNSEALED_FOLDERS, compareFiles, manifestSchema } from '../core/manifest.ts';
import type { Manifest, ManifestFile, ManifestFinding } from '../core/manifest.ts';

const CHAINED: readonly string[] = [BUNDLE.history, BUNDLE.ledger, BUNDLE.samples];
const isChain = (name: string): boolean => CHAINED.includes(name) || /^console-[^/]*\.jsonl$/.test(name);

/** The manifest of what is there now. Refuses what is no plain file: nobody could verify a link or a pipe elsewhere. */
export async function sealFolder(dir: string, drillId: string): Promise<Manifest> {
  const { names, foreign } = list(dir);
  if (foreign.length > 0)
    throw new DrillError(
      'DRILL_EVIDENCE_FOREIGN',
      `no plain file: ${foreign.join(', ')} in ${dir}`,
      'evidence is plain files only; move it away and seal again',
    );
  const files: ManifestFile[] = [];
  const chains: Manifest['chains'] = [];
  for (const name of names) {
    const read = await digestFile(dir, name, false);
    files.push(read.file);
    if (read.chain) chains.push({ name, lines: read.chain.lines, head: read.chain.head });
  }
  return { version: 1, drillId, files, chains };
}

/** Empty when the folder is what was sealed, chains included. Never throws for what the folder holds. */
export async function verifyManifest(dir: string): Promise<ManifestFinding[]> {
  let manifest: Manifest;
  try {
    manifest = manifestSchema.parse(JSON.parse(readFileSync(join(dir, BUNDLE.manifest), 'utf8')));
  } catch (e) {
    return [
      {
        file: BUNDLE.manifest,
        seen: existsSync(join(dir, BUNDLE.manifest)) ? `no manifest of ours: ${messageOf(e).split('\n')[0]}` : 'missing: the drill was never sealed',
      },
    ];
  }
  const { names, foreign } = list(dir);
  const found: ManifestFile[] = [];
  const findings: ManifestFinding[] = foreign.map((file) => ({ file, seen: 'no plain file' }));
  for (const name of names) {
    const { file, chain } = await digestFile(dir, name, true);
    found.push(file);
    const sealed = manifest.chains.find((c) => c.name === name);
    if (chain?.broken) findings.push({ file: name, seen: chain.broken });
    else if (chain && sealed && (chain.head !== sealed.head || chain.lines !== sealed.lines))
      findings.push({ file: name, seen: `its chain ends at line ${chain.lines}, sealed was another end (line ${sealed.lines})` });
  }
  return [...compareFiles(manifest.files, found), ...findings];
}

/** Files of the bundle, sorted, without the manifest, unsealed folders and what a crash left half written. */
function list(dir: string): { names: string[]; foreign: string[] } {
  const names: string[] = [];
  const foreign: string[] = [];
  const walk = (under: string): void => {
    for (const entry of readdirSync(join(dir, under), { withFileTypes: true })) {
      const name = under === '' ? entry.name : `${under}/${entry.name}`;
      if (under === '' && (UNSEALED_FOLDERS.includes(entry.name) || entry.name === BUNDLE.manifest)) continue;
      if (/\.tmp-[0-9]+$/.test(entry.name)) continue;
      if (entry.isDirectory()) walk(name);
      else (entry.isFile() ? names : foreign).push(name);
    }
  };
  walk('');
  return { names: names.sort(), foreign: foreign.sort() };
}

interface ChainRead {
  lines: number;
  head: string;
  broken: string | null;
}

async function digestFile(dir: string, name: string, verify: boolean): Promise<{ file: ManifestFile; chain: ChainRead | null }> {
  const hash = createHash('sha256');
  const chain = isChain(name) ? chainReader(verify) : null;
  let bytes = 0;
  for await (const part of createReadStream(join(dir, name), { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    hash.update(part);
    bytes += part.length;
    chain?.add(part);
  }
  return { file: { name, bytes, sha256: hash.digest('hex') }, chain: chain?.end() ?? null };
}

/** parseChain over a stream: the same laws (checked when asked), without the lines in memory. A torn last line is left out of the chain. */
function chainReader(verify: boolean): { add(part: Buffer): void; end(): ChainRead } {
  let lines = 0;
  let head = CHAIN_START;
  let broken: string | null = null;
  let rest: Buffer[] = [];
  const line = (bytes: Buffer): void => {
    lines++;
    if (verify) broken ??= brokenAt(bytes.toString('utf8'), lines, head);
    head = createHash('sha256').update(bytes).digest('hex');
  };
  return {
    add(part) {
      let from = 0;
      for (let to = part.indexOf(0x0a, from); to >= 0; to = part.indexOf(0x0a, from)) {
        line(Buffer.concat([...rest, part.subarray(from, to)]));
        rest = [];
        from = to + 1;
      }
      if (from < part.length) rest.push(part.subarray(from));
    },
    end: () => ({ lines, head, broken }),
  };
}

function brokenAt(text: string, n: number, prev: string): string | null {
  try {
    const value = JSON.parse(text) as { n?: unknown; prev?: unknown };
    if (value.n !== n) return `line ${n} bears the number ${String(value.n)}`;
    return value.prev === prev ? null : `line ${n}: the digest of the line before does not fit`;
  } catch {
    return `line ${n} is not JSON`;
  }
}
