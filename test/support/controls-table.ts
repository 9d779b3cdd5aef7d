/** All negative controls, and the seeded sample of them that `npm test` runs. */
import { FAILOVER } from './controls-failover.ts';
import { ONLY_MARIADB } from './controls-mariadb.ts';
import { LOGS } from './controls-logs.ts';
import { ROWS } from './controls-rows.ts';
import type { Control } from './controls.ts';

export const CONTROLS: readonly Control[] = [...FAILOVER, ...ROWS, ...LOGS];

/** Those that apply on MariaDB, as they are there. */
export const MARIADB_CONTROLS: readonly Control[] = [
  ...CONTROLS.flatMap((c) => (typeof c.mariadb === 'string' ? [] : [{ ...c, ...c.mariadb }])),
  ...ONLY_MARIADB,
];

/** The others: name, and why it does not apply. */
export const NOT_ON_MARIADB: readonly [string, string][] = CONTROLS.flatMap((c): [string, string][] =>
  typeof c.mariadb === 'string' ? [[c.name, c.mariadb]] : [],
);

/** `count` of them on two servers, by a seed: mulberry32 draws without putting back. */
export function sampleOf(seed: number, count: number): Control[] {
  const rest = CONTROLS.filter((c) => c.nodes === undefined);
  const out: Control[] = [];
  for (let state = seed; out.length < count && rest.length > 0;) {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    out.push(...rest.splice(((t ^ (t >>> 14)) >>> 0) % rest.length, 1));
  }
  return out;
}
