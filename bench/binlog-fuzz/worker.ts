/** A thread that fuzzes: it can be ended when it hangs, and runs at full speed beside a test runner's module loader. */
import { parentPort, workerData } from 'node:worker_threads';
import { fuzzHere } from './fuzz.ts';

const { cases, seed, at } = workerData as { cases: number; seed: number; at: Int32Array };
parentPort!.postMessage(await fuzzHere(cases, seed, at), []);
