/** What the worker bundles. */
export { drill } from './drill.ts';
export { scheduledDrill } from './scheduled.ts';
