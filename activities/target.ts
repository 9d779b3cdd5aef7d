/** Taking a target and giving it back: lock, clocks, residue. */
import { createHash } from 'node:crypto';
import { heartbeat } from '@temporalio/activity';
import type { ChainEntry } from '../core/plan.ts';
import type { Instant } from '../core/time.ts';
import { messageOf } from '../core/errors.ts';
import type { DrillRef } from '../workflows/messages.ts';
import type { Deps, Target } from './deps.ts';
import { FAULTS, faultOf } from './faults/index.ts';
import { Journal, releaseLock, takeLock } from './journal.ts';

export interface Locked {
  session: string;
  version: string;
  clock: { boot: string; wallMinusMonoMs: number; errorMs: number };
  at: Instant;
}

/** wall − monotonic, from several pairs of readings: the median and how far they spread. */
async function readClock(t: Target): Promise<Locked['clock']> {
  const readings: number[] = [];
  let boot = '';
  for (let i = 0; i < 5; i++) {
    const now = await t.platform.now();
    boot = now.boot;
    readings.push(now.wallMs - Number(BigInt(now.monoNs)) / 1e6);
  }
  readings.sort((a, b) => a - b);
  return { boot, wallMinusMonoMs: readings[2]!, errorMs: Math.max(readings[4]! - readings[0]!, 0.001) };
}

export function targetActivities(deps: Deps) {
  return {
    async lockTarget(ref: DrillRef, chain: ChainEntry[]): Promise<Locked> {
      const t = await deps.target(ref.target);
      const { workDir } = await t.platform.facts();
      const at = await t.platform.now();
      takeLock(workDir, ref.drillId, at.wallMs);
      for (const entry of chain) {
        if (!(entry.do in FAULTS)) continue;
        const fault = faultOf(entry.do);
        await fault.warm?.(t, fault.schema.parse(entry.with));
      }
      return { session: deps.sessionQueue, version: await t.system.version(), clock: await readClock(t), at };
    },

    /** Is the target as a drill may leave it? Every finding is a sentence. */
    async checkResidue(ref: DrillRef): Promise<{ clean: boolean; findings: string[] }> {
      const t = await deps.target(ref.target);
      const findings = await residueOf(t, ref.drillId);
      heartbeat();
      return { clean: findings.length === 0, findings };
    },

    async unlockTarget(ref: DrillRef, clean: boolean): Promise<{ at: Instant }> {
      const t = await deps.target(ref.target);
      releaseLock((await t.platform.facts()).workDir, ref.drillId, clean);
      return { at: await t.platform.now() };
    },
  };
}

/** Live cuts, unhealed faults, helpers that still run, nodes that are down or in a safe state, a recovery's journal, more than one writable node, a lost service address. */
export async function residueOf(t: Target, drillId: string): Promise<string[]> {
  const facts = await t.platform.facts();
  const findings = (await t.platform.cutState()).live.map((l) => `the network is still cut: ${l.pair.join('→')}`);
  for (const e of new Journal(facts.workDir, drillId).all())
    if (e.undo !== 'one-way' && e.phase !== 'healed') findings.push(`fault ${e.chainId} is ${e.phase}, not healed`);
  for (const p of await t.platform.processes()) if (p.running) findings.push(`process ${p.name} still runs`);
  const writable: string[] = [];
  for (const node of facts.nodes) {
    if (node.safeState) findings.push(`${node.name} is still in its safe state`);
    try {
      const p = await t.system.position(node.name);
      if (!p.readOnly) {
        writable.push(node.name);
        // replicas follow
        findings.push(...(await t.system.leftovers(node.name)));
      }
      if (p.offline) findings.push(`${node.name} is offline`);
    } catch (e) {
      findings.push(`${node.name} does not answer: ${messageOf(e)}`);
    }
  }
  if (writable.length !== 1) findings.push(`${writable.length} nodes accept writes: ${writable.join(', ') || 'none'}`);
  if (facts.service.holders.length !== 1 || facts.service.holders[0] !== writable[0])
    findings.push(`the service address is on ${facts.service.holders.join(', ') || 'no node'}`);
  return findings;
}

/** A queue name for a data folder, stable across worker restarts. */
export const sessionQueueOf = (site: string, dataFolderId: string): string =>
  `drillbook-session-${site}-${createHash('sha256').update(dataFolderId).digest('hex').slice(0, 12)}`;
