/** The programs that tests use, and the cache that they are in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../setup/cache.mjs';
import type { Tools } from '../../targets/tools.ts';

export const CACHE_DIR = cacheFolder(process.env);

/** What `npm test` hands down; for a test file run by hand, what the last set-up on this machine found. */
export function testTools(): Tools {
  return JSON.parse(process.env['DRILLBOOK_TOOLS'] ?? readFileSync(join(CACHE_DIR, 'tools', 'tools.json'), 'utf8')) as Tools;
}
