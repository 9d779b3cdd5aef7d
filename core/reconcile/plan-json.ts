/**
 * A JSON document as SQL. Its text, parsed by the server, makes a DOUBLE of every number with a fraction: a DECIMAL that a DOUBLE does not print alike is given by a
 * typed expression instead. Temporal and DECIMAL values that print as a string or a DOUBLE does become that: the text of a document does not tell them apart.
 */
import { mysqlDouble } from './json-cell.ts';

/** `text`: as MySQL prints the document. `quote`: a text as a SQL literal. Throws TypeError for what is no such text. */
export function jsonLiteral(text: string, quote: (text: string) => string): string {
  const parser = new Parser(text, quote);
  const whole = parser.value();
  if (parser.pos !== text.length) throw new TypeError('is no JSON document');
  return whole ?? plain(text, quote);
}

const plain = (text: string, quote: (text: string) => string): string => `CAST(${quote(text)} AS JSON)`;

const NUMBER = /-?\d+(\.\d+)?(e-?\d+)?/y;
const STRING = /"(?:[^"\\]|\\.)*"/sy;
const LITERAL = /true|false|null/y;

class Parser {
  pos = 0;
  private readonly text: string;
  private readonly quote: (text: string) => string;

  constructor(text: string, quote: (text: string) => string) {
    this.text = text;
    this.quote = quote;
  }

  /** An expression, where the value needs one; null: its text does. */
  value(): string | null {
    const first = this.text[this.pos];
    if (first === '{' || first === '[') return this.container(first === '{');
    if (first === '"') return this.take(STRING) && null;
    if (first === 't' || first === 'f' || first === 'n') return this.take(LITERAL) && null;
    const number = this.take(NUMBER);
    return asParsed(number) ? null : `CAST(${number} AS JSON)`;
  }

  private container(object: boolean): string | null {
    this.pos++;
    const items: { key: string; from: number; to: number; typed: string | null }[] = [];
    while (this.text[this.pos] !== (object ? '}' : ']')) {
      if (items.length > 0) this.expect(', ');
      const key = object ? this.take(STRING) : '';
      if (object) this.expect(': ');
      const from = this.pos;
      const typed = this.value();
      items.push({ key, from, to: this.pos, typed });
    }
    this.pos++;
    if (items.every((i) => i.typed === null)) return null;
    const parts = items.map((i) => {
      const value = i.typed ?? plain(this.text.slice(i.from, i.to), this.quote);
      return object ? `${this.quote(JSON.parse(i.key) as string)}, ${value}` : value;
    });
    return `${object ? 'JSON_OBJECT' : 'JSON_ARRAY'}(${parts.join(', ')})`;
  }

  private take(form: RegExp): string {
    form.lastIndex = this.pos;
    const found = form.exec(this.text)?.[0];
    if (found === undefined) throw new TypeError('is no JSON document');
    this.pos += found.length;
    return found;
  }

  private expect(text: string): void {
    if (!this.text.startsWith(text, this.pos)) throw new TypeError('is no JSON document');
    this.pos += text.length;
  }
}

/** The server makes of the number what prints so again. */
function asParsed(number: string): boolean {
  if (/^-?\d+$/.test(number)) {
    const n = BigInt(number);
    return number !== '-0' && n >= -(1n << 63n) && n < 1n << 64n;
  }
  const double = mysqlDouble(Number(number));
  return (/[.e]/.test(double) ? double : `${double}.0`) === number;
}
