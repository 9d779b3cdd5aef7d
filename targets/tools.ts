/** Programs that drills need, found or fetched by setup/ (setup/tools.mjs); every one is a path that can be executed as it is. */
export interface Tools {
  /** Folder of wrappers (mysql, mysqlbinlog, mysqldump, mysqld, nft, arping, drillbook); goes first on a person's PATH. */
  binDir: string;
  node: string;
  mysqld: string;
  /** e.g. "9.7.4" */
  mysqldVersion: string;
  /** --basedir of mysqld, with share/ below it */
  mysqlBasedir: string;
  mysql: string;
  mysqlbinlog: string;
  mysqldump: string;
  nft: string;
  arping: string;
  ip: string;
  unshare: string;
  nsenter: string;
  setpriv: string;
  /** null when TEMPORAL_ADDRESS names a server that runs already */
  temporal: string | null;
}
