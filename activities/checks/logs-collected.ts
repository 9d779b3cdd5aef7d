/** The collected binary logs are the dead node's, whole, byte for byte. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { LogFile } from '../../targets/port.ts';
import { oldLogs } from '../collect.ts';
import type { CheckModule } from './check.ts';

const schema = z.strictObject({ dir: z.string() });

export const logsCollected: CheckModule<z.infer<typeof schema>> = {
  name: 'logs-collected',
  schema,
  async run({ workDir }, { dir }) {
    const expected = JSON.parse(await readFile(oldLogs(workDir).list, 'utf8')) as LogFile[];
    if (expected.length === 0) return { verdict: 'unknown', seen: 'the node had no binary logs to compare with', details: [] };
    const wrong: string[] = [];
    for (const f of expected) {
      const file = join(workDir, dir, basename(f.file));
      if (!existsSync(file)) wrong.push(`${basename(f.file)} is missing`);
      else if ((await sha256(file)) !== f.sha256) wrong.push(`${basename(f.file)} differs from the node's file`);
    }
    const details = expected.map((f) => `${basename(f.file)} ${f.bytes} bytes sha256 ${f.sha256}`);
    return wrong.length > 0
      ? { verdict: 'fail', seen: wrong.join('; '), details }
      : { verdict: 'pass', seen: `${expected.length} binary logs, byte for byte those of the node`, details };
  },
};

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
