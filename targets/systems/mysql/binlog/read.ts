/** Binary logs from wherever they are, pushed into a LogReader. */
export { listLogs } from './list.ts';
export type { LogSource } from './list.ts';
export { readFiles, readPipe } from './files.ts';
export type { FileRead, ReadProgress } from './files.ts';
export { readStream } from './stream.ts';
export type { StreamOptions } from './stream.ts';
