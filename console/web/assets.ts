/** The one style sheet and the one script, under names that change with their bytes: they may be kept for ever. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../../core/json.ts';

export interface Asset {
  path: string;
  type: string;
  body: Buffer;
}

function asset(name: string, type: string): Asset {
  const body = readFileSync(join(import.meta.dirname, 'static', name));
  const [stem, ending] = name.split('.');
  return { path: `/${stem}.${sha256Hex(body).slice(0, 16)}.${ending}`, type, body };
}

export const CSS = asset('board.css', 'text/css; charset=utf-8');
export const JS = asset('board.js', 'text/javascript; charset=utf-8');
