/** What the worker bundles. */
export { drill } from './drill.ts';
