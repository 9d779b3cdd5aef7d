/**
 * Where this installation is and what kind it is: a checkout holds TypeScript, a package JavaScript, since Node strips no types below
 * node_modules. The one place that knows which; whatever starts a program of ours names its file by `entry`.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout, or `dist` of the package: core/, console/, runbooks/ and the others are below it in both. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

export const PACKAGED = !existsSync(join(ROOT, 'console', 'cli', 'main.ts'));

/** What a person types to get our command line. */
export const COMMAND = PACKAGED ? 'drillbook' : 'npx drillbook';

/**
 * The file that a program starts from.
 * @param {string} folder
 * @param {string} name without its ending
 */
export const entry = (folder, name) => join(folder, `${name}${PACKAGED ? '.js' : '.ts'}`);
