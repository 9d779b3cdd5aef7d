/** The old source takes no write on any path, now or at its next start. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { CheckModule } from './check.ts';

const schema = z.strictObject({ node: z.string() });
const NEEDED = ['super_read_only', 'offline_mode', 'skip_replica_start'];

export const fenced: CheckModule<z.infer<typeof schema>> = {
  name: 'fenced',
  schema,
  async run({ target }, { node }) {
    const facts = (await target.platform.facts()).nodes.find((n) => n.name === node)!;
    const details: string[] = [];
    const bad: string[] = [];
    for (const t of await target.system.tryWrites(node)) {
      details.push(`${t.path}: ${t.said}`);
      if (t.accepted) bad.push(`${t.path} accepted a write on ${node}`);
    }
    const options = readFileSync(facts.optionFile, 'utf8').toLowerCase().replaceAll('-', '_');
    const missing = NEEDED.filter((o) => !new RegExp(`^\\s*${o}\\s*(=\\s*(on|1)\\s*)?$`, 'm').test(options));
    if (missing.length > 0) bad.push(`the option file of ${node} lacks ${missing.join(', ')}: its next start would not be fenced`);
    return bad.length > 0 ? { verdict: 'fail', seen: bad.join('; '), details } : { verdict: 'pass', seen: `no path to ${node} accepts a write, and its next start is read-only and offline`, details };
  },
};
