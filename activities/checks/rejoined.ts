/** A node replicates from the promoted source, is read-only, serves reads, and has caught up. */
import { z } from 'zod';
import type { CheckModule } from './check.ts';

const schema = z.strictObject({ node: z.string(), source: z.string() });
const CATCH_UP_MS = 20_000;

export const rejoined: CheckModule<z.infer<typeof schema>> = {
  name: 'rejoined',
  schema,
  async run({ target }, { node, source }) {
    const { nodes } = await target.platform.facts();
    const facts = nodes.find((n) => n.name === node)!;
    const wanted = await target.system.position(source);
    const caughtUp = await target.system.waitFor(node, wanted.gtidExecuted, CATCH_UP_MS);
    const p = await target.system.position(node);
    const bad: string[] = [];
    if (!p.source) bad.push(`${node} replicates from nobody`);
    else {
      if (p.source.address.split(':')[0] !== nodes.find((n) => n.name === source)!.address)
        bad.push(`${node} replicates from ${p.source.address}, not from ${source}`);
      if (![p.source.io, p.source.sql].every((s) => /^(on|yes)$/i.test(s)))
        bad.push(`replication threads: io ${p.source.io}, sql ${p.source.sql} ${p.source.lastError}`);
    }
    if (!caughtUp) bad.push(`${node} did not catch up with ${source} within ${CATCH_UP_MS / 1000} s`);
    if (!p.superReadOnly) bad.push(`${node} is not super_read_only`);
    if (p.offline) bad.push(`${node} is still in offline_mode`);
    if (facts.safeState) bad.push(`${node} is still in its safe state`);
    const details = [`${node} gtid_executed ${p.gtidExecuted}`, `${source} gtid_executed ${wanted.gtidExecuted}`];
    return bad.length > 0
      ? { verdict: 'fail', seen: bad.join('; '), details }
      : { verdict: 'pass', seen: `${node} replicates from ${source}, read-only, caught up`, details };
  },
};
