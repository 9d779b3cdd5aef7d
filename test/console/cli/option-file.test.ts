import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { groupDsn, isGroup } from '../../../console/cli/option-file.ts';
import { parseDsn } from '../../../targets/systems/mysql/dsn.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'dbt-cnf-'));
});
afterEach(() => rmSync(home, { recursive: true }));
const endpoint = (group: string) => parseDsn(groupDsn(group, { HOME: home }));
const write = (text: string, file = '.my.cnf') => writeFileSync(join(home, file), text);

test('a group over what [client] says', () => {
  write('# mine\n[client]\nuser = everybody\nport=3307\n[db2]\nhost = db2.example\nuser=dba\npassword = "a#b/@:% \\\\s"  # quoted\n[other]\nuser = x\n');
  expect(endpoint('@db2')).toEqual({ name: 'dba@db2.example:3307', user: 'dba', password: String.raw`a#b/@:% \s`, host: 'db2.example', port: 3307 });
});

test('a socket, TLS, an IPv6 address, an included folder', () => {
  mkdirSync(join(home, 'conf.d'));
  write(`!includedir ${join(home, 'conf.d')}\n[s]\nsocket=/run/my.sock\n[t]\nssl_mode=VERIFY_CA\nssl-ca=/etc/ca.pem\n`);
  write('[t]\nhost=::1\nuser=u', 'conf.d/a.cnf');
  write('[t]\nuser=ignored', 'conf.d/a.txt');
  expect(endpoint('@s')).toMatchObject({ user: 'root', socketPath: '/run/my.sock' });
  expect(endpoint('@t')).toMatchObject({ user: 'u', host: '::1', port: 3306, tls: { verify: 'ca', caFile: '/etc/ca.pem' } });
});

test('a file that includes itself ends, a group that is nowhere is refused by name', () => {
  write(`!include ${join(home, '.my.cnf')}\n[a]\nuser=u\n`);
  expect(endpoint('@a')).toMatchObject({ user: 'u' });
  expect(() => groupDsn('@none', { HOME: home })).toThrow(
    expect.objectContaining({ code: 'DRILL_DSN_INVALID', message: expect.stringContaining('[none]') }) as Error,
  );
});

test('what is a group', () => {
  expect(['@db2', '@a-b.c', '/run/x.sock', 'mysql://u@h', '@', '@a/b'].map((t) => isGroup(t))).toEqual([true, true, false, false, false, false]);
});
