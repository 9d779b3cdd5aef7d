/**
 * Drills as Temporal's own lists show them, wherever their engines run: a page at a time by one question, and no drill is asked. What is said there is said by whoever may
 * write to the namespace: it is shown, and nothing is decided by it. An address leads to evidence only where the evidence is in this machine's own folder.
 */
import { Client } from '@temporalio/client';
import type { Connection } from '@temporalio/client';
import { ATTRIBUTES } from '../../core/attributes.ts';
import { DrillError, messageOf } from '../../core/errors.ts';
import { VERDICTS } from '../../core/history.ts';
import type { Verdict } from '../../core/history.ts';
import { connectTemporal, definedOnly, namespaceOf } from '../temporal.ts';
import { drillState, WORKFLOW_QUEUE } from '../../workflows/messages.ts';
import type { DrillState } from '../../workflows/messages.ts';

export interface Visible {
  drill: string;
  title: string;
  target: string;
  /** null: it has ended */
  phase: string | null;
  verdict: Verdict | null;
  /** roles or a person; empty where nothing waits for people */
  waits: string[];
  /** where its evidence is, as machine:/folder */
  evidence: string;
  /** an unannounced one of which it is not sure that its crew knows by now (secret.ts); where the evidence is here, that tells better */
  secret: boolean;
}
export interface Page {
  drills: Visible[];
  /** "" on the last one */
  next: string;
}
export type Which = 'running' | 'ended';

const ASK_MS = 5_000;
/** As temporal.api.enums.v1.WorkflowExecutionStatus and gRPC count. */
const [RUNS, NOT_FOUND]: [number, number] = [1, 5];
/** Phases by which a first fault has taken effect. */
const KNOWN: ReadonlySet<string> = new Set(['manual', 'verifying']);
const OURS = `WorkflowType = 'drill' AND TaskQueue = '${WORKFLOW_QUEUE}'`;
const RUNNING = `ExecutionStatus = 'Running'`;
/** Letters, digits and what our own names have: nothing that could end a quoted word of a query. */
const PLAIN = /^[A-Za-z0-9_.-]+$/;

interface Payload {
  data?: Uint8Array | null;
}
type Fields = Record<string, Payload> | null | undefined;

export class TemporalLists {
  readonly client: Client;
  readonly #connection: Connection;
  readonly #namespace: string;

  private constructor(connection: Connection, namespace: string) {
    this.client = new Client({ connection, namespace });
    this.#connection = connection;
    this.#namespace = namespace;
  }

  /** null where nobody names a Temporal that several machines share. DRILL_NO_TEMPORAL. */
  static async of(env: Readonly<Record<string, string | undefined>>): Promise<TemporalLists | null> {
    if (!env['TEMPORAL_ADDRESS']) return null;
    const own = definedOnly(env);
    return new TemporalLists(await connectTemporal(own), namespaceOf(own));
  }

  /** Newest first. `page` is what the page before said is next; "" is the first. DRILL_LIST_PAGE, DRILL_NO_ENGINE. */
  async page(which: Which, most: number, page = ''): Promise<Page> {
    const query = `${OURS} AND ${which === 'running' ? RUNNING : `ExecutionStatus != 'Running' AND ExecutionStatus != 'ContinuedAsNew'`}`;
    return this.#list(query, most, page);
  }

  /** Those of these that run. */
  async runningOf(drills: readonly string[]): Promise<Set<string>> {
    const names = drills.filter((d) => PLAIN.test(d));
    if (names.length === 0) return new Set();
    const among = `WorkflowId IN (${names.map((n) => `'${n}'`).join(', ')})`;
    // a list costs the server a millisecond a drill, a count hardly anything: mostly all run, or none
    const count = await this.count(among);
    if (count === 0 || count === names.length) return new Set(count === 0 ? [] : names);
    return new Set((await this.#list(`${OURS} AND ${RUNNING} AND ${among}`, names.length, '')).drills.map((d) => d.drill));
  }

  /** Asked of the drill itself: a list hears of a start a moment later. */
  async runs(drill: string): Promise<boolean> {
    try {
      const execution = { workflowId: drill };
      const { workflowExecutionInfo: info } = await this.#connection.withDeadline(Date.now() + ASK_MS, () =>
        this.#connection.workflowService.describeWorkflowExecution({ namespace: this.#namespace, execution }),
      );
      return info?.type?.name === 'drill' && Number(info.status) === RUNS;
    } catch (e) {
      if (e instanceof Error && 'code' in e && e.code === NOT_FOUND) return false;
      throw silent(e);
    }
  }

  /** True also where its list does not know it yet. */
  async secret(drill: string): Promise<boolean> {
    if (!PLAIN.test(drill)) return true;
    const { drills } = await this.#list(`${OURS} AND WorkflowId = '${drill}'`, 1, '');
    return drills[0]?.secret ?? true;
  }

  /** Where it is, as it says. DRILL_NO_ENGINE. */
  async state(drill: string): Promise<DrillState> {
    return this.#ask(() => this.client.workflow.getHandle(drill).query(drillState));
  }

  /** How many run, of all or of those of a condition. */
  async count(among = ''): Promise<number> {
    const query = [OURS, RUNNING, among].filter(Boolean).join(' AND ');
    const { count } = await this.#ask(() => this.#connection.workflowService.countWorkflowExecutions({ namespace: this.#namespace, query }));
    return Number(count);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #list(query: string, pageSize: number, page: string): Promise<Page> {
    if (!/^[A-Za-z0-9_-]{0,2000}$/.test(page)) throw new DrillError('DRILL_LIST_PAGE', 'that is no page of the list', 'begin at the first');
    const nextPageToken = Buffer.from(page, 'base64url');
    const answer = await this.#ask(() =>
      this.#connection.workflowService.listWorkflowExecutions({ namespace: this.#namespace, pageSize, nextPageToken, query }),
    );
    const drills = answer.executions.map((e): Visible => {
      const runs = Number(e.status) === RUNS;
      const fields = e.searchAttributes?.indexedFields;
      const text = (from: Fields, name: string): string => textOf(valueOf(from, name));
      const verdict = text(fields, ATTRIBUTES.verdict.name);
      const phase = text(fields, ATTRIBUTES.phase.name);
      const waits = valueOf(fields, ATTRIBUTES.waits.name);
      return {
        drill: e.execution?.workflowId ?? '',
        title: text(e.memo?.fields, 'title') || text(fields, ATTRIBUTES.runbook.name) || (e.execution?.workflowId ?? ''),
        target: text(fields, ATTRIBUTES.target.name),
        phase: runs ? phase || 'running' : null,
        verdict: VERDICTS.find((v) => v === verdict) ?? null,
        waits: (Array.isArray(waits) ? waits : [waits]).map(textOf).filter((w) => w !== '' && w !== 'none'),
        evidence: text(e.memo?.fields, 'evidence'),
        secret: text(e.memo?.fields, 'announce') === 'at-fault' && (runs ? !KNOWN.has(phase) : verdict !== 'pass' && verdict !== 'fail'),
      };
    });
    return { drills, next: Buffer.from(answer.nextPageToken ?? []).toString('base64url') };
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await this.#connection.withDeadline(Date.now() + ASK_MS, question);
    } catch (cause) {
      throw silent(cause);
    }
  }
}

const silent = (cause: unknown): DrillError => new DrillError('DRILL_NO_ENGINE', `Temporal does not answer: ${messageOf(cause)}`, 'try again', { cause });

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function valueOf(fields: Fields, name: string): unknown {
  try {
    return JSON.parse(Buffer.from(fields?.[name]?.data ?? []).toString('utf8')) as unknown;
  } catch {
    return null;
  }
}

/** What a list says of a drill that runs, beside where it is. */
export const saysOf = ({ waits, evidence }: Pick<Visible, 'waits' | 'evidence'>, here: boolean): string =>
  [waits.length > 0 ? `waits for ${waits.join(', ')}` : '', here ? '' : `its evidence is on another machine${evidence ? ` (${evidence})` : ''}`]
    .filter(Boolean)
    .join('; ');
