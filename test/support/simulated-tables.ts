/** The workload's tables as the verifier sees them, without a server. */
import type { ColumnInfo, IndexInfo } from '../../core/reconcile/schema.ts';
import { shapeOf } from '../../core/reconcile/tables.ts';
import type { TableShape } from '../../core/reconcile/tables.ts';

function column(text: string): ColumnInfo {
  const [name, dataType, auto] = text.split(' ') as [string, string, string?];
  const charset = dataType === 'varchar' ? (name === 'write_id' ? 'ascii' : 'utf8mb4') : null;
  return {
    name,
    dataType,
    columnType: dataType,
    unsigned: false,
    nullable: false,
    charset,
    collation: charset && (name === 'write_id' ? 'ascii_bin' : 'utf8mb4_0900_ai_ci'),
    autoIncrement: auto === 'auto',
    generated: null,
    invisible: false,
  };
}

const unique = (name: string, at: number): IndexInfo => ({ name, unique: true, parts: [{ column: at, prefix: null }] });

function table(name: string, columns: string[], indexes: IndexInfo[], identity?: string): [string, TableShape] {
  const info = { name, engine: 'InnoDB', columns: columns.map((c) => column(c)), indexes, triggers: [], foreignKeys: [], referencedBy: [] };
  const shape = shapeOf(info, identity);
  if (typeof shape === 'string') throw new Error(`${name} ${shape}`);
  return [name, shape];
}

export const SHAPES: ReadonlyMap<string, TableShape> = new Map([
  table(
    'drill.orders',
    ['id bigint auto', 'write_id varchar', 'customer int', 'amount decimal', 'note varchar'],
    [unique('PRIMARY', 0), unique('write_id', 1)],
    'write_id',
  ),
  table('drill.acct', ['id bigint', 'balance bigint', 'owner varchar', 'write_id varchar'], [unique('PRIMARY', 0)]),
  table('drill.journal', ['id bigint auto', 'account bigint', 'delta bigint', 'note varchar', 'write_id varchar'], [unique('PRIMARY', 0)], 'write_id'),
]);
