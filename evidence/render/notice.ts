/** A notice as text: the first line is the subject, the rest the body. */
import { readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import type { Notice } from '../../core/notice.ts';
import { inert } from '../../core/report/text.ts';

const engine = Handlebars.create();
engine.registerHelper({ is: (a: unknown, b: unknown) => a === b, list: (items: string[]) => items.join(', ') });
const compiled = new Map<string, (notice: object) => string>();

/** Plain text: nothing is escaped, and no name can hold a control character or a line of its own. */
export function renderNotice(template: string, notice: Notice): { subject: string; body: string } {
  let render = compiled.get(template);
  if (!render) compiled.set(template, (render = engine.compile<object>(readFileSync(template, 'utf8'), { strict: true, noEscape: true })));
  const [subject = '', ...body] = render(inertOf(notice) as object)
    .trim()
    .split('\n');
  return { subject: subject.trim(), body: body.join('\n').trim() };
}

function inertOf(value: unknown): unknown {
  if (typeof value === 'string') return inert(value);
  if (Array.isArray(value)) return value.map(inertOf);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, inertOf(v)]));
}
