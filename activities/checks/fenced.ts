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
    if (details.length === 0) return { verdict: 'unknown', seen: `no path to ${node} was tried`, details };
    const missing = notSet(readFileSync(facts.optionFile, 'utf8'));
    if (missing.length > 0) bad.push(`the option file of ${node} lacks ${missing.join(', ')}: its next start would not be fenced`);
    return bad.length > 0
      ? { verdict: 'fail', seen: bad.join('; '), details }
      : { verdict: 'pass', seen: `no path to ${node} accepts a write, and its next start is read-only and offline`, details };
  },
};

/** Which of the needed options a server that reads this file would not have on: sections of the server only, and the last mention of an option counts. */
export function notSet(optionFile: string): string[] {
  const on = new Map<string, boolean>();
  let server = false;
  for (const line of optionFile
    .toLowerCase()
    .split('\n')
    .map((l) => l.trim())) {
    const section = /^\[(.+)\]$/.exec(line)?.[1];
    if (section !== undefined) server = /^(mysqld|server|mysqld-[0-9.]+)$/.test(section);
    const [, name, value] = /^([a-z_-]+)\s*(?:=\s*(\S+?)\s*(?:#.*)?)?$/.exec(line) ?? [];
    if (server && name !== undefined) on.set(name.replaceAll('-', '_'), value === undefined || ['on', '1', 'true'].includes(value));
  }
  return NEEDED.filter((o) => on.get(o) !== true);
}

/** server_uuid → name of the other nodes: a write that they take is no hole in the fence. */
async function otherServers(t: Target, node: string): Promise<Map<string, string>> {
  const { nodes } = await t.platform.facts();
  const up = nodes.filter((n) => n.name !== node && n.running);
  return new Map(await Promise.all(up.map(async (n) => [(await t.system.position(n.name)).serverUuid, n.name] as const)));
}
