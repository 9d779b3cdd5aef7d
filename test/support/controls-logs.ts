/** Negative controls: logs that are cut, purged or damaged, logs that hold no rows, and commits that no client heard of. */
import { acct, setAcct } from './controls-failover.ts';
import type { Control, Scene, Steps } from './controls.ts';

/** Both lost rows are back, so that only the log's state decides. */
const RECOVERED = [acct(50), acct(51)];
const recoveredFrom =
  (damage: (name: string, bytes: Buffer) => Buffer | null): Steps =>
  async (s) => {
    s.keepLogs(damage);
    await s.fresh.sql(...RECOVERED);
  };
const whole = recoveredFrom((_, bytes) => bytes);

/** The byte of a row image, changed: the checksum does not fit any more. */
function flipped(name: string, bytes: Buffer): Buffer {
  const at = bytes.lastIndexOf('someone-51');
  if (name !== 'binlog.000001' || at === -1) throw new Error(`the row is not in ${name} of ${bytes.length} bytes`);
  bytes[at] = bytes[at]! ^ 1;
  return bytes;
}

/** A client waits for an acknowledgement that no replica gives; then the source dies. */
async function phantom(s: Scene): Promise<void> {
  await s.dialect.semiSync(s.old);
  const at = async () => Number((await s.old.sql(s.dialect.logPosition))[0]!['Position']);
  const before = await at();
  const client = await s.session(s.old);
  const write = { w: 'o1', kind: 'set', table: 'acct', id: 50 } as const;
  const answer = s.client.write(client, write).then(
    () => 'acknowledged',
    () => 'no answer',
  );
  await s.until('the commit in the binary log', async () => (await at()) > before + 200);
  const [seen] = await s.old.sql('SELECT COUNT(*) n FROM drill.acct WHERE id = 50');
  await s.kill(s.old);
  if (Number(seen!['n']) !== 0 || (await answer) !== 'no answer') throw new Error('the commit was visible or acknowledged');
}

export const LOGS: readonly Control[] = [
  {
    name: 'phantom commit: in the old log, acknowledged to nobody',
    past: async (s) => s.client.write(await s.session(s.old), { w: 'p1', kind: 'set', table: 'acct', id: 1 }),
    lost: phantom,
    good: ["INSERT INTO drill.acct VALUES (50, 500, 'of o1', 'o1')"],
    wanted: 'fail',
    names: ['drill.acct 50'],
  },
  {
    name: 'a log that was cut, no ledger to say what had been promised',
    past: [acct(1)],
    lost: [acct(50), acct(51)],
    bad: recoveredFrom((_, bytes) => bytes.subarray(0, bytes.length - 40)),
    good: whole,
    wanted: 'unknown',
    names: ['binlog.000001'],
  },
  {
    name: 'a log without its beginning: what was purged lies after the fork',
    past: [acct(1)],
    lost: [acct(50), 'FLUSH BINARY LOGS', acct(51)],
    bad: recoveredFrom((name, bytes) => (name === 'binlog.000001' ? null : bytes)),
    good: whole,
    wanted: 'unknown',
    names: ['older than the oldest log'],
  },
  {
    name: 'a flipped bit in a row image of the lost part',
    past: [acct(1)],
    lost: [acct(50), acct(51)],
    bad: recoveredFrom(flipped),
    good: whole,
    wanted: 'unknown',
    names: ['binlog.000001'],
  },
  {
    name: 'the ledger’s last write is in no log and in no row',
    past: [acct(1)],
    lost: async (s) => {
      const c = await s.session(s.old);
      for (const id of [50, 51]) await s.client.write(c, { w: `o${id}`, kind: 'set', table: 'acct', id });
    },
    bad: async (s) => {
      s.keepLogs((_, bytes) => bytes.subarray(0, bytes.length - 40));
      await s.fresh.sql("INSERT INTO drill.acct VALUES (50, 500, 'of o50', 'o50')");
    },
    good: (s) => s.replay(),
    wanted: 'fail',
    names: ['drill.acct 51'],
    fates: { o51: 'missing' },
  },
  {
    name: 'DML as a statement in the lost part',
    past: [acct(1)],
    lost: async (s) => void (await s.old.sql(`SET SESSION binlog_format = ${s.healthy ? 'ROW' : 'STATEMENT'}`, setAcct(1, 'old'))),
    bad: [setAcct(1, 'old')],
    good: [setAcct(1, 'old')],
    wanted: 'unknown',
    names: ['UPDATE drill.acct'],
  },
  {
    name: 'an ALTER in the lost part',
    ddl: ['CREATE TABLE t (id INT PRIMARY KEY, v INT)'],
    past: ['INSERT INTO c.t VALUES (1, 0)'],
    lost: async (s) => void (await s.old.sql('UPDATE c.t SET v = 1', ...(s.healthy ? [] : ['ALTER TABLE c.t ADD COLUMN w INT', 'UPDATE c.t SET w = 2']))),
    bad: ['UPDATE c.t SET v = 1'],
    good: ['UPDATE c.t SET v = 1'],
    wanted: 'unknown',
    names: ['ALTER TABLE c.t'],
  },
  {
    name: 'a CREATE TABLE … SELECT in the lost part',
    past: [acct(1)],
    lost: async (s) =>
      void (await s.old.sql(setAcct(1, 'old'), ...(s.healthy ? [] : ['CREATE TABLE c.copied (id BIGINT PRIMARY KEY) SELECT id FROM drill.acct']))),
    bad: [setAcct(1, 'old')],
    good: [setAcct(1, 'old')],
    wanted: 'unknown',
    names: ['c.copied'],
  },
  {
    name: 'a TRUNCATE in the lost part',
    past: [acct(1)],
    lost: async (s) => void (await s.old.sql(...(s.healthy ? [] : ['TRUNCATE TABLE drill.journal']), setAcct(1, 'old'))),
    bad: [setAcct(1, 'old')],
    good: [setAcct(1, 'old')],
    wanted: 'unknown',
    names: ['TRUNCATE TABLE drill.journal'],
  },
  {
    name: 'an XA branch that was prepared and never decided',
    past: [acct(1)],
    lost: async (s) => void (await s.old.sql("XA START 'b'", setAcct(1, 'old'), "XA END 'b'", "XA PREPARE 'b'", ...(s.healthy ? ["XA COMMIT 'b'"] : []))),
    bad: [setAcct(1, 'old')],
    good: [setAcct(1, 'old')],
    wanted: 'unknown',
    names: ['XA'],
  },
];
