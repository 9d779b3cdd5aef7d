/** The numbers of one source of GTIDs, growing by millions: no string and no object for one. */
import { uuidText } from './gtid-bytes.ts';

/** Half-open intervals, sorted, never adjacent, as two lists of equal length. */
export class GtidNumbers {
  readonly uuid: Uint8Array;
  readonly tag: string;
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  /** the interval that grew last */
  private hint = 0;

  constructor(uuid: Uint8Array, at: number, tag: string) {
    this.uuid = new Uint8Array(uuid.subarray(at, at + 16));
    this.tag = tag;
  }

  is(uuid: Uint8Array, at: number, tag: string): boolean {
    if (this.tag !== tag) return false;
    // the last bytes differ first
    for (let i = 15; i >= 0; i--) if (this.uuid[i] !== uuid[at + i]) return false;
    return true;
  }

  /** false: it was there. */
  add(from: number, to: number): boolean {
    const { starts, ends, hint } = this;
    // the usual run of consecutive numbers
    if (ends[hint] === from && (hint + 1 === starts.length || starts[hint + 1]! > to)) {
      ends[hint] = to;
      return true;
    }
    return this.insert(from, to);
  }

  private insert(from: number, to: number): boolean {
    const { starts, ends } = this;
    // the first interval that ends at `from` or later
    let first = 0;
    let high = starts.length;
    if (high > 0 && ends[high - 1]! < from) first = high;
    while (first < high) {
      const middle = (first + high) >> 1;
      if (ends[middle]! < from) first = middle + 1;
      else high = middle;
    }
    // those up to `after` touch it
    let after = first;
    while (after < starts.length && starts[after]! <= to) after++;
    this.hint = first;
    if (after === first) {
      if (first === starts.length) {
        starts.push(from);
        ends.push(to);
      } else {
        starts.splice(first, 0, from);
        ends.splice(first, 0, to);
      }
      return true;
    }
    if (starts[first]! <= from && ends[first]! >= to) return false;
    starts[first] = Math.min(starts[first]!, from);
    ends[first] = Math.max(ends[after - 1]!, to);
    if (after > first + 1) {
      starts.splice(first + 1, after - first - 1);
      ends.splice(first + 1, after - first - 1);
    }
    return true;
  }

  source(): string {
    const name = uuidText(this.uuid, 0);
    return this.tag === '' ? name : `${name}:${this.tag}`;
  }

  intervals(): [start: number, end: number][] {
    return this.starts.map((start, i) => [start, this.ends[i]!]);
  }
}
