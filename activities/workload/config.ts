/** What the writer and the reader are told: one JSON object as their only argument. The password comes by the environment (SQL_PASSWORD_VARIABLE). */
import { z } from 'zod';

/** The control socket's name inside the folder `dir`. */
export const WRITER_SOCKET = 'writer.sock';
/** Environment variable that holds the SQL password; argv can be read by every user of the machine. */
export const SQL_PASSWORD_VARIABLE = 'DRILLBOOK_SQL_PASSWORD';

/** The disaster as the writer sees it; it decides what is done to the hot keys (mix.ts). */
export const PHASES = ['baseline', 'isolated', 'promoted'] as const;
export type Phase = (typeof PHASES)[number];

export const WriterConfig = z.strictObject({
  drillId: z.string().min(1),
  /** folder of the control socket */
  dir: z.string().min(1),
  /** path of ledger.jsonl; an existing one is carried on */
  ledger: z.string().min(1),
  /** the service address; never a node's own */
  service: z.object({ address: z.string(), port: z.int() }),
  user: z.string(),
  workload: z.strictObject({
    rate: z.number().positive().max(10_000),
    concurrency: z.int().min(1).max(256),
    payloadBytes: z.int().min(0).max(1_900),
    hotKeys: z.int().min(4).max(100_000),
    timeoutMs: z.int().min(50).max(60_000),
  }),
});
export type WriterConfig = z.infer<typeof WriterConfig>;

export const ReaderConfig = z.strictObject({
  /** path of samples.jsonl */
  samples: z.string().min(1),
  nodes: z.array(z.strictObject({ node: z.string(), host: z.string(), port: z.int() })).min(1),
  user: z.string(),
  everyMs: z.int().min(20).default(200),
  timeoutMs: z.int().min(20).default(1000),
});
export type ReaderConfig = z.infer<typeof ReaderConfig>;

export interface Counts {
  acked: number;
  failed: number;
  unknown: number;
}
/** Outcomes per second, by when they were known; buckets that are over. At most CURVE_BUCKETS of them, however long the writer runs. */
export interface RateCurve {
  /** epoch ms */
  startWallMs: number;
  bucketMs: number;
  acked: number[];
  /** failed and unknown */
  bad: number[];
}
/** What the writer's control socket answers to {op: 'status'}. */
export interface WriterStatus extends Counts {
  pid: number;
  /** logical writes begun (a retry is not a new one) */
  writes: number;
  inFlight: number;
  /** arrivals that wait for a free connection */
  queued: number;
  /** connections that are up, of `concurrency` */
  connections: number;
  phase: Phase;
  /** attempts that ended during the last second */
  lastSecond: Counts;
  curve: RateCurve;
  /** monotonic ns, "" before the first */
  lastAckNs: string;
  perPhase: Partial<Record<Phase, Counts>>;
  /** hot keys whose change of this phase is acked, of all; the phase's conflicts are there when done is true */
  hot: { acked: number; of: number; done: boolean };
  /** why the last connection could not be opened, "" when it could */
  lastConnectError: string;
}
