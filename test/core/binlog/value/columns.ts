/** Columns and values by hand. */
import type { ColumnMeta } from '../../../../core/binlog/table-map.ts';
import type { Value } from '../../../../core/binlog/model.ts';
import type { Flavour } from '../../../../core/binlog/visitor.ts';
import { emitterOf } from '../../../../core/binlog/value/emit.ts';
import { ByteWriter } from '../../../../core/binlog/value/writer.ts';
import { nodeBytes } from '../../../../targets/systems/mysql/binlog/bytes.ts';

export function columnOf(type: number, meta: number, more: Partial<ColumnMeta> = {}): ColumnMeta {
  return {
    index: 0,
    type,
    meta,
    nullable: true,
    unsigned: null,
    name: 'c',
    collation: null,
    labels: null,
    visible: null,
    geometryType: null,
    vectorDimension: null,
    typeText: 'a type',
    ...more,
  };
}

export const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
export const written = (out: ByteWriter): string => Buffer.from(out.buf.subarray(0, out.pos)).toString();

const inflate: typeof nodeBytes.inflate = (data, sizeMax, raw) => nodeBytes.inflate(data, sizeMax, raw);

/** The JSON token of a value that stands at the end of a buffer of its size, after a byte of another: what is read beyond shows. */
export function token(column: ColumnMeta, hex: string, flavour: Flavour = 'mysql'): string {
  const buf = bytesOf(`aa${hex}`);
  const out = new ByteWriter(1);
  emitterOf(column, flavour, inflate).json(out, buf, 1);
  const json = written(out);
  JSON.parse(json);
  return json;
}

export function valueOf(column: ColumnMeta, hex: string, flavour: Flavour = 'mysql'): Value {
  return emitterOf(column, flavour, inflate).value(bytesOf(hex), 0);
}
