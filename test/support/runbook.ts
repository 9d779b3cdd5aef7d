/** A small, right runbook, and a catalogue that knows what it names, a target that fits; tests break it in one place. */
import { z } from 'zod';
import type { Catalogue } from '../../core/runbook/lint.ts';
import { inventorySchema } from '../../core/runbook/schema.ts';

export const CATALOGUE: Catalogue = {
  faults: {
    partition: {
      undo: 'leased',
      schema: z.strictObject({ node: z.string(), from: z.array(z.string()).min(1) }),
      title: (a) => `partition ${(a as { node: string }).node}`,
    },
    'kill-node': { undo: 'one-way', schema: z.strictObject({ node: z.string() }), title: (a) => `kill ${(a as { node: string }).node}` },
    promote: { undo: 'one-way', schema: z.strictObject({ node: z.string() }), title: (a) => `promote ${(a as { node: string }).node}` },
  },
  checks: { fenced: { schema: z.strictObject({ node: z.string() }) }, recovered: {} },
};

/** The target that it fits. */
export const INVENTORY = inventorySchema.parse({
  target: 'local',
  platform: 'local',
  system: 'mysql',
  site: 'here',
  nodes: ['db1', 'db2', 'db3'],
  disposable: true,
  drills: 'allowed',
});

export const RUNBOOK = `runbook: small
title: A small disaster
needs: { system: mysql, nodes: 3, disposable: true }
objectives:
  service-rto: { within: 30s, from: kill-source }
  data-rto: { within: 5m }
  convergence: { within: 6m }
  rpo-after-recovery: { writes: 0 }
workload: { rate: 100, concurrency: 16, payload: 64, hot-keys: 64, timeout: 1s }
rules: { conflict: new-wins, identity: { drill.orders: write_id } }
limits: { drill: 10m, session-lost: 1m, catch-up: 30s }
chain:
  - { id: baseline, do: baseline, with: { for: 3s } }
  - id: cut
    do: partition
    with: { node: db1, from: [db2, db3] }
    lease: 30s
    held-until: kill-source
  - { id: isolated, do: writes, with: { phase: isolated, for: 4500ms } }
  - { id: kill-source, do: kill-node, with: { node: db1 }, title: The source dies }
  - { id: promote-db2, do: promote, with: { node: db2 } }
expect: { lost-transactions: 1, conflicts: { insert/insert: 20 } }
steps:
  - id: fence
    title: Fence
    role: sre
    budget: 30s
    instructions: |
      Fence {{nodes.db1.name}}.

      - at {{nodes.db1.optionFile}}
    inputs:
      - { name: how, type: choice, ask: How?, choices: [socket, file] }
    checks: [{ check: fenced, with: { node: db1 } }]
    rehearse:
      script: |
        echo {{sh work}}
      inputs: { how: file }
  - id: recover
    title: Recover
    role: dba
    budget: 2m
    needs: [fence]
    instructions: Recover what {{facts.promote-db2.gtidExecuted}} lacks, fenced by {{inputs.fence.how}}.
    checks: [{ check: recovered }]
    rehearse: { script: "true" }
rehearsals:
  default: { title: As written }
  wrong: { title: Wrong on purpose, steps: { recover: { script: "false" } }, on-sent-back: skip }
`;
