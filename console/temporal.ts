/** Which Temporal to talk to, by the standard environment configuration (TEMPORAL_ADDRESS, _NAMESPACE, _TLS…, _API_KEY, config file), from a given environment. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
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
  try {
    return await Connection.connect({ ...connectionOptions, connectTimeout: CONNECT_MS });
  } catch (e) {
    throw new DrillError(
      'DRILL_NO_TEMPORAL',
      `no Temporal server answers at ${connectionOptions.address ?? '?'}: ${messageOf(e)}`,
      'check TEMPORAL_ADDRESS, or unset it to use the built-in server',
      { cause: e },
    );
  }
}

/** What Temporal's client says, with what it hides below it: "Failed to query Workflow" alone tells nobody why. */
export function rpcMessageOf(e: unknown): string {
  const below = e instanceof Error && e.cause instanceof Error ? `: ${e.cause.message}` : '';
  return `${messageOf(e)}${below}`;
}
