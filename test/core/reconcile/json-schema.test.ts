import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchemaOfReconcile } from '../../../core/reconcile/json-schema.ts';

test('the published schema is the one in the code', () => {
  const published: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../../docs/schema/reconcile.schema.json'), 'utf8'));
  expect(published).toEqual(JSON.parse(JSON.stringify(jsonSchemaOfReconcile())));
});
