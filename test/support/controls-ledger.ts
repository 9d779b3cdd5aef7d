/** A client that writes one statement at a time and keeps a ledger as the workload does: intent before the statement, the server's own GTID in the reply. */
import { writeFile } from 'node:fs/promises';
import type { Connection } from 'mysql2/promise';
import { CHAIN_START, chainLine } from '../../core/history.ts';
import type { WriteKind, WriteOutcome } from '../../core/ledger.ts';
import { rowDigest } from '../../core/workload.ts';

type Columns = Record<string, string>;
export type ClientTable = 'orders' | 'acct' | 'journal';

export interface ClientWrite {
  w: string;
  kind: Exclude<WriteKind, 'add'>;
  table: ClientTable;
  /** acct: the row's id; elsewhere the write id is the key */
  id?: number;
  /** from 1 */
  attempt?: number;
}

/** What the write puts there; the write id is in the row. */
function columnsOf({ w, table, id }: ClientWrite): Columns {
  if (table === 'orders') return { write_id: w, customer: '7', amount: '12.50', note: `of ${w}` };
  if (table === 'journal') return { account: '1', delta: '-5', note: `of ${w}`, write_id: w };
  return { id: String(id), balance: String(id! * 10), owner: `of ${w}`, write_id: w };
}

/** The write's statement, values inside. */
export function sqlOf(write: ClientWrite): string {
  if (write.kind === 'delete') return `DELETE FROM drill.${write.table} WHERE id = ${write.id}`;
  const columns = columnsOf(write);
  const names = Object.keys(columns);
  const values = Object.values(columns).map((v) => `'${v}'`);
  const update = write.kind === 'set' ? ` ON DUPLICATE KEY UPDATE ${names.map((c) => `${c} = VALUES(${c})`).join(', ')}` : '';
  return `INSERT INTO drill.${write.table} (${names.join(', ')}) VALUES (${values.join(', ')})${update}`;
}

export class LedgerClient {
  private readonly lines: object[] = [];
  private clock = 1_000_000_000n;

  get used(): boolean {
    return this.lines.length > 0;
  }

  /** Sends it and records the answer; `lost`: the answer never arrives. */
  async write(server: Connection, write: ClientWrite, lost = false): Promise<void> {
    this.intend(write);
    const [done] = await server.query(sqlOf(write));
    const { affectedRows, stateChanges } = done as { affectedRows: number; stateChanges?: { gtids?: string[] } };
    const [[{ v }]] = (await server.query('SELECT @@version v')) as unknown as [[{ v: string }]];
    const mariadb = v.includes('MariaDB');
    const asked = mariadb ? 'SELECT @@server_id u, @@last_gtid g' : 'SELECT @@server_uuid u';
    const [[{ u, g: last }]] = (await server.query(asked)) as unknown as [[{ u: string | number; g?: string }]];
    const g = mariadb && affectedRows > 0 ? last! : (stateChanges?.gtids?.join(',') ?? '');
    const found = affectedRows > 0 ? 1 : 0;
    this.reply(write, lost ? { o: 'unknown' } : { o: 'acked', m: found, c: found, u: String(u), g });
  }

  intend(write: ClientWrite): void {
    const { w, kind, table, id, attempt } = write;
    const key = table === 'acct' ? String(id) : w;
    const d = kind === 'delete' ? '' : rowDigest(columnsOf(write));
    this.lines.push({ e: 'intent', w, a: attempt ?? 1, k: kind, t: `drill.${table}`, key, d, i: this.tick(), s: this.tick() });
  }

  reply({ w, attempt }: ClientWrite, answer: { o: WriteOutcome; m?: number; c?: number; u?: string; g?: string; err?: string }): void {
    this.lines.push({ e: 'reply', w, a: attempt ?? 1, r: this.tick(), ...answer });
  }

  private tick(): string {
    return String((this.clock += 1_000_000n));
  }

  async save(path: string): Promise<string> {
    let prev = CHAIN_START;
    let text = '';
    for (const [i, record] of this.lines.entries()) {
      const { line, digest } = chainLine(i + 1, prev, record);
      text += line;
      prev = digest;
    }
    await writeFile(path, text);
    return path;
  }
}
