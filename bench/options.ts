import type { Tools } from '../targets/tools.ts';

/** What `drillbook bench` measures when it is not told. */
export const PARTS_DEFAULT = ['lab', 'cut', 'signoff', 'drill', 'memory'] as const;
/** Those of people, of binary logs and of the reconciliation take minutes and are asked for by name. */
export const PARTS = [...PARTS_DEFAULT, 'people', 'binlog', 'binlog-fuzz', 'reconcile'] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  tools: Tools;
  cacheDir: string;
  root: string;
  env: Record<string, string>;
  /** a few of everything, to see that it works: no figures to keep */
  quick: boolean;
  /** what is being done, for whoever waits */
  say(line: string): void;
}
