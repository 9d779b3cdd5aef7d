/** A headless Chromium with a profile of its own that is empty at first: for the bench of people's sign-offs, and for tests of the board. */
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import { withLock } from '../setup/cache.mjs';
import { CHROMIUM_COST, fetchChromium, findChromium } from '../setup/chromium.mjs';
import { createProgress } from '../setup/progress.mjs';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where no Chromium can be had it throws and says why. */
export async function launchChromium(own: Readonly<Record<string, string | undefined>>, cacheDir: string): Promise<Browser> {
  const found =
    (await findChromium(own, cacheDir)) ??
    (await withLock(cacheDir, 'chromium', createProgress(process.stderr), async () => {
      process.stderr.write(`Fetching Chromium (${CHROMIUM_COST})\n`);
      return (await findChromium(own, cacheDir)) ?? (await fetchChromium(cacheDir));
    }));
  const env = Object.fromEntries(Object.entries({ ...own, ...found.env }).filter((e): e is [string, string] => e[1] !== undefined));
  return chromium.launch({ executablePath: found.program, headless: true, args: FLAGS, env });
}
