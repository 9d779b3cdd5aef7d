/**
 * The heartbeat row: every 100 ms the time (CLOCK_MONOTONIC of this machine) is written through the service address, under the
 * server_uuid of whoever holds it. Replicas' staleness is read from it (reader.ts). It is no write of the workload and not in the ledger.
 */
import { HEARTBEAT_TABLE } from '../../core/workload.ts';
import { Lane } from './lane.ts';
import type { Endpoint } from './session.ts';

const EVERY_MS = 100;

export class Heartbeat {
  readonly #lane: Lane;
  readonly #timer: NodeJS.Timeout;

  constructor(endpoint: Endpoint, timeoutMs: number) {
    this.#lane = new Lane(endpoint, timeoutMs, { up: () => {}, down: () => {}, connectFailed: () => {} });
    this.#lane.connect();
    this.#timer = setInterval(() => void this.#beat(timeoutMs), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#lane.stop();
  }

  async #beat(timeoutMs: number): Promise<void> {
    const { session } = this.#lane;
    if (!session || this.#lane.busy) return;
    this.#lane.busy = true;
    await session.run(
      `INSERT INTO ${HEARTBEAT_TABLE} (server_uuid, at_ns) VALUES (?, ?) AS n ON DUPLICATE KEY UPDATE at_ns = n.at_ns`,
      [session.serverUuid, process.hrtime.bigint().toString()],
      timeoutMs,
    );
    this.#lane.busy = false;
  }
}
