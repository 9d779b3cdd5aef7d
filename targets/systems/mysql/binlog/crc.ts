/**
 * CRC-32 (IEEE 802.3, as zlib has it) of short byte runs: slicing by eight (Kounavis, Berry: Novel table lookup-based algorithms for high-performance CRC
 * generation, 2005). A call into zlib costs about 250 ns before the first byte; most events of small transactions are shorter than that is worth.
 */
const POLYNOMIAL = 0xedb88320;

const tables = Array.from({ length: 8 }, () => new Int32Array(256));
const [T0, T1, T2, T3, T4, T5, T6, T7] = tables as [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
  T0[n] = c;
}
for (let n = 0; n < 256; n++) {
  for (let k = 1; k < 8; k++) {
    const before = tables[k - 1]![n]!;
    tables[k]![n] = (before >>> 8) ^ T0[before & 255]!;
  }
}

/** Of data[start, end), continued from `seed`. */
export function crc32Short(data: Uint8Array, start: number, end: number, seed: number): number {
  let c = ~seed;
  let i = start;
  for (const last = end - 7; i < last; i += 8) {
    c =
      T7[(c ^ data[i]!) & 255]! ^
      T6[((c >>> 8) ^ data[i + 1]!) & 255]! ^
      T5[((c >>> 16) ^ data[i + 2]!) & 255]! ^
      T4[(c >>> 24) ^ data[i + 3]!]! ^
      T3[data[i + 4]!]! ^
      T2[data[i + 5]!]! ^
      T1[data[i + 6]!]! ^
      T0[data[i + 7]!]!;
  }
  for (; i < end; i++) c = (c >>> 8) ^ T0[(c ^ data[i]!) & 255]!;
  return ~c >>> 0;
}
