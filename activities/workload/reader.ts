/**
 * The reader: every 200 ms the age of the newest heartbeat that each node has (core/bundle.ts, StalenessSample). It asks each node by
 * its own address, never through the service, and trusts no Seconds_Behind_Source, which stays small while a partition lasts.
 * The age is on this machine's monotonic clock, which also wrote the heartbeat, so it holds without synchronised clocks.
 */
import { HEARTBEAT_TABLE } from '../../core/workload.ts';
import type { StalenessSample } from '../../core/bundle.ts';
import type { DrillError } from '../../core/errors.ts';
import { ChainFile } from './chainFile.ts';
import type { ReaderConfig } from './config.ts';
import { Lane } from './lane.ts';

const NEWEST = `SELECT server_uuid AS source, CAST(at_ns AS CHAR) AS at FROM ${HEARTBEAT_TABLE} ORDER BY at_ns DESC LIMIT 1`;

export class Reader {
  readonly #config: ReaderConfig;
  readonly #file: ChainFile<StalenessSample>;
  readonly #nodes: { node: string; lane: Lane }[];
  /** rejects when the samples can not be written any more */
  readonly broken: Promise<never>;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(config: ReaderConfig, password: string) {
    this.#config = config;
    const broken = Promise.withResolvers<never>();
    this.broken = broken.promise;
    this.broken.catch(() => {});
    this.#file = new ChainFile(config.samples, { onFatal: (e: DrillError) => broken.reject(e) });
    const quiet = { up: () => {}, down: () => {}, connectFailed: () => {} };
    this.#nodes = config.nodes.map(({ node, host, port }) => ({ node, lane: new Lane({ host, port, user: config.user, password }, config.timeoutMs, quiet) }));
  }

  start(): void {
    for (const { lane } of this.#nodes) lane.connect();
    this.#timer = setInterval(() => {
      for (const { node, lane } of this.#nodes) void this.#sample(node, lane);
    }, this.#config.everyMs);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const { lane } of this.#nodes) lane.stop();
    this.#file.close();
  }

  /** One line per node and turn; a node still silent from the turn before gets its line when that one ends. */
  async #sample(node: string, lane: Lane): Promise<void> {
    if (lane.busy) return;
    const at = process.hrtime.bigint();
    const { session } = lane;
    if (!session) {
      this.#record({ at: at.toString(), node, staleMs: null });
      return;
    }
    lane.busy = true;
    const reply = await session.run(NEWEST, [], this.#config.timeoutMs);
    lane.busy = false;
    const row = reply.is === 'ok' ? reply.rows[0] : undefined;
    if (row) this.#record({ at: at.toString(), node, staleMs: Math.max(0, Number(at - BigInt(String(row['at']))) / 1e6), source: String(row['source']) });
    else this.#record({ at: at.toString(), node, staleMs: null });
  }

  #record(sample: Omit<StalenessSample, 'n' | 'prev'>): void {
    if (!this.#stopped) this.#file.append(sample);
  }
}
