/** A headless Chromium for tests of the board, and what every page of ours must hold to for people who do not see it as we do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import * as shared from '../../bench/chromium.ts';
import { cacheFolder } from '../../setup/cache.mjs';

/** Where no Chromium can be had the test fails and says why: none skips itself. */
export const launchChromium = (): Promise<Browser> => shared.launchChromium(process.env, cacheFolder(process.env));

const FAULTS = readFileSync(join(import.meta.dirname, 'page-faults.js'), 'utf8');
/** What is wrong with a page as it stands, as sentences; page-faults.js is evaluated in it. */
export const faultsOfPage = (page: Page): Promise<string[]> => page.evaluate(`(() => {\n${FAULTS}\nreturn faultsOfPage();\n})()`);
