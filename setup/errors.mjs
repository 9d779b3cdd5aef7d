/**
 * The set-up's own copy of core/errors.ts: set-up starts on Node 20, which can not read TypeScript. Same fields and same
 * text, so that `isDrillError` and every printer treat both alike.
 */
export class SetupError extends Error {
  name = 'DrillError';

  /**
   * @param {`DRILL_${string}`} code stable; scripts match on it
   * @param {string} seen what was observed
   * @param {string} hint what the person can do
   * @param {{ cause?: unknown }} [options]
   */
  constructor(code, seen, hint, options) {
    super(seen, options);
    this.code = code;
    this.hint = hint;
  }

  toText() {
    return `${this.code}: ${this.message}${this.hint ? `\n  what to do: ${this.hint}` : ''}`;
  }
}

/**
 * Prints what went wrong and returns the exit status of a set-up error.
 * @param {unknown} e
 * @returns {2}
 */
export function reportFailure(e) {
  process.stderr.write(`${e instanceof SetupError ? e.toText() : e instanceof Error ? (e.stack ?? e.message) : String(e)}\n`);
  return 2;
}
