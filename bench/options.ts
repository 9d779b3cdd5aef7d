import type { Tools } from '../targets/tools.ts';

export const PARTS = ['lab', 'cut', 'signoff', 'drill', 'memory'] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  tools: Tools;
  cacheDir: string;
  root: string;
  env: Record<string, string>;
  /** what is being done, for whoever waits */
  say(line: string): void;
}
