/**
 * Which acknowledged writes are not in place: a second opinion that shares no code with core/reconcile. It knows the workload: orders and journal
 * rows carry the id of the write that made them; an account belongs to the last acknowledged write of the new side, else of the old side.
 */
import { readFileSync } from 'node:fs';

interface Write {
  w: string;
  k: string;
  t: string;
  key: string;
  server: string;
  at: bigint;
  matched: number;
}
type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** `undecided`: accounts with a write of unknown outcome, which this opinion leaves out. */
export async function expectedBad(ledgerFile: string, query: Query): Promise<{ bad: string[]; undecided: Set<string> }> {
  const { acked, unknownKeys, newServer } = readLedger(ledgerFile);
  const bad: string[] = [];
  for (const table of ['drill.orders', 'drill.journal']) {
    const there = new Map<string, number>();
    for (const r of await query(`SELECT write_id, COUNT(*) n FROM ${table} GROUP BY write_id`)) there.set(String(r['write_id']), Number(r['n']));
    for (const w of acked.filter((a) => a.t === table)) if (there.get(w.w) !== 1) bad.push(`${table} ${w.w}`);
  }
  const rows = new Map((await query('SELECT id, write_id FROM drill.acct')).map((r) => [String(r['id']), String(r['write_id'])]));
  const byKey = Map.groupBy(
    acked.filter((a) => a.t === 'drill.acct' && a.matched > 0),
    (a) => a.key,
  );
  for (const [key, writes] of byKey) {
    if (unknownKeys.has(key)) continue;
    const fresh = writes.filter((w) => w.server === newServer);
    const last = (fresh.length > 0 ? fresh : writes).reduce((a, b) => (b.at > a.at ? b : a));
    if (rows.get(key) !== (last.k === 'delete' ? undefined : last.w)) bad.push(`drill.acct ${last.w}`);
  }
  return { bad, undecided: unknownKeys };
}

function readLedger(file: string): { acked: Write[]; unknownKeys: Set<string>; newServer: string } {
  const intents = new Map<string, Write>();
  const acked = new Map<string, Write>();
  const unknownKeys = new Set<string>();
  let newServer = '';
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const r = JSON.parse(line) as Record<string, string | number>;
    const id = `${r['w']}/${r['a']}`;
    if (r['e'] === 'intent')
      intents.set(id, { w: String(r['w']), k: String(r['k']), t: String(r['t']), key: String(r['key']), server: '', at: 0n, matched: 0 });
    if (r['e'] !== 'reply') continue;
    const w = intents.get(id)!;
    intents.delete(id);
    if (r['o'] === 'unknown') unknownKeys.add(w.key);
    if (r['o'] !== 'acked') continue;
    newServer = String(r['u']);
    acked.set(w.w, { ...w, server: newServer, at: BigInt(r['r']!), matched: Number(r['m'] ?? 0) });
  }
  for (const open of intents.values()) unknownKeys.add(open.key);
  return { acked: [...acked.values()], unknownKeys, newServer };
}
