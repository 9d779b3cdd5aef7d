/** Negative controls of what only MariaDB has. */
import { acct, setAcct } from './controls-failover.ts';
import type { Control } from './controls.ts';

export const ONLY_MARIADB: readonly Control[] = [
  {
    name: 'the new source does not log what it replicates: its log does not tell the fork',
    past: [acct(1)],
    cut: async (s) => {
      if (!s.healthy) {
        await s.restart(s.fresh, '--log-slave-updates=OFF');
        await s.fresh.sql('RESET MASTER', 'START REPLICA');
        await s.old.sql(acct(2));
      }
      await s.cut();
    },
    lost: [acct(50)],
    fresh: [acct(60), setAcct(1, 'new')],
    bad: [acct(50)],
    good: [acct(50)],
    flags: () => ['--rule', 'old-wins'],
    wanted: 'unknown',
    names: ['@@gtid_slave_pos'],
  },
  {
    name: 'the same, where a person names the position of the promotion',
    past: [acct(1)],
    cut: async (s) => {
      await s.restart(s.fresh, '--log-slave-updates=OFF');
      await s.fresh.sql('RESET MASTER', 'START REPLICA');
      await s.cut();
      s.base = String((await s.fresh.sql('SELECT @@gtid_slave_pos g'))[0]!['g']);
    },
    lost: [acct(50)],
    fresh: [acct(60), setAcct(1, 'new')],
    good: [acct(50)],
    flags: (s) => ['--rule', 'old-wins', '--fork', s.base],
    wanted: 'fail',
    names: ['drill.acct 50'],
  },
  {
    name: 'a system-versioned table in the lost part',
    ddl: ['CREATE TABLE v (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING'],
    past: [acct(1)],
    lost: async (s) => void (await s.old.sql(setAcct(1, 'old'), ...(s.healthy ? [] : ['INSERT INTO c.v VALUES (1, 1)']))),
    bad: [setAcct(1, 'old'), 'INSERT INTO c.v VALUES (1, 1)'],
    good: [setAcct(1, 'old')],
    wanted: 'unknown',
    names: ['c.v is system-versioned'],
  },
  {
    name: 'a sequence that the lost part counted up',
    ddl: ['CREATE SEQUENCE s'],
    past: [acct(1)],
    lost: async (s) => void (await s.old.sql(setAcct(1, 'old'), ...(s.healthy ? [] : ['SELECT NEXTVAL(c.s)']))),
    bad: [setAcct(1, 'old')],
    good: [setAcct(1, 'old')],
    wanted: 'unknown',
    names: ['c.s is a sequence'],
  },
  {
    name: 'a key of UUIDs and addresses, not recovered',
    ddl: ['CREATE TABLE k (u UUID, a INET6, v INT, PRIMARY KEY (u, a))'],
    past: ["INSERT INTO c.k VALUES ('6ccd780c-baba-1026-9564-5b8c656024db', '::1', 1)"],
    lost: ["UPDATE c.k SET v = 2 WHERE a = '::1'"],
    good: ["UPDATE c.k SET v = 2 WHERE u = '6ccd780c-baba-1026-9564-5b8c656024db'"],
    wanted: 'fail',
    names: ['c.k'],
  },
];
