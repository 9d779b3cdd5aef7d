/** What a visitor did that cannot be served: a status, and the code, words and hint that every error of ours has. */
import { DrillError } from '../../core/errors.ts';

export class Problem extends DrillError {
  readonly status: number;
  /** seconds after which it may be tried again */
  readonly retryAfter: number | null;

  constructor(status: number, code: `DRILL_${string}`, seen: string, hint: string, retryAfter: number | null = null, cause?: unknown) {
    super(code, seen, hint, { cause });
    this.status = status;
    this.retryAfter = retryAfter;
  }
}
