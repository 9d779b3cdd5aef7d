/** STUB: signatures only, to be built. Partial updates of JSON columns (type 39): logical diffs applied to the binary document of the before-image. */

/** Applies the diffs in diffs[start, end) (a sequence as in the event, after its length) to the binary JSON document; returns the new document, canonical in the server's own form. Throws BinlogDamage. */
export function applyJsonDiffs(_doc: Uint8Array, _diffs: Uint8Array, _start: number, _end: number): Uint8Array {
  throw new Error('not built yet');
}
