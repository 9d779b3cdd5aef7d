/** Rows of several servers around a difference, in the order of one key, until a key has come from all of them. Of each row its key and a digest are kept. */
import { createHash } from 'node:crypto';
import type { RawKey } from './plan.ts';

export interface RawDifference {
  key: RawKey;
  /** by node: SHA-256 of the row's bytes, null: it has none with these very bytes as its key */
  nodes: (string | null)[];
}

interface Held {
  id: string;
  key: RawKey;
  digest: string;
}

/** Rows read beyond a difference, per server. */
const REACH_MAX = 50_000;
const REACH_KEY_BYTES_MAX = 32 * 1024 * 1024;

export class Reach {
  private readonly held: Held[][];
  private readonly counts = new Map<string, number>();
  private readonly keyColumns: number;
  private keyBytes = 0;

  constructor(nodes: number, keyColumns: number) {
    this.held = Array.from({ length: nodes }, () => []);
    this.keyColumns = keyColumns;
  }

  length(node: number): number {
    return this.held[node]!.length;
  }
  get empty(): boolean {
    return this.held.every((h) => h.length === 0);
  }
  get far(): boolean {
    return this.keyBytes > REACH_KEY_BYTES_MAX || this.held.some((h) => h.length > REACH_MAX);
  }
  shortest(): number {
    return Math.max(1, Math.min(...this.held.map((h) => h.length)));
  }

  /** Takes the next row of a node. When it is the one that was missing of its key, everything up to it is told and let go. */
  add(node: number, row: Uint8Array, tell: (d: RawDifference) => void): void {
    const key = keyOf(row, this.keyColumns);
    const id = key.map((k) => `${k.length}:${Buffer.from(k.buffer, k.byteOffset, k.length).toString('latin1')}`).join('');
    this.held[node]!.push({ id, key, digest: createHash('sha256').update(row).digest('hex') });
    this.keyBytes += id.length;
    const count = (this.counts.get(id) ?? 0) + 1;
    this.counts.set(id, count);
    if (count === this.held.length) this.tell(tell, id);
  }

  /** What is left: no key of it has come from all. */
  rest(tell: (d: RawDifference) => void): void {
    this.tell(tell, null);
  }

  private tell(tell: (d: RawDifference) => void, until: string | null): void {
    const found = new Map<string, RawDifference>();
    for (const [i, h] of this.held.entries()) {
      const n = until === null ? h.length : h.findIndex((r) => r.id === until) + 1;
      for (const r of h.splice(0, n)) {
        const d = found.get(r.id) ?? { key: r.key, nodes: this.held.map(() => null) };
        d.nodes[i] = r.digest;
        found.set(r.id, d);
        this.counts.delete(r.id);
        this.keyBytes -= r.id.length;
      }
    }
    for (const d of found.values()) if (d.nodes.some((digest) => digest !== d.nodes[0])) tell(d);
  }
}

/** The first values of a row: each behind its length (1 byte below 251, or 0xfc, 0xfd, 0xfe and 2, 3, 8 bytes). A NULL (0xfb) is empty: keys have none. */
export function keyOf(row: Uint8Array, columns: number): RawKey {
  const key: Uint8Array[] = [];
  let pos = 0;
  for (let i = 0; i < columns; i++) {
    let length = row[pos++] ?? 0;
    if (length === 0xfb) length = 0;
    else if (length > 0xfb) {
      const bytes = length === 0xfc ? 2 : length === 0xfd ? 3 : 8;
      length = 0;
      for (let b = bytes - 1; b >= 0; b--) length = length * 256 + (row[pos + b] ?? 0);
      pos += bytes;
    }
    key.push(row.slice(pos, pos + length));
    pos += length;
  }
  return key;
}
