/** Entry of the writer's process: one JSON argument (WriterConfig), the password in the environment; TERM stops it in order. */
import { isDrillError, messageOf } from '../core/errors.ts';
import { SQL_PASSWORD_VARIABLE, WriterConfig } from '../activities/workload/config.ts';
import { Writer } from '../activities/workload/writer.ts';

try {
  const writer = new Writer(WriterConfig.parse(JSON.parse(process.argv[2] ?? '')), process.env[SQL_PASSWORD_VARIABLE] ?? '');
  const { promise: stopped, resolve: onStop } = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void writer.stop().then(() => onStop()));
  await Promise.race([writer.start(onStop).then(() => stopped), writer.broken]);
  writer.end();
} catch (e) {
  process.stderr.write(`${isDrillError(e) ? e.toText() : messageOf(e)}\n`);
  process.exit(1);
}
