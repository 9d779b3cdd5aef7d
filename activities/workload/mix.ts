/**
 * What the writer writes: about 45 % inserts into orders, 15 % into journal, 40 % set and delete in acct (docs/semantics.md, 1).
 *
 * Conflicts by construction: of every four hot acct keys, two (class U) are set in every phase, which makes update/update; one (D1) is
 * deleted while the source is isolated and set after the promotion: delete/update; one (D2) is set while it is isolated and deleted
 * after the promotion: update/delete. A deleted key rests for the rest of its phase, and after the promotion every changed one does: so each class
 * holds at any later time, and a recovery that overwrites the new side's value is not hidden by the next write.
 * Until every hot key's change of the phase is acked (the first cycle), all acct writes go to hot keys.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { WriteKind, WriteOutcome } from '../../core/ledger.ts';
import { rowDigest } from '../../core/workload.ts';
import type { Phase } from './config.ts';

export interface Write {
  writeId: string;
  kind: WriteKind;
  table: string;
  key: string;
  digest: string;
  sql: string;
  values: readonly (string | number)[];
  /** a unique key refuses a second effect, so it may be sent again */
  retryable: boolean;
  /** hot keys only: the phase that it was made for */
  hotPhase?: Phase;
}

/** Keys of the hot set are 1 … hotKeys; those of fresh accounts begin here. */
const FRESH_FROM = 1_000_000;
const FRESH_KEPT = 64;

export class Mix {
  readonly #prefix: string;
  readonly #hotKeys: number;
  readonly #payloadBytes: number;
  readonly #busy = new Set<string>();
  readonly #fresh: string[] = [];
  /** hot keys whose change of this phase is acked */
  readonly #touched = new Set<string>();
  #phase: Phase = 'baseline';
  #cursor = 0;
  #acctWrites = 0;
  /** writes made so far; the next one gets the number after it */
  ordinal = 0;

  constructor(options: { drillId: string; hotKeys: number; payloadBytes: number }) {
    this.#prefix = createHash('sha256').update(options.drillId).digest('hex').slice(0, 8);
    this.#hotKeys = options.hotKeys;
    this.#payloadBytes = options.payloadBytes;
  }

  get phase(): Phase {
    return this.#phase;
  }
  set phase(phase: Phase) {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#touched.clear();
  }

  get hot(): { acked: number; of: number; done: boolean } {
    return { acked: this.#touched.size, of: this.#hotKeys, done: this.#touched.size >= this.#hotKeys };
  }

  /** The next write; its key is taken until `settled`. */
  next(): Write {
    this.ordinal += 1;
    const share = (this.ordinal * 0.618_033_988_749_895) % 1;
    const write = share < 0.45 ? this.#order() : share < 0.6 ? this.#journal() : this.#acct();
    this.#busy.add(`${write.table}/${write.key}`);
    return write;
  }

  settled(write: Pick<Write, 'table' | 'key' | 'kind'> & { hotPhase?: Phase }, outcome: WriteOutcome): void {
    this.#busy.delete(`${write.table}/${write.key}`);
    if (outcome !== 'acked' || write.table !== 'drill.acct') return;
    if (Number(write.key) < FRESH_FROM) {
      if ((write.hotPhase ?? this.#phase) === this.#phase) this.#touched.add(write.key);
    } else if (write.kind === 'set') {
      this.#fresh.push(write.key);
      if (this.#fresh.length > FRESH_KEPT) this.#fresh.shift();
    }
  }

  /** A retry takes its key again. */
  retaken(write: Write): void {
    this.#busy.add(`${write.table}/${write.key}`);
  }

  #writeId(): string {
    return `${this.#prefix}-${String(this.ordinal).padStart(8, '0')}`;
  }

  #text(): string {
    return randomBytes(Math.ceil(this.#payloadBytes * 0.75))
      .toString('base64url')
      .slice(0, this.#payloadBytes);
  }

  #order(): Write {
    const columns = {
      write_id: this.#writeId(),
      customer: String(this.ordinal % 997),
      amount: `${this.ordinal % 5000}.${String(this.ordinal % 100).padStart(2, '0')}`,
      note: this.#text(),
    };
    return { ...inserted('drill.orders', columns), retryable: true };
  }

  #journal(): Write {
    const columns = {
      account: String(1 + (this.ordinal % this.#hotKeys)),
      delta: String((this.ordinal % 2001) - 1000),
      note: this.#text(),
      write_id: this.#writeId(),
    };
    return { ...inserted('drill.journal', columns), retryable: false };
  }

  #acct(): Write {
    this.#acctWrites += 1;
    const hot = !this.hot.done || this.#acctWrites % 4 !== 0 ? this.#hotKey() : null;
    if (hot !== null) return { ...(deletes(hot, this.#phase) ? this.#delete(String(hot)) : this.#set(String(hot))), hotPhase: this.#phase };
    const old = this.#acctWrites % 3 === 0 ? this.#fresh.shift() : undefined;
    return old === undefined ? this.#set(String(FRESH_FROM + this.ordinal)) : this.#delete(old);
  }

  /** The next hot key that may be written: one not yet changed in this phase, else any that does not rest; null when all are in flight or rest. */
  #hotKey(): number | null {
    for (const again of [false, true]) {
      for (let i = 1; i <= this.#hotKeys; i += 1) {
        const key = 1 + ((this.#cursor + i - 1) % this.#hotKeys);
        const touched = this.#touched.has(String(key));
        if (this.#busy.has(`drill.acct/${key}`) || (again ? rests(key, this.#phase) : touched)) continue;
        this.#cursor = key;
        return key;
      }
    }
    return null;
  }

  #set(key: string): Write {
    const columns = { id: key, balance: String(this.ordinal * 10), owner: this.#text(), write_id: this.#writeId() };
    return {
      writeId: columns.write_id,
      kind: 'set',
      table: 'drill.acct',
      key,
      digest: rowDigest(columns),
      sql: 'INSERT INTO drill.acct (id, balance, owner, write_id) VALUES (?, ?, ?, ?) AS n ON DUPLICATE KEY UPDATE balance = n.balance, owner = n.owner, write_id = n.write_id',
      values: Object.values(columns),
      retryable: false,
    };
  }

  #delete(key: string): Write {
    return {
      writeId: this.#writeId(),
      kind: 'delete',
      table: 'drill.acct',
      key,
      digest: '',
      sql: 'DELETE FROM drill.acct WHERE id = ?',
      values: [key],
      retryable: false,
    };
  }
}

function inserted(table: string, columns: Record<string, string> & { write_id: string }): Omit<Write, 'retryable'> {
  const names = Object.keys(columns);
  return {
    writeId: columns.write_id,
    kind: 'insert',
    table,
    key: columns.write_id,
    digest: rowDigest(columns),
    sql: `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
    values: Object.values(columns),
  };
}

/** Whether the phase deletes this hot key. */
const deletes = (key: number, phase: Phase): boolean => (key % 4 === 2 && phase === 'isolated') || (key % 4 === 3 && phase === 'promoted');

/** Whether a hot key, once changed in the phase, is left alone for the rest of it. */
const rests = (key: number, phase: Phase): boolean => phase === 'promoted' || deletes(key, phase);
