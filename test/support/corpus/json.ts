/**
 * JSON documents of a corpus: each is written down as a tree of typed values; from it come the SQL that makes it and the canonical
 * text that a decoded document and the server's own text are compared in. Nothing here comes from the decoder.
 */
import { doubleBits } from './bits.ts';

/** `type`: of an opaque value, MySQL's number of the column type; `text` of numbers as decimal digits, of temporals as the server prints them */
export type Doc =
  | { t: 'null' | 'true' | 'false' }
  | { t: 'int' | 'dec' | 'str' | 'date' | 'time' | 'datetime' | 'timestamp'; text: string }
  | { t: 'double'; n: number }
  | { t: 'opaque'; type: number; hex: string; sql: string }
  | { t: 'arr'; items: Doc[] }
  | { t: 'obj'; members: [string, Doc][] };

export const NULL: Doc = { t: 'null' };
export const TRUE: Doc = { t: 'true' };
export const FALSE: Doc = { t: 'false' };
const ofText =
  (t: 'int' | 'dec' | 'str' | 'date' | 'time' | 'datetime' | 'timestamp') =>
  (text: string): Doc => ({ t, text });
export const int = ofText('int');
export const dec = ofText('dec');
export const str = ofText('str');
export const date = ofText('date');
export const time = ofText('time');
export const datetime = ofText('datetime');
export const timestamp = ofText('timestamp');
export const double = (n: number): Doc => ({ t: 'double', n });
export const opaque = (type: number, hex: string, sql: string): Doc => ({ t: 'opaque', type, hex, sql });
export const arr = (...items: Doc[]): Doc => ({ t: 'arr', items });
export const obj = (members: Record<string, Doc>): Doc => ({ t: 'obj', members: Object.entries(members) });

const utf8 = (text: string): string => `CONVERT(_utf8mb4 X'${Buffer.from(text).toString('hex')}' USING utf8mb4)`;

/** An expression that gives the document. A TIMESTAMP exists in columns only: `corpus.moments` holds one of each in use. */
export function sqlOf(doc: Doc): string {
  switch (doc.t) {
    case 'null':
    case 'true':
    case 'false':
      return `CAST('${doc.t}' AS JSON)`;
    case 'int':
      return `CAST(${doc.text} AS JSON)`;
    case 'dec': {
      const [whole = '', fraction = ''] = doc.text.replace('-', '').split('.');
      return `CAST(CAST('${doc.text}' AS DECIMAL(${whole.length + fraction.length},${fraction.length})) AS JSON)`;
    }
    case 'double':
      return `CAST(${doc.n === 0 && 1 / doc.n < 0 ? '-0e0' : doc.n.toExponential()} AS JSON)`;
    case 'str':
      return `JSON_UNQUOTE(JSON_QUOTE(${utf8(doc.text)}))`;
    case 'date':
      return `CAST(CAST('${doc.text}' AS DATE) AS JSON)`;
    case 'time':
      return `CAST(CAST('${doc.text}' AS TIME(6)) AS JSON)`;
    case 'datetime':
      return `CAST(CAST('${doc.text}' AS DATETIME(6)) AS JSON)`;
    case 'timestamp':
      return `(SELECT CAST(at AS JSON) FROM corpus.moments WHERE at = '${doc.text}')`;
    case 'opaque':
      return doc.sql;
    case 'arr':
      return `JSON_ARRAY(${doc.items.map(sqlOf).join()})`;
    case 'obj':
      break;
  }
  return `JSON_OBJECT(${doc.members.map(([name, value]) => `${utf8(name)}, ${sqlOf(value)}`).join()})`;
}
/** As a root: a string is text to the server until it is told otherwise. */
export const rootSqlOf = (doc: Doc): string => (doc.t === 'str' ? `CAST(JSON_QUOTE(${utf8(doc.text)}) AS JSON)` : sqlOf(doc));

/** Types and values, without loss. Members in the order in which the server keeps them: by length in bytes, then by bytes. */
export function canonOf(doc: Doc): string {
  switch (doc.t) {
    case 'null':
    case 'true':
    case 'false':
      return doc.t;
    case 'double':
      return `double ${doubleBits(doc.n)}`;
    case 'opaque':
      return `opaque ${doc.type} ${doc.hex.toLowerCase()}`;
    case 'arr':
      return `[${doc.items.map(canonOf).join()}]`;
    case 'obj':
      return `{${inOrder(doc.members)
        .map(([name, value]) => `${JSON.stringify(name)}:${canonOf(value)}`)
        .join()}}`;
    case 'str':
      return JSON.stringify(doc.text);
    case 'int':
    case 'dec':
    case 'date':
    case 'time':
    case 'datetime':
    case 'timestamp':
      break;
  }
  return `${doc.t} ${doc.text}`;
}

function inOrder(members: readonly [string, Doc][]): [string, Doc][] {
  return [...members].sort(([a], [b]) => Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** What the server's text of a document keeps: a decimal and a double are both numbers there, a date is a string. */
export function lossyOf(doc: Doc): string {
  switch (doc.t) {
    case 'int':
    case 'dec':
      return `number ${doubleBits(Number(doc.text))} ${doc.t === 'int' || !/[.]/.test(doc.text) ? doc.text : ''}`.trim();
    case 'double':
      return `number ${doubleBits(doc.n)}`;
    case 'opaque':
      return JSON.stringify(
        `base64:type${doc.type}:${(
          Buffer.from(doc.hex, 'hex')
            .toString('base64')
            .match(/.{1,76}/g) ?? []
        ).join('\n')}`,
      );
    case 'arr':
      return `[${doc.items.map(lossyOf).join()}]`;
    case 'obj':
      return `{${inOrder(doc.members)
        .map(([name, value]) => `${JSON.stringify(name)}:${lossyOf(value)}`)
        .join()}}`;
    case 'null':
    case 'true':
    case 'false':
      return doc.t;
    case 'str':
    case 'date':
    case 'time':
    case 'datetime':
    case 'timestamp':
      break;
  }
  return JSON.stringify(doc.text);
}

/** The JSON text that CAST(j AS CHAR) gives, in the words of lossyOf. */
export const canonOfServer = (text: string): string => new Parser(text, lossyLeaf, null).whole();
/** The decoder's documented JSON text, in the words of canonOf, and of lossyOf. */
export const canonOfDecoded = (text: string): string => new Parser(text, typedLeaf, typedMember).whole();
export const lossyOfDecoded = (text: string): string => new Parser(text, lossyLeaf, lossyMember).whole();

const lossyLeaf = (number: string): string => `number ${doubleBits(Number(number))} ${/[.eE]/.test(number) ? '' : number}`.trim();
const typedLeaf = (number: string): string => (/[.eE]/.test(number) ? `double ${doubleBits(Number(number))}` : `int ${number}`);

/** JSON text read without turning a number into a float, and with the decoder's typed members taken for what they stand for. */
class Parser {
  private readonly text: string;
  private readonly number: (text: string) => string;
  private readonly typed: ((name: string, text: string) => string) | null;
  private at = 0;

  /** `typed`: what an object stands for whose only member's name begins with $; null: it is an object like any other */
  constructor(text: string, number: (text: string) => string, typed: ((name: string, text: string) => string) | null) {
    this.text = text;
    this.number = number;
    this.typed = typed;
  }

  whole(): string {
    const value = this.value();
    this.space();
    if (this.at !== this.text.length) throw new Error(`more behind the document: ${this.text.slice(this.at, this.at + 40)}`);
    return value;
  }

  private value(raw = false): string {
    this.space();
    const c = this.text[this.at];
    if (c === '{') return this.object(raw);
    if (c === '[') return this.array();
    if (c === '"') return JSON.stringify(this.string());
    const word = /^(?:null|true|false|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)/.exec(this.text.slice(this.at, this.at + 400))?.[0];
    if (word === undefined) throw new Error(`not JSON at ${this.at}: ${this.text.slice(this.at, this.at + 40)}`);
    this.at += word.length;
    return /^[ntf]/.test(word) ? word : this.number(word);
  }

  private array(): string {
    const items: string[] = [];
    this.at++;
    for (;;) {
      this.space();
      if (this.text[this.at] === ']') break;
      if (items.length > 0) this.expect(',');
      items.push(this.value());
    }
    this.at++;
    return `[${items.join()}]`;
  }

  private object(raw: boolean): string {
    const members: [string, string][] = [];
    this.at++;
    for (;;) {
      this.space();
      if (this.text[this.at] === '}') break;
      if (members.length > 0) this.expect(',');
      this.space();
      const name = this.string();
      this.expect(':');
      members.push([name, this.value(this.typed !== null && name === '$object')]);
    }
    this.at++;
    const only = members.length === 1 && this.typed && !raw ? members[0]! : null;
    if (only?.[0] === '$object') return only[1];
    if (only?.[0].startsWith('$')) return this.typed!(only[0].slice(1), JSON.parse(only[1]) as string);
    return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`;
  }

  private string(): string {
    const start = this.at++;
    while (this.text[this.at] !== '"') {
      if (this.at >= this.text.length) throw new Error('a string without an end');
      this.at += this.text[this.at] === '\\' ? 2 : 1;
    }
    return JSON.parse(this.text.slice(start, ++this.at)) as string;
  }

  private expect(c: string): void {
    this.space();
    if (this.text[this.at++] !== c) throw new Error(`${c} expected at ${this.at - 1}: ${this.text.slice(this.at - 1, this.at + 40)}`);
  }

  private space(): void {
    while (' \t\r\n'.includes(this.text[this.at] ?? 'x')) this.at++;
  }
}

function typedMember(name: string, text: string): string {
  if (name === 'decimal') return `dec ${text}`;
  if (name === 'opaque') return `opaque ${text.replace(':', ' ').toLowerCase()}`;
  if (['date', 'time', 'datetime', 'timestamp'].includes(name)) return `${name} ${text}`;
  throw new Error(`no such typed member: $${name}`);
}

function lossyMember(name: string, text: string): string {
  if (name === 'decimal') return lossyLeaf(text);
  if (name !== 'opaque') return JSON.stringify(text);
  const [type = '', hex = ''] = text.split(':');
  return lossyOf({ t: 'opaque', type: Number(type), hex, sql: '' });
}
