import { readFileSync } from 'node:fs';
import type { Instant } from '../core/time.ts';

const boot = (() => {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
})();

/** Both clocks of this machine, read together. */
export function localInstant(by: string): Instant {
  return { wallMs: Date.now(), monoNs: String(process.hrtime.bigint()), boot, by };
}
