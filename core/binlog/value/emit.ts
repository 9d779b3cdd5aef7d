/** STUB: signatures only, to be built. Every column type in its documented, lossless text form (docs/binlog.md). */
import type { PatchedJson } from '../rows.ts';
import type { ColumnMeta } from '../table-map.ts';
import type { Flavour } from '../visitor.ts';
import type { ByteWriter } from './writer.ts';
import type { Value } from '../model.ts';

/** Made once per column and table map. `pos`: where the value stands as stored, its length prefix included. Both throw BinlogDamage on an impossible value. */
export interface Emitter {
  /** The JSON token of `--json`, as UTF-8. */
  json(out: ByteWriter, buf: Uint8Array, pos: number): void;
  /** The plain text as UTF-8, without quotes or escapes: what Value.text holds. */
  text(out: ByteWriter, buf: Uint8Array, pos: number): void;
  /** Slow path: the value as an object. */
  value(buf: Uint8Array, pos: number): Value;
}

export function emitterOf(_column: ColumnMeta, _flavour: Flavour, _inflate: (data: Uint8Array, sizeMax: number, raw?: boolean) => Uint8Array): Emitter {
  throw new Error('not built yet');
}

/** The same for the after-image of a partial update. */
export function patchedValue(_column: ColumnMeta, _patched: PatchedJson): Value {
  throw new Error('not built yet');
}
export function patchedJson(_out: ByteWriter, _column: ColumnMeta, _patched: PatchedJson): void {
  throw new Error('not built yet');
}
