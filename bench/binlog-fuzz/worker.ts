/** A thread that fuzzes: it can be ended when it hangs, and runs at full speed beside a test runner's module loader. */
import { parentPort, workerData } from 'node:worker_threads';
import { DrillError } from '../../core/errors.ts';
import { fuzzHere } from './fuzz.ts';

/** Far above what the limits of a case allow, far below what a length can promise. */
const ELEMENTS_MAX = 1024 * 1024;

/** No array may be as long as damaged bytes say. What is never touched is in no one's resident memory, so the asking is watched. */
function watchAllocations(): void {
  const types = { Uint8Array, Uint16Array, Uint32Array, Int32Array, Float64Array, BigUint64Array, BigInt64Array, ArrayBuffer };
  for (const [name, type] of Object.entries(types)) {
    const watched = new Proxy(type as unknown as new (...args: unknown[]) => object, {
      construct(target, args: unknown[]) {
        if (typeof args[0] === 'number' && args[0] > ELEMENTS_MAX) throw new DrillError('DRILL_BENCH', `an ${name} of ${args[0]} elements was asked for`);
        return Reflect.construct(target, args);
      },
    });
    Object.defineProperty(globalThis, name, { value: watched, writable: true, configurable: true });
  }
}

watchAllocations();
const { cases, seed, at } = workerData as { cases: number; seed: number; at: Int32Array };
parentPort!.postMessage(await fuzzHere(cases, seed, at), []);
