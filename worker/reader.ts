/** Entry of the reader's process: one JSON argument (ReaderConfig), the password in the environment; TERM stops it in order. */
import { isDrillError, messageOf } from '../core/errors.ts';
import { ReaderConfig, SQL_PASSWORD_VARIABLE } from '../activities/workload/config.ts';
import { Reader } from '../activities/workload/reader.ts';

try {
  const reader = new Reader(ReaderConfig.parse(JSON.parse(process.argv[2] ?? '')), process.env[SQL_PASSWORD_VARIABLE] ?? '');
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
  reader.start();
  await Promise.race([stopped, reader.broken]);
  reader.stop();
} catch (e) {
  process.stderr.write(`${isDrillError(e) ? e.toText() : messageOf(e)}\n`);
  process.exit(1);
}
