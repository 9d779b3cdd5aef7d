/** Disaster: a finding that the manual does not know, or knows under another level. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADVICE } from '../../console/cli/binlog/advice.ts';
import { lineSchema } from '../../core/binlog/jsonl-schema.ts';
import { FINDINGS } from '../../core/binlog/finding.ts';

const manual = readFileSync(join(import.meta.dirname, '../../docs/binlog.md'), 'utf8');

test.each(Object.entries(FINDINGS))('%s (%s) is in docs/binlog.md and has advice', (kind, level) => {
  expect(manual).toMatch(new RegExp(`^\\| \`${kind}\` \\| ${level} \\| .+ \\|$`, 'm'));
  expect(ADVICE).toHaveProperty([kind]);
});

test('every type of line is in docs/binlog.md', () => {
  const types = lineSchema.options.map((o) => o.shape.type.value);
  expect(types.filter((t) => !manual.includes(`\`${t}\``))).toEqual([]);
});
