/**
 * The synthetic workload's tables: what the writer writes, the ledger names and the verifier reads.
 * They are created in the lab's template, before GTIDs are reset, so no node has errant transactions from DDL.
 */
import { digestOf } from './json.ts';

export interface WorkloadTable {
  /** `schema.table` */
  name: string;
  ddl: string;
  /** columns that the client supplies, in order; the ledger's digest covers these */
  clientColumns: string[];
  primaryKey: string;
  /** column that identifies a row for the client (write_id where the id is AUTO_INCREMENT) */
  identity: string;
}

const WRITE_ID = 'write_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL';

export const WORKLOAD_TABLES: readonly WorkloadTable[] = [
  {
    name: 'drill.orders',
    ddl: `CREATE TABLE drill.orders (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, ${WRITE_ID}, customer INT NOT NULL, amount DECIMAL(12,2) NOT NULL, note VARCHAR(2000) NOT NULL, UNIQUE KEY write_id (write_id))`,
    clientColumns: ['write_id', 'customer', 'amount', 'note'],
    primaryKey: 'id',
    identity: 'write_id',
  },
  {
    name: 'drill.acct',
    ddl: `CREATE TABLE drill.acct (id BIGINT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL, owner VARCHAR(2000) NOT NULL, ${WRITE_ID})`,
    clientColumns: ['id', 'balance', 'owner', 'write_id'],
    primaryKey: 'id',
    identity: 'id',
  },
  {
    name: 'drill.journal',
    ddl: `CREATE TABLE drill.journal (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, account BIGINT NOT NULL, delta BIGINT NOT NULL, note VARCHAR(2000) NOT NULL, ${WRITE_ID}, KEY write_id (write_id))`,
    clientColumns: ['account', 'delta', 'note', 'write_id'],
    primaryKey: 'id',
    identity: 'write_id',
  },
];

/** Staleness: one row per source that ever wrote, keyed by its server_uuid. Counted apart from the workload's writes. `at_ns` is the client's monotonic clock. */
export const META_SCHEMA = 'drillbook_meta';
export const HEARTBEAT_TABLE = 'drillbook_meta.heartbeat';
export const WORKLOAD_DDL: readonly string[] = [
  'CREATE DATABASE drill',
  'CREATE DATABASE drillbook_meta',
  ...WORKLOAD_TABLES.map((t) => t.ddl),
  `CREATE TABLE ${HEARTBEAT_TABLE} (server_uuid CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY, at_ns BIGINT NOT NULL)`,
];

/** SHA-256 of canonical JSON {column: text}; text is what `CAST(column AS CHAR)` gives; null stays null. */
export function rowDigest(columns: Record<string, string | null>): string {
  return digestOf(columns);
}
