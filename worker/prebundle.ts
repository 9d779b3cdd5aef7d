/** Writes the workflow bundle of a checkout into a package being made, whose root is the one argument (setup/pack.mjs). Its source map names files as the checkout has them. */
import { writeFileSync } from 'node:fs';
import { DefaultLogger } from '@temporalio/worker';
import { ROOT } from '../setup/entry.mjs';
import { bundleWorkflows, packedBundle } from './workflow-bundle.ts';

const MAP = /(?<=^\/\/# sourceMappingURL=data:application\/json;charset=utf-8;base64,)[A-Za-z0-9+/=]+$/m;
const withoutRoot = (map: string): string => Buffer.from(Buffer.from(map, 'base64').toString().replaceAll(`${ROOT}/`, '')).toString('base64');

const code = await bundleWorkflows(ROOT, new DefaultLogger('WARN'));
writeFileSync(packedBundle(process.argv[2] ?? ''), code.replace(MAP, withoutRoot));
