/** Durations as people write them in a runbook: a whole number and a unit. */
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export const DURATION = /^([1-9][0-9]{0,8})(ms|s|m|h|d)$/;

/** Milliseconds of a text that the schema has accepted; NaN for any other. */
export function durationMs(text: string): number {
  const [, count, unit] = DURATION.exec(text) ?? [];
  return count === undefined ? NaN : Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
}

/** The shortest text with that length: 90000 → "90s", 300000 → "5m". Inverse of durationMs up to the choice of unit. */
export function durationText(ms: number): string {
  if (ms <= 0) return '0s';
  const unit = (['d', 'h', 'm', 's'] as const).find((u) => ms % UNIT_MS[u] === 0) ?? 'ms';
  return `${ms / UNIT_MS[unit]}${unit}`;
}
