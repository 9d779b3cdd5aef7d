/**
 * The manifest: written last, it names every file of an evidence bundle with its length and digest, and the head of every chain. Its own digest
 * is the one number that stands for the whole drill. It has no time of its own: sealing the same evidence twice gives the same bytes.
 */
import { z } from 'zod';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

export const manifestSchema = z.strictObject({
  version: z.literal(1),
  drillId: z.string().min(1),
  files: z.array(z.strictObject({ name: z.string().min(1), bytes: z.int().min(0), sha256: digest })),
  /** chained JSON Lines: how many lines, and the digest of the last one */
  chains: z.array(z.strictObject({ name: z.string().min(1), lines: z.int().min(0), head: digest })),
});
export type Manifest = z.output<typeof manifestSchema>;
export type ManifestFile = Manifest['files'][number];

/** One way in which a folder is not what was sealed. */
export interface ManifestFinding {
  file: string;
  seen: string;
}

/** Raw logs and scratch files are in the bundle's folder but not of the bundle: digests of raw logs stand in reconcile.json. */
export const UNSEALED_FOLDERS: readonly string[] = ['engine', 'work'];

/** Compares what a folder has with what was sealed. */
export function compareFiles(sealed: readonly ManifestFile[], found: readonly ManifestFile[]): ManifestFinding[] {
  const byName = new Map(found.map((f) => [f.name, f]));
  const known = new Set(sealed.map((f) => f.name));
  const findings = sealed.flatMap((s): ManifestFinding[] => {
    const f = byName.get(s.name);
    if (!f) return [{ file: s.name, seen: 'sealed, and not there' }];
    if (f.sha256 === s.sha256 && f.bytes === s.bytes) return [];
    const length = f.bytes === s.bytes ? '' : ` (${s.bytes} bytes were sealed, ${f.bytes} are there)`;
    return [{ file: s.name, seen: `changed after it was sealed${length}` }];
  });
  return [...findings, ...found.filter((f) => !known.has(f.name)).map((f) => ({ file: f.name, seen: 'there, and not sealed' }))];
}
