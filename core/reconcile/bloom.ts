/** A set of texts that may say yes wrongly, never no. Memory: at least 12 bits for each text that it is made for. */
export class Bloom {
  private readonly words: Uint32Array;
  private readonly mask: number;

  /** Beyond `count` texts it errs more and more often; up to there, about once in 250. */
  constructor(count: number) {
    const bits = 2 ** Math.min(30, Math.max(10, Math.ceil(Math.log2(count * 12))));
    this.words = new Uint32Array(bits / 32);
    this.mask = bits - 1;
  }

  add(text: string): void {
    const { words, mask } = this;
    const [a, b] = [hashOf(text, 0), hashOf(text, STEP_SEED) | 1];
    for (let i = 0, at = a; i < PROBES; i++, at = (at + b) | 0) {
      const bit = (at & mask) >>> 0;
      words[bit >>> 5]! |= 1 << (bit & 31);
    }
  }

  has(text: string): boolean {
    const { words, mask } = this;
    const [a, b] = [hashOf(text, 0), hashOf(text, STEP_SEED) | 1];
    for (let i = 0, at = a; i < PROBES; i++, at = (at + b) | 0) {
      const bit = (at & mask) >>> 0;
      if ((words[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

const PROBES = 5;
const STEP_SEED = 0x9e3779b9;

/** 32 bits, by MurmurHash3's steps over code units. */
export function hashOf(text: string, seed: number): number {
  let h = seed | 0;
  for (let i = 0; i < text.length; i++) {
    let k = Math.imul(text.charCodeAt(i), 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
  }
  h = Math.imul(h ^ text.length ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
