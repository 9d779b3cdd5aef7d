/** How drills of this machine are asked what only their target knows: the writer by its socket, the leases by the kernel's own count. Changes nothing there. */
import { join } from 'node:path';
import { faultOf } from '../../activities/faults/index.ts';
import { Journal } from '../../activities/journal.ts';
import { writerClient } from '../../activities/workload/client.ts';
import { connectLocal } from '../../targets/platforms/local/connect.ts';
import type { LocalPlatform } from '../../targets/platforms/local/connect.ts';
import { writerSocket } from '../people/drills.ts';
import type { WritesNow } from '../live-model.ts';
import type { RunningDrill } from '../rundir.ts';
import type { AskTarget } from '../target-now.ts';

export class LocalTarget implements AskTarget {
  readonly #open = new Map<string, Promise<LocalPlatform>>();

  writes(d: RunningDrill): Promise<WritesNow> {
    return writerClient(writerSocket(d)).status();
  }

  /** The holder is asked only while a leased fault is in force. */
  async leases(d: RunningDrill): Promise<Record<string, number>> {
    const held = new Journal(join(d.dir, 'lab', 'work'), d.drillId).all().filter((e) => e.undo === 'leased' && e.phase === 'observed');
    if (held.length === 0) return {};
    const platform = await this.#platform(d.dir);
    const rests = await Promise.all(held.map(async (e) => [e.chainId, (await faultOf(e.verb).rest?.({ platform }, e.record)) ?? null] as const));
    return Object.fromEntries(rests.flatMap(([id, ms]) => (ms === null ? [] : [[id, ms]])));
  }

  close(): void {
    for (const opened of this.#open.values()) void opened.then((p) => p.close()).catch(() => undefined);
    this.#open.clear();
  }

  #platform(dir: string): Promise<LocalPlatform> {
    const known = this.#open.get(dir);
    if (known) return known;
    const opened = connectLocal(join(dir, 'lab', 'lab.json'));
    this.#open.set(dir, opened);
    const forget = () => void this.#open.delete(dir);
    opened.then((p) => p.lost.then(forget)).catch(forget);
    return opened;
  }
}
