/** MariaDB's positions: a type of their own, never mixed with MySQL's GTID sets. */
export interface MariaGtid {
  domain: number;
  server: number;
  /** a safe integer */
  seq: number;
}
