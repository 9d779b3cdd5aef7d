/** A headless Chromium for tests of the board, and what every page of ours must hold to for people who do not see it as we do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { cacheFolder, withLock } from '../../setup/cache.mjs';
import { CHROMIUM_COST, fetchChromium, findChromium } from '../../setup/chromium.mjs';
import { createProgress } from '../../setup/progress.mjs';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** With a profile of its own that is empty at first. Where no Chromium can be had the test fails and says why: none skips itself. */
export async function launchChromium(): Promise<Browser> {
  const cacheDir = cacheFolder(process.env);
  const found =
    (await findChromium(process.env, cacheDir)) ??
    (await withLock(cacheDir, 'chromium', createProgress(process.stderr), async () => {
      process.stderr.write(`Fetching Chromium for the tests (${CHROMIUM_COST})\n`);
      return (await findChromium(process.env, cacheDir)) ?? (await fetchChromium(cacheDir));
    }));
  const env = Object.fromEntries(Object.entries({ ...process.env, ...found.env }).filter((e): e is [string, string] => e[1] !== undefined));
  return chromium.launch({ executablePath: found.program, headless: true, args: FLAGS, env });
}

const FAULTS = readFileSync(join(import.meta.dirname, 'page-faults.js'), 'utf8');
/** What is wrong with a page as it stands, as sentences; page-faults.js is evaluated in it. */
export const faultsOfPage = (page: Page): Promise<string[]> => page.evaluate(`(() => {\n${FAULTS}\nreturn faultsOfPage();\n})()`);
