/** XA branches: XA_PREPARE events, and how a branch is written: XA RECOVER's parts as `'gtrid','bqual',formatID`, X'…' where a part is not printable. */
import { BinlogDamage } from './finding.ts';
import { need, u32 } from './wire.ts';

const PART_BYTES_MAX = 64;

/** XA_PREPARE (38): one-phase flag 1, format 4, lengths 4 and 4, bytes. `onePhase`: XA COMMIT … ONE PHASE, committed, not merely prepared. */
export function parseXaPrepare(buf: Uint8Array, start: number, end: number): { onePhase: boolean; branch: string } {
  need(start, 13, end, 'an XA PREPARE event');
  const gtrid = u32(buf, start + 5);
  const bqual = u32(buf, start + 9);
  if (gtrid > PART_BYTES_MAX || bqual > PART_BYTES_MAX)
    throw new BinlogDamage('structure', `an XA branch has parts of ${gtrid} and ${bqual} bytes; 64 are the most`);
  need(start + 13, gtrid + bqual, end, 'an XA PREPARE event');
  return { onePhase: buf[start] === 1, branch: branchOf(buf, start + 13, gtrid, bqual, u32(buf, start + 1)) };
}

/** `format` is a signed 32-bit number in the servers; shown as it is stored. */
export function branchOf(buf: Uint8Array, at: number, gtrid: number, bqual: number, format: number): string {
  return `${part(buf, at, gtrid)},${part(buf, at + gtrid, bqual)},${format | 0}`;
}

function part(buf: Uint8Array, at: number, bytes: number): string {
  let text = '';
  let hex = '';
  let printable = true;
  for (let i = at; i < at + bytes; i++) {
    const c = buf[i]!;
    printable &&= c >= 0x20 && c < 0x7f && c !== 0x27 && c !== 0x5c;
    text += String.fromCharCode(c);
    hex += c.toString(16).padStart(2, '0');
  }
  return printable ? `'${text}'` : `X'${hex}'`;
}

const LITERAL = String.raw`x'((?:[0-9a-f]{2})*)'|0x((?:[0-9a-f]{2})+)|'((?:[^'\\]|'')*)'|"((?:[^"\\]|"")*)"`;
const STATEMENT = new RegExp(
  String.raw`^\s*XA\s+(?:COMMIT|ROLLBACK|START|BEGIN|END|PREPARE)\s+(?:${LITERAL})(?:\s*,\s*(?:${LITERAL})(?:\s*,\s*(0x[0-9a-f]+|\d+))?)?(?:\s|$)`,
  'i',
);

/** The branch that an XA statement names, in the same form; null when the text is not understood. Servers write X'gtrid',X'bqual',format. */
export function branchOfStatement(text: string): string | null {
  const match = STATEMENT.exec(text);
  if (!match) return null;
  const [gtrid, bqual] = [literal(match.slice(1, 5)), literal(match.slice(5, 9))];
  if (gtrid.length > PART_BYTES_MAX || bqual.length > PART_BYTES_MAX) return null;
  return branchOf(Uint8Array.from([...gtrid, ...bqual]), 0, gtrid.length, bqual.length, Number(match[9] ?? 1));
}

function literal([hex, number, single, double]: (string | undefined)[]): number[] {
  const digits = hex ?? number;
  if (digits !== undefined) return (digits.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
  const text = single?.replaceAll("''", "'") ?? double?.replaceAll('""', '"') ?? '';
  return Array.from(text, (c) => c.charCodeAt(0) & 0xff);
}
