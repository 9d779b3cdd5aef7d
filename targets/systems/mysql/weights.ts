/** What makes two texts the same key to a server: its own weights (WEIGHT_STRING), without the trailing spaces that a PAD SPACE collation does not see. */
import type { Connection } from 'mysql2/promise';
import { cellForm } from '../../../core/reconcile/schema.ts';
import type { ColumnInfo } from '../../../core/reconcile/schema.ts';
import type { Keys } from '../../../core/reconcile/keys.ts';
import { textLiteral } from './rows.ts';

const TEXTS_PER_QUERY = 500;
const CHARACTERS_PER_QUERY = 1 << 20;
/** Every character has weights of one size, so that those of trailing spaces can be taken off; of the others the spaces themselves are. */
const UNICODE = /^(utf8|ucs2|utf16|utf32)/;

export class ServerKeys implements Keys {
  private readonly connection: Connection;
  /** by collation: the weight of a space; null where trailing spaces count */
  private readonly spaces = new Map<string, string | null>();

  constructor(connection: Connection) {
    this.connection = connection;
  }

  async weights(column: ColumnInfo, prefix: number | null, texts: readonly string[]): Promise<string[]> {
    const space = await this.spaceOf(column);
    const weights: string[] = [];
    for (let from = 0; from < texts.length;) {
      let to = from;
      for (let size = 0; to < texts.length && to - from < TEXTS_PER_QUERY && size < CHARACTERS_PER_QUERY; to++) size += texts[to]!.length;
      const some = texts.slice(from, to).map((t) => weightOf(column, prefix, textLiteral(column, t), space !== null));
      const [rows] = await this.connection.query({ sql: `SELECT ${some.join(', ')}`, rowsAsArray: true });
      for (const weight of (rows as unknown as string[][])[0]!) weights.push(space === null ? weight : withoutSpaces(weight, space));
      from = to;
    }
    return weights;
  }

  private async spaceOf(column: ColumnInfo): Promise<string | null> {
    const collation = column.collation!;
    const known = this.spaces.get(collation);
    if (known !== undefined) return known;
    const [[pads]] = (await this.connection.query(`SELECT 'a' = CONVERT('a ' USING ${column.charset}) COLLATE ${collation} p`)) as unknown as [
      [{ p: unknown }],
    ];
    let space: string | null = null;
    if (Number(pads.p) === 1) {
      const [rows] = await this.connection.query({
        sql: `SELECT HEX(WEIGHT_STRING(CONVERT(' ' USING ${column.charset}) COLLATE ${collation}))`,
        rowsAsArray: true,
      });
      space = UNICODE.test(column.charset!) ? (rows as unknown as string[][])[0]![0]! : '';
    }
    this.spaces.set(collation, space);
    return space;
  }
}

function weightOf(column: ColumnInfo, prefix: number | null, literal: string, pads: boolean): string {
  const text = cellForm(column) === 'text' ? `CONVERT(${literal} USING ${column.charset})` : literal;
  const part = prefix === null ? text : `LEFT(${text}, ${prefix})`;
  return `HEX(WEIGHT_STRING(${pads ? `TRIM(TRAILING ' ' FROM ${part})` : part} COLLATE ${column.collation}))`;
}

function withoutSpaces(weight: string, space: string): string {
  if (space === '' || weight.length % space.length !== 0) return weight;
  let end = weight.length;
  while (end > 0 && weight.startsWith(space, end - space.length)) end -= space.length;
  return weight.slice(0, end);
}
