/** The holder's clocks. CLOCK_MONOTONIC is the same in every namespace of the machine, so all probes are on one clock. */
import { readFileSync } from 'node:fs';
import type { Instant } from '../../../core/time.ts';

const BOOT = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Now, or the wall time of an earlier monotonic reading. */
export function instant(monoNs?: bigint, by = 'holder'): Instant {
  const wall = performance.timeOrigin + performance.now();
  const now = process.hrtime.bigint();
  const at = monoNs ?? now;
  return { wallMs: wall - Number(now - at) / 1e6, monoNs: String(at), boot: BOOT, by };
}
