/** What all emitters share. */
import { BinlogDamage } from '../finding.ts';
import type { Value } from '../model.ts';
import type { ColumnMeta } from '../table-map.ts';
import { utf8Text } from './string.ts';
import { ByteWriter } from './writer.ts';

/** Made once per column and table map. `pos`: where the value stands as stored, its length prefix included. All throw BinlogDamage on an impossible value. */
export interface Emitter {
  /** The JSON token of `--json`, as UTF-8. */
  json(out: ByteWriter, buf: Uint8Array, pos: number): void;
  /** The plain text as UTF-8, without quotes or escapes: what Value.text holds. */
  text(out: ByteWriter, buf: Uint8Array, pos: number): void;
  /** Slow path: the value as an object. */
  value(buf: Uint8Array, pos: number): Value;
}

export const QUOTE = 34;

/** The text of Value: one at a time. */
export const scratch = new ByteWriter(4096);

export function impossible(column: ColumnMeta): BinlogDamage {
  return new BinlogDamage('structure', `a value of ${column.name ?? `column ${column.index + 1}`} cannot be a ${column.typeText}`);
}

/** For values whose text needs no escapes and is their JSON string. */
export abstract class TokenEmitter implements Emitter {
  protected readonly column: ColumnMeta;
  constructor(column: ColumnMeta) {
    this.column = column;
  }
  /** Writes into room for TOKEN_BYTES_MAX bytes; answers where it ends, or -1. */
  protected abstract put(to: DataView, at: number, buf: Uint8Array, pos: number): number;

  json(out: ByteWriter, buf: Uint8Array, pos: number): void {
    out.need(TOKEN_BYTES_MAX);
    this.close(out, this.put(out.view, out.pos + 1, buf, pos));
  }
  /** Quotes around what was written behind the first of them. */
  protected close(out: ByteWriter, end: number): void {
    if (end < 0) throw impossible(this.column);
    out.buf[out.pos] = QUOTE;
    out.buf[end] = QUOTE;
    out.pos = end + 1;
  }
  text(out: ByteWriter, buf: Uint8Array, pos: number): void {
    out.need(TOKEN_BYTES_MAX);
    const p = this.put(out.view, out.pos, buf, pos);
    if (p < 0) throw impossible(this.column);
    out.pos = p;
  }
  value(buf: Uint8Array, pos: number): Value {
    scratch.pos = 0;
    this.text(scratch, buf, pos);
    return { text: utf8Text(scratch), type: this.column.typeText, exact: true };
  }
}
export const TOKEN_BYTES_MAX = 96;

/** A column whose shape cannot be: any value of it is damage. */
export class ImpossibleEmitter extends TokenEmitter {
  protected override put(): number {
    return -1;
  }
}
