/**
 * What makes two rows the same to the server: texts that are equal under their column's collation and padding, prefixes of keys. Weights are the server's own
 * (WEIGHT_STRING) and are handed in; everything else is told from the cells.
 */
import { cellForm } from './schema.ts';
import type { Cell, ColumnInfo, IndexInfo, TableInfo } from './schema.ts';
import type { Row } from './tables.ts';

/** Of a server: equal weights are equal keys. */
export interface Keys {
  /** `prefix`: only so many characters count. In the order of `texts`. */
  weights(column: ColumnInfo, prefix: number | null, texts: readonly string[]): Promise<string[]>;
}

export interface KeyPart {
  column: number;
  info: ColumnInfo;
  /** characters, bytes of binary columns; null: the whole value */
  prefix: number | null;
  /** how its text becomes what is compared: as it is, -0 as 0, without trailing spaces, by weights */
  how: 'text' | 'number' | 'padded' | 'weights';
}
export interface KeySpec {
  /** its index's name; null: declared by a person */
  index: string | null;
  parts: readonly KeyPart[];
}

export function keySpec(table: TableInfo, columns: readonly number[], index: IndexInfo | null): KeySpec {
  const parts = columns.map((column, i): KeyPart => {
    const info = table.columns[column]!;
    return { column, info, prefix: index?.parts[i]?.prefix ?? null, how: howOf(info) };
  });
  return { index: index?.name ?? null, parts };
}

function howOf(c: ColumnInfo): KeyPart['how'] {
  const form = cellForm(c);
  if (form === 'float' || form === 'double') return 'number';
  if (c.charset === null || c.collation === null || form === 'digits') return 'text';
  if (form !== 'text' || !c.collation.endsWith('_bin')) return 'weights';
  return c.collation === 'utf8mb4_0900_bin' || c.collation.endsWith('_nopad_bin') ? 'text' : 'padded';
}

/** NULL as a part of a key: no text looks so. */
const NULL_PART = '\0NULL';

/** Identities of rows as strings: equal strings are equal keys to the server. Weights must have been learnt. */
export class KeyIds {
  private readonly source: Keys | null;
  private readonly known = new Map<KeyPart, Map<string, string>>();

  constructor(source: Keys | null = null) {
    this.source = source;
  }

  /** Asks for the weights that these rows' keys need and that are not known yet. */
  async learn(spec: KeySpec, rows: Iterable<Row | null>): Promise<void> {
    const wanting = spec.parts.filter((p) => p.how === 'weights');
    if (wanting.length === 0) return;
    const missing = wanting.map(() => new Set<string>());
    for (const row of rows) {
      if (row === null) continue;
      for (const [i, part] of wanting.entries()) {
        const text = row[part.column];
        if (typeof text === 'string' && !this.weightsOf(part).has(text)) missing[i]!.add(text);
      }
    }
    for (const [i, part] of wanting.entries()) {
      const texts = [...missing[i]!];
      if (texts.length === 0) continue;
      const weights = (await this.source?.weights(part.info, part.prefix, texts)) ?? texts;
      const known = this.weightsOf(part);
      for (const [k, text] of texts.entries()) known.set(text, weights[k]!);
    }
  }

  private weightsOf(part: KeyPart): Map<string, string> {
    const known = this.known.get(part) ?? new Map<string, string>();
    this.known.set(part, known);
    return known;
  }

  /** null: a column of the key is not in the row. */
  idOf(spec: KeySpec, row: Row): string | null {
    const { parts } = spec;
    if (parts.length === 1) return this.partOf(parts[0]!, row[parts[0]!.column]);
    const found: string[] = [];
    for (const part of parts) {
      const text = this.partOf(part, row[part.column]);
      if (text === null) return null;
      found.push(text);
    }
    return JSON.stringify(found);
  }

  private partOf(part: KeyPart, cell: Cell | undefined): string | null {
    if (cell === undefined) return null;
    if (cell === null) return NULL_PART;
    if (part.how === 'weights') return this.weightsOf(part).get(cell) ?? plainPart(part, cell);
    return plainPart(part, cell);
  }
}

function plainPart(part: KeyPart, cell: string): string {
  if (part.how === 'number') return cell === '-0' ? '0' : cell;
  const text = part.prefix === null ? cell : prefixOf(part.info, cell, part.prefix);
  return part.how === 'padded' ? text.replace(/ +$/, '') : text;
}

/** Characters of a text, bytes of a hex form. */
function prefixOf(c: ColumnInfo, cell: string, prefix: number): string {
  return cellForm(c) === 'hex' ? cell.slice(0, prefix * 2) : Array.from(cell).slice(0, prefix).join('');
}

/** A row's key for people: its text, of several columns a JSON array of texts. */
export function keyText(spec: KeySpec, row: Row): string {
  const texts = spec.parts.map((p) => {
    const cell = row[p.column];
    if (cell === undefined || cell === null) return null;
    return p.how === 'weights' ? cell : plainPart({ ...p, prefix: null }, cell);
  });
  return texts.length === 1 ? (texts[0] ?? NULL_PART) : JSON.stringify(texts);
}

/** The cells of keyText, at their columns. */
export function rowOfKey(spec: KeySpec, key: string, width: number): Row {
  const row: (Cell | undefined)[] = Array.from({ length: width });
  const texts = spec.parts.length === 1 ? [key === NULL_PART ? null : key] : (JSON.parse(key) as Cell[]);
  for (const [i, p] of spec.parts.entries()) row[p.column] = texts[i] ?? null;
  return row;
}

/** A part of the key is NULL: unique indexes do not refuse it a second time. */
export const hasNull = (spec: KeySpec, row: Row): boolean => spec.parts.some((p) => row[p.column] === null);
