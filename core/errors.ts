/**
 * Every error a person can meet. A code is stable (scripts match on it); `seen` says what was observed;
 * `hint` says what to do. Never throw a bare Error across a module border.
 */
export class DrillError extends Error {
  override readonly name = 'DrillError';
  readonly code: `DRILL_${string}`;
  readonly hint: string;

  constructor(code: `DRILL_${string}`, seen: string, hint = '', options?: { cause?: unknown }) {
    super(seen, options);
    this.code = code;
    this.hint = hint;
  }

  /** Two or three lines for a terminal: code, what was seen, what to do. */
  toText(): string {
    return `${this.code}: ${this.message}${this.hint ? `\n  what to do: ${this.hint}` : ''}`;
  }
}

export function isDrillError(e: unknown): e is DrillError {
  return e instanceof Error && 'code' in e && typeof e.code === 'string' && e.code.startsWith('DRILL_');
}

/** The message of anything that was thrown. */
export function messageOf(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}
