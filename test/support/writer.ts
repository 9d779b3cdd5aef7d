/** A client that writes at a steady rate in the background, on one connection. */
import type { Connection } from 'mysql2/promise';
import type { TestMysqld } from './mysqld.ts';

export interface Writer {
  written(): number;
  stop(): Promise<void>;
}

/** `statement` gives the n-th one. `setup` runs once in its session. A statement that is refused ends it, and stop() throws. */
export async function startWriter(server: TestMysqld, perSecond: number, statement: (n: number) => string, setup: readonly string[] = []): Promise<Writer> {
  const connection: Connection = await server.connect();
  for (const sql of setup) await connection.query(sql);
  let n = 0;
  const state = { ended: false };
  const run = async () => {
    const started = performance.now();
    while (!state.ended) {
      const due = Math.floor(((performance.now() - started) / 1000) * perSecond);
      // what a machine was too busy for is not made up for in a burst
      for (let burst = 0; n < due && burst < 50 && !state.ended; burst++) await connection.query(statement(n++));
      if (n < due - perSecond) n = due;
      await new Promise((r) => setTimeout(r, 2));
    }
  };
  const running = run();
  running.catch(() => {});
  return {
    written: () => n,
    stop: async () => {
      state.ended = true;
      await running.finally(() => connection.destroy());
    },
  };
}
