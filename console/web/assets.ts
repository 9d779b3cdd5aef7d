/**
 * The style sheet and the script, under names that change with their bytes: they may be kept for ever. A page asks for one style sheet, whose parts are files: a rule
 * counts after those before it, so what is for small screens and paper comes last.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../../core/json.ts';

const STYLES = ['base', 'drill', 'list', 'live', 'curves', 'small'].map((part) => `css/${part}.css`);

export interface Asset {
  path: string;
  type: string;
  body: Buffer;
}

function asset(ending: string, type: string, files: readonly string[]): Asset {
  const body = Buffer.concat(files.map((file) => readFileSync(join(import.meta.dirname, 'static', file))));
  return { path: `/board.${sha256Hex(body).slice(0, 16)}.${ending}`, type, body };
}

export const CSS = asset('css', 'text/css; charset=utf-8', STYLES);
export const JS = asset('js', 'text/javascript; charset=utf-8', ['board.js']);
