/**
 * Accounts of the drilled MySQL. They exist in the lab's template data folder before GTIDs are reset, so every node has them and no
 * node has errant transactions from making them. The lab is disposable and unreachable from outside; the passwords are no secrets.
 */
export interface Account {
  user: string;
  password: string;
}

/** The service's clients: may read and write the workload's tables and the heartbeat, nothing else. */
export const APP: Account = { user: 'app', password: 'app' };
/** Replication threads. */
export const REPL: Account = { user: 'repl', password: 'repl' };
/** Donor side of CLONE, for rejoining a node. */
export const CLONE: Account = { user: 'clone', password: 'clone' };

export const ACCOUNT_DDL: readonly string[] = [
  `CREATE USER '${APP.user}'@'%' IDENTIFIED BY '${APP.password}'`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON drill.* TO '${APP.user}'@'%'`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON drillbook_meta.* TO '${APP.user}'@'%'`,
  `CREATE USER '${REPL.user}'@'%' IDENTIFIED BY '${REPL.password}'`,
  `GRANT REPLICATION SLAVE ON *.* TO '${REPL.user}'@'%'`,
  `CREATE USER '${CLONE.user}'@'%' IDENTIFIED BY '${CLONE.password}'`,
  `GRANT BACKUP_ADMIN ON *.* TO '${CLONE.user}'@'%'`,
];
