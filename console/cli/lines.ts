/** Output that may be longer than memory. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** characters, before the reader is waited for */
const CHUNK = 1 << 16;

/** Writes texts at the pace of whoever reads them. */
export async function writeAll(to: Writable, texts: Iterable<string>): Promise<void> {
  let chunk = '';
  for (const text of texts) {
    chunk += text;
    if (chunk.length < CHUNK) continue;
    if (!to.write(chunk)) await once(to, 'drain');
    chunk = '';
  }
  to.write(chunk);
}

/** JSON.stringify({ ...head, [name]: [...items], ...tail }, null, 2) and a line's end, item by item. `head` is not empty. */
export function* jsonText(head: object, name: string, items: Iterable<unknown>, tail: object): Generator<string> {
  yield `${JSON.stringify(head, null, 2).slice(0, -2)},\n  ${JSON.stringify(name)}: [`;
  let none = true;
  for (const item of items) {
    yield `${none ? '' : ','}\n    ${JSON.stringify(item, null, 2).replaceAll('\n', '\n    ')}`;
    none = false;
  }
  yield none ? ']' : '\n  ]';
  const rest = JSON.stringify(tail, null, 2);
  yield rest === '{}' ? '\n}\n' : `,${rest.slice(1)}\n`;
}
