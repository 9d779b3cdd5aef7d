/** Disasters, on damaged logs: the view for people throws, or lets a byte through that steers the terminal; a JSON line has a shape that is not published. */
import { Random } from '../../bench/binlog-fuzz/random.ts';
import { soundLogs } from '../../bench/binlog-fuzz/logs.ts';
import { mutate } from '../../bench/binlog-fuzz/mutate.ts';
import { feed, LIMITS, WHOLE } from '../../bench/binlog-fuzz/transcript.ts';
import type { LogFile } from '../../bench/binlog-fuzz/transcript.ts';
import { Filter } from '../../console/cli/binlog/filter.ts';
import { TextView } from '../../console/cli/binlog/text.ts';
import { JsonLines } from '../../core/binlog/jsonl.ts';
import { lineSchema } from '../../core/binlog/jsonl-schema.ts';
import { LogReader } from '../../core/binlog/log.ts';
import type { LogVisitor } from '../../core/binlog/visitor.ts';
import { nodeBytes } from '../../targets/systems/mysql/binlog/bytes.ts';

const CASES = 800;
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const logs = soundLogs();
const damaged = (i: number): readonly LogFile[] => {
  const random = new Random(seed + i);
  return mutate(random.pick(logs), logs, random).files;
};
const read = (visitor: LogVisitor, files: readonly LogFile[]) =>
  feed(new LogReader(visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all', ...LIMITS }), files, WHOLE);

function textView(write: (text: string) => void, full = false): TextView {
  return new TextView(write, { look: { width: 80, colour: false, unicode: true }, full, bytes: nodeBytes });
}

test(`text of ${CASES} damaged logs is printable, filtered or not (seed ${seed})`, async () => {
  for (let i = 0; i < CASES; i++) {
    let text = '';
    const view = textView((t) => (text += t), i % 2 === 0);
    const wanted = { gtid: null, tables: ['t.*'], sinceUs: -Infinity, untilUs: Infinity };
    await read(i % 3 === 0 ? new Filter(view, wanted) : view, damaged(i));
    const harmful = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.exec(text);
    expect([seed + i, harmful?.[0].codePointAt(0)]).toEqual([seed + i, undefined]);
  }
}, 60_000);

test(`JSON Lines of ${CASES} damaged logs have the published shape (seed ${seed})`, async () => {
  const kinds = new Set<string>();
  for (let i = 0; i < CASES; i++) {
    const blocks: Buffer[] = [];
    const lines = new JsonLines((block) => blocks.push(Buffer.from(block)), nodeBytes);
    await read(lines, damaged(i));
    lines.flush();
    for (const line of Buffer.concat(blocks).toString().split('\n').slice(0, -1)) {
      const { success, data } = lineSchema.safeParse(JSON.parse(line));
      if (!success) throw new Error(`seed ${seed + i}: ${line}`);
      kinds.add(data.type);
    }
  }
  // every one that the recorded logs have
  expect(lineSchema.options.map((o) => o.shape.type.value).filter((t) => !kinds.has(t) && t !== 'stop')).toEqual([]);
}, 60_000);
