/** Which Temporal to talk to, by the standard environment configuration (TEMPORAL_ADDRESS, _NAMESPACE, _TLS…, _API_KEY, config file), from a given environment. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DrillError, messageOf } from '../core/errors.ts';

export type Env = Record<string, string>;

const CONNECT_MS = 10_000;

export function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((e): e is [string, string] => e[1] !== undefined));
}

/** Set for whoever is handed a built-in server's environment: its variables hold no secret and may be announced. */
const MARK = 'DRILLBOOK_TEMPORAL';
const BUILT_IN = 'built-in';
/** What other commands of this machine are told about it; null: as their environment says. */
export const announced = (env: Env): Env | null =>
  env[MARK] === BUILT_IN ? Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('TEMPORAL_'))) : null;
/** An environment in which the variables of an announced server stand in the place of its own. */
export const withTemporal = (env: Env, temporal: Env | null): Env =>
  temporal ? { ...Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_'))), ...temporal } : env;

/** The built-in server: no profile, certificate or key of the user's own configuration is used with it; an empty profile in `dir` stands in their place. */
export function builtInEnv(env: Env, address: string, dir: string): Env {
  const file = join(dir, 'temporal.toml');
  writeFileSync(file, '[profile.default]\n');
  return { ...withTemporal(env, { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'default', TEMPORAL_CONFIG_FILE: file }), [MARK]: BUILT_IN };
}

export function namespaceOf(env: Env): string {
  return loadClientConnectConfig({ overrideEnvVars: env }).namespace ?? 'default';
}

/** Connects, or says DRILL_NO_TEMPORAL. */
export async function connectTemporal(env: Env): Promise<Connection> {
  const { connectionOptions } = loadClientConnectConfig({ overrideEnvVars: env });
  const tries = new Tries();
  try {
    const connection = await Connection.connect({ ...connectionOptions, interceptors: [tries.interceptor], connectTimeout: CONNECT_MS });
    const close = connection.close.bind(connection);
    connection.close = () => tries.end(close);
    return connection;
  } catch (e) {
    throw new DrillError(
      'DRILL_NO_TEMPORAL',
      `no Temporal server answers at ${connectionOptions.address ?? '?'}: ${messageOf(e)}`,
      'check TEMPORAL_ADDRESS, or unset it to use the built-in server',
      { cause: e },
    );
  }
}

/**
 * Temporal's client tries again what its server did not answer, after a while. When the connection has been closed meanwhile, that throws from a timer, where nobody can
 * catch it (@temporalio/client 1.x, grpc-retry.js): the connection stays open until then, and nothing is tried once more.
 */
class Tries {
  #ended = false;
  #nextMs = 0;
  readonly #as = defaultGrpcRetryOptions();
  readonly interceptor = makeGrpcRetryInterceptor({
    retryableDecider: (attempt, status) => !this.#ended && this.#as.retryableDecider(attempt, status),
    delayFunction: (attempt, status) => {
      const ms = this.#as.delayFunction(attempt, status);
      this.#nextMs = Math.max(this.#nextMs, performance.now() + ms);
      return ms;
    },
  });

  async end(close: () => Promise<void>): Promise<void> {
    this.#ended = true;
    const ms = this.#nextMs - performance.now();
    if (ms <= 0) return close();
    setTimeout(() => void close(), ms + AFTER_TRY_MS).unref();
  }
}
/** A timer may be late. */
const AFTER_TRY_MS = 1_000;

/** What Temporal's client says, with what it hides below it: "Failed to query Workflow" alone tells nobody why. */
export function rpcMessageOf(e: unknown): string {
  const below = e instanceof Error && e.cause instanceof Error ? `: ${e.cause.message}` : '';
  return `${messageOf(e)}${below}`;
}
