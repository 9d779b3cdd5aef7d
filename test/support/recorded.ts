/** Recorded histories of drills, kept so that they replay for ever (test/workflows/replay.test.ts). DRILLBOOK_RECORD renews what a test makes. */
import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

type History = Parameters<typeof historyToJSON>[0];

export function record(name: string, history: History): void {
  if (process.env['DRILLBOOK_RECORD']) writeFileSync(join(import.meta.dirname, '../histories', `${name}.json`), anonymous(historyToJSON(history)));
}

/** Payloads without the folders of the machine that recorded them. */
const anonymous = (json: string): string =>
  json.replaceAll(/"data": "([A-Za-z0-9+/=]+)"/g, (_, data: string) => {
    const text = Buffer.from(data, 'base64')
      .toString('utf8')
      .replaceAll(homedir(), '/home/somebody')
      .replaceAll(/\/tmp\/dbt-\w+/g, '/home/somebody');
    return `"data": "${Buffer.from(text).toString('base64')}"`;
  });
