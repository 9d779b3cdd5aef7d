import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { runbookJsonSchema, runbookSchema } from '../../../core/runbook/schema.ts';
import { RUNBOOK } from '../../support/runbook.ts';

const root = join(import.meta.dirname, '../../..');

test('the JSON Schema for editors is that of the code: drillbook lint --schema > runbooks/schema/runbook.schema.json', () => {
  expect(JSON.parse(readFileSync(join(root, 'runbooks/schema/runbook.schema.json'), 'utf8'))).toEqual(runbookJsonSchema());
});

test('every object of the schema refuses unknown keys', () => {
  const open: string[] = [];
  const walk = (at: unknown, path: string): void => {
    if (typeof at !== 'object' || at === null) return;
    const o = at as Record<string, unknown>;
    if (o['type'] === 'object' && o['properties'] && o['additionalProperties'] !== false) open.push(path);
    for (const [k, v] of Object.entries(o)) walk(v, `${path}/${k}`);
  };
  walk(runbookJsonSchema(), '');
  expect(open).toEqual([]);
});

test('defaults are filled in', () => {
  const r = runbookSchema.parse(parse(RUNBOOK));
  expect([r.steps[1]!.inputs, r.steps[0]!.needs, r.steps[1]!.checks[0]!.with, r.rehearsals['default']!['on-sent-back']]).toEqual([[], [], {}, 'stop']);
});

test('every runbook names the schema for its reader’s editor', () => {
  const files = readdirSync(join(root, 'runbooks')).filter((f) => f.endsWith('.yaml'));
  expect(files.length).toBeGreaterThan(0);
  for (const f of files) expect(readFileSync(join(root, 'runbooks', f), 'utf8')).toContain('# yaml-language-server: $schema=schema/runbook.schema.json');
});
