/**
 * What a person sees while set-up works. On a terminal the elapsed time is rewritten in place; elsewhere (CI, a file) a line
 * is printed every 15 s, so that a log shows that something still moves.
 *
 * @typedef {object} Progress
 * @property {(line: string) => void} say a line that stays
 * @property {<T>(label: string, work: Promise<T>) => Promise<T>} during shows the label with the elapsed time until the work settles
 */

const TTY_TICK_MS = 1_000;
const LOG_TICK_MS = 15_000;

/**
 * @param {NodeJS.WriteStream} stream
 * @returns {Progress}
 */
export function createProgress(stream) {
  return {
    say: (line) => void stream.write(`${line}\n`),
    async during(label, work) {
      const started = performance.now();
      const elapsed = () => formatElapsed(performance.now() - started);
      stream.write(stream.isTTY ? label : `${label}\n`);
      const tick = () => stream.write(stream.isTTY ? `\r\x1b[K${label} ${elapsed()}` : `  still at it after ${elapsed()}\n`);
      const timer = setInterval(tick, stream.isTTY ? TTY_TICK_MS : LOG_TICK_MS);
      let end = 'failed';
      try {
        const result = await work;
        end = 'done';
        return result;
      } finally {
        clearInterval(timer);
        stream.write(stream.isTTY ? `\r\x1b[K${label} ${end} in ${elapsed()}\n` : `  ${end} in ${elapsed()}\n`);
      }
    },
  };
}

/** @type {Progress} */
export const SILENT = { say: () => undefined, during: (_label, work) => work };

/** @param {number} ms */
export function formatElapsed(ms) {
  const s = Math.round(ms / 1_000);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}
