/** Lists of lines that do not fit into memory. What holds their bytes is handed in. */

/** Bytes put aside. */
export interface Spill {
  /** Where they are. Throws when they cannot be put anywhere. */
  append(bytes: Uint8Array): number;
  /** Fills `into` with what is there. */
  read(at: number, into: Uint8Array): void;
}

/** What an array is to those who only go through it: it may be longer than memory. */
export interface Sequence<T> extends Iterable<T> {
  readonly length: number;
}

/** bytes; one buffer for each list that is being written */
const BLOCK = 1 << 14;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Lines one after the other. Memory: a block while it is written, and 16 bytes for each block that was. */
export class SpilledLines {
  count = 0;
  private readonly spill: Spill;
  private readonly blocks: number[] = [];
  private readonly sizes: number[] = [];
  private bytes: Uint8Array | null = null;
  private used = 0;

  constructor(spill: Spill) {
    this.spill = spill;
  }

  /** Where the next line will be, for `from`. */
  get end(): number {
    return this.blocks.length * BLOCK + this.used;
  }

  /** A line holds no line feed. */
  add(line: string): void {
    this.count++;
    this.put(line);
    this.put('\n');
  }

  private put(text: string): void {
    for (let rest = text; ;) {
      this.bytes ??= new Uint8Array(BLOCK);
      const { read, written } = encoder.encodeInto(rest, this.bytes.subarray(this.used));
      this.used += written;
      if (read === rest.length) return;
      this.flush();
      rest = rest.slice(read);
    }
  }

  private flush(): void {
    if (this.used === 0) return;
    this.blocks.push(this.spill.append(this.bytes!.subarray(0, this.used)));
    this.sizes.push(this.used);
    this.used = 0;
  }

  /** No more lines will come: gives its buffer back. */
  close(): void {
    this.flush();
    this.bytes = null;
  }

  *from(at: number): Generator<string> {
    const buffer = new Uint8Array(BLOCK);
    let rest = '';
    let skip = at % BLOCK;
    for (let i = Math.floor(at / BLOCK); i < this.blocks.length || (i === this.blocks.length && this.used > 0); i++) {
      const text = rest + decoder.decode(this.block(i, buffer).subarray(skip));
      skip = 0;
      let start = 0;
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
        yield text.slice(start, end);
        start = end + 1;
      }
      rest = text.slice(start);
    }
  }

  [Symbol.iterator](): Generator<string> {
    return this.from(0);
  }

  private block(i: number, buffer: Uint8Array): Uint8Array {
    if (i === this.blocks.length) return this.bytes!.subarray(0, this.used);
    const bytes = buffer.subarray(0, this.sizes[i]);
    this.spill.read(this.blocks[i]!, bytes);
    return bytes;
  }
}

/** Values with a rank, in several lists that each rise; read, they are one list by rank. Memory: one block of each list, while it is read. */
export class RankedLines<T> implements Sequence<T> {
  length = 0;
  private readonly spill: Spill;
  private readonly revive: (json: string) => T;
  private readonly lists: SpilledLines[] = [];

  constructor(spill: Spill, revive: (json: string) => T = (json) => JSON.parse(json) as T) {
    this.spill = spill;
    this.revive = revive;
  }

  /** Begins the next list, whose ranks may begin anywhere. */
  next(): void {
    this.lists.at(-1)?.close();
    this.lists.push(new SpilledLines(this.spill));
  }

  add(rank: number, value: unknown): void {
    this.length++;
    this.lists.at(-1)!.add(`${rank} ${JSON.stringify(value)}`);
  }

  close(): void {
    this.lists.at(-1)?.close();
  }

  /** Each value as JSON. */
  *texts(): Generator<string> {
    for (const line of merged(this.lists.map((l) => l[Symbol.iterator]()))) yield line.slice(line.indexOf(' ') + 1);
  }

  *[Symbol.iterator](): Generator<T> {
    for (const text of this.texts()) yield this.revive(text);
  }
}

interface Head {
  rank: number;
  line: string;
  rest: Iterator<string>;
}

/** A heap of the lists' first lines. */
function* merged(lists: readonly Iterator<string>[]): Generator<string> {
  const heap: Head[] = [];
  const sink = (from: number) => {
    const head = heap[from]!;
    let at = from;
    for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && heap[child + 1]!.rank < heap[child]!.rank) child++;
      if (heap[child]!.rank >= head.rank) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = head;
  };
  const pull = (head: Head): boolean => {
    const next = head.rest.next();
    if (next.done) return false;
    head.line = next.value;
    head.rank = Number(next.value.slice(0, next.value.indexOf(' ')));
    return true;
  };
  for (const rest of lists) {
    const head = { rank: 0, line: '', rest };
    if (pull(head)) heap.push(head);
  }
  for (let i = heap.length >> 1; i-- > 0;) sink(i);
  while (heap.length > 0) {
    const head = heap[0]!;
    yield head.line;
    if (!pull(head)) {
      const last = heap.pop()!;
      if (last === head) continue;
      heap[0] = last;
    }
    sink(0);
  }
}

/** Those of a sequence that are wanted, each time anew. `length`: how many they are. */
export function filtered<T>(all: Sequence<T>, length: number, wants: (item: T) => boolean): Sequence<T> {
  return {
    length,
    *[Symbol.iterator]() {
      if (length > 0) for (const item of all) if (wants(item)) yield item;
    },
  };
}

/** One after the other. */
export const joined = <T>(first: Sequence<T>, second: Sequence<T>): Sequence<T> => ({
  length: first.length + second.length,
  *[Symbol.iterator]() {
    yield* first;
    yield* second;
  },
});

/** Each as JSON. */
export function* jsonOf<T>(all: Sequence<T>): Generator<string> {
  if (all instanceof RankedLines) yield* all.texts();
  else for (const item of all) yield JSON.stringify(item);
}
