/** The old source takes no write on any path, now or at its next start. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Target } from '../deps.ts';
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
    const others = await otherServers(target, node);
    for (const t of await target.system.tryWrites(node)) {
      const elsewhere = t.serverUuid === null ? undefined : others.get(t.serverUuid);
      details.push(`${t.path}: ${t.said}${elsewhere ? ` by ${elsewhere}` : ''}`);
      if (t.accepted && !elsewhere) bad.push(`${t.path} accepted a write on ${node}`);
    }
    const options = readFileSync(facts.optionFile, 'utf8').toLowerCase().replaceAll('-', '_');
    const missing = NEEDED.filter((o) => !new RegExp(`^\\s*${o}\\s*(=\\s*(on|1)\\s*)?$`, 'm').test(options));
    if (missing.length > 0) bad.push(`the option file of ${node} lacks ${missing.join(', ')}: its next start would not be fenced`);
    return bad.length > 0
      ? { verdict: 'fail', seen: bad.join('; '), details }
      : { verdict: 'pass', seen: `no path to ${node} accepts a write, and its next start is read-only and offline`, details };
  },
};

/** server_uuid → name of the other nodes: a write that they take is no hole in the fence. */
async function otherServers(t: Target, node: string): Promise<Map<string, string>> {
  const { nodes } = await t.platform.facts();
  const up = nodes.filter((n) => n.name !== node && n.running);
  return new Map(await Promise.all(up.map(async (n) => [(await t.system.position(n.name)).serverUuid, n.name] as const)));
}
