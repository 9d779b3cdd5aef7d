/** The keys that were written since a former proof, out of the source's log while it is read: the rows of the first are compared while the last are not known yet. */
import { isDrillError } from '../../core/errors.ts';
import type { GtidSet } from '../../core/gtid.ts';
import { KEYS_PER_READ } from '../../targets/systems/mysql/compare/keys.ts';
import type { Keys } from '../../targets/systems/mysql/compare/keys.ts';
import type { ComparePlan } from '../../targets/systems/mysql/compare/plan.ts';
import { startWindow } from './converge-window.ts';
import type { TableWindow } from './converge-window.ts';

export class TouchedKeys {
  private readonly tables: ReadonlyMap<string, TableWindow>;
  private readonly abort = new AbortController();
  private readonly end: Promise<void>;
  private over = false;
  /** the log could not be read */
  private unread: unknown = null;
  /** who waits for more of it */
  private wake = (): void => {};

  /** Begins to read, to where the log ends now. Always stop() it. */
  constructor(dsn: string, from: GtidSet, plans: readonly ComparePlan[]) {
    const { tables, end } = startWindow(dsn, from, plans, 'keys', { signal: this.abort.signal, onBytes: () => this.wake() });
    this.tables = tables;
    this.end = end.then(
      () => this.ended(null),
      (cause: unknown) => this.ended(cause),
    );
  }

  private ended(unread: unknown): void {
    this.unread = unread;
    this.over = true;
    this.wake();
  }

  async stop(): Promise<void> {
    if (!this.over) this.abort.abort();
    await this.end;
  }

  /** Which of the tables is to be read first: one of which there is something to read; when the log is over, any. */
  async first(plans: readonly ComparePlan[]): Promise<ComparePlan> {
    const ready = ({ info }: ComparePlan) => this.tables.get(info.name)!.keys.size >= KEYS_PER_READ;
    await this.until(() => plans.some((p) => ready(p)));
    return plans.find((p) => ready(p)) ?? plans[0]!;
  }

  /** Its keys are no more to be told once the log cannot be read, or has what says nothing of rows. Throws what the log was not expected to throw. */
  of(plan: ComparePlan): Keys {
    const window = this.tables.get(plan.info.name)!;
    const known = window.keys.values();
    const told = () => this.unread === null && window.untold === null && (plan.key !== null || !window.changed);
    const touched = {
      count: 0,
      next: async () => {
        await this.until(() => !told() || window.keys.size - touched.count >= KEYS_PER_READ);
        if (this.unread !== null && !isDrillError(this.unread)) throw this.unread;
        if (!told()) return null;
        // never past the last one, behind which an iterator would see no more
        const keys = Array.from({ length: Math.min(KEYS_PER_READ, window.keys.size - touched.count) }, () => known.next().value!);
        touched.count += keys.length;
        return keys;
      },
    };
    return touched;
  }

  /** Waits, of what has been read after each piece of the log; no longer than there is one. */
  private async until(enough: () => boolean): Promise<void> {
    while (!this.over && !enough()) await new Promise<void>((resolve) => (this.wake = resolve));
  }
}
