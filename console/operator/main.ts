/**
 * The rehearsal operator: does what a person would do, through the same door as people (signed updates), with a key of its own that is valid
 * only in rehearsals. Reads one line of JSON from standard input (OperatorConfig); ends when its drill does, or when that pipe closes.
 */
import { createInterface } from 'node:readline';
import { Client } from '@temporalio/client';
import { messageOf } from '../../core/errors.ts';
import { connectTemporal, namespaceOf } from '../temporal.ts';
import { Operator } from './operator.ts';
import type { OperatorConfig } from './operator.ts';

const lines = createInterface({ input: process.stdin });
const first = await new Promise<string>((resolve) => lines.once('line', resolve));
lines.once('close', () => process.exit(1));
const config = JSON.parse(first) as OperatorConfig;
const client = new Client({ connection: await connectTemporal(config.env), namespace: namespaceOf(config.env) });
try {
  await new Operator(client, config, (line) => process.stdout.write(`${line}\n`)).run();
  process.exit(0);
} catch (e) {
  process.stderr.write(`operator: ${messageOf(e)}\n`);
  process.exit(1);
}
