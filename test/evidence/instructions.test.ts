import { execFileSync } from 'node:child_process';
import { checkTemplate, renderText, variablesIn } from '../../evidence/instructions.ts';

const DECLARED = ['drill', 'work', 'nodes.*.name', 'nodes.*.socket', 'service.port'];
const VALUES = {
  drill: 'd-1',
  work: "/tmp/it's here",
  nodes: { db1: { name: 'db1', socket: '/s1' }, db2: { name: 'db2', socket: '/s2' } },
  service: { port: 3306 },
};
const said = (template: string) => checkTemplate(template, DECLARED).map((p) => `${p.line}:${p.column} ${p.message}`);

describe('rendering', () => {
  test('nothing is escaped', () => expect(renderText('{{work}} <&> "', VALUES)).toBe(`/tmp/it's here <&> "`));
  test.each([{ work: "it's here" }, { work: '$(touch /tmp/never) `id` "x" \\' }, { work: '-n' }, { work: 'a\nb' }, { work: '' }])(
    'sh makes one word of %j',
    (values) => {
      expect(execFileSync('bash', ['-c', renderText('printf "%s" {{sh work}}', values)], { encoding: 'utf8' })).toBe(values.work);
    },
  );
  test('a loop over nodes', () => expect(renderText('{{#each nodes}}{{@key}}={{this.socket}} {{/each}}', VALUES)).toBe('db1=/s1 db2=/s2 '));
  test.each(['{{wrok}}', '{{nodes.db3.socket}}', '{{sh nodes.db1.sokcet}}', '{{sh nodes}}', '{{sh}}'])('%s has no value: DRILL_TEMPLATE_FAILED', (template) => {
    expect(() => renderText(template, VALUES)).toThrow(expect.objectContaining({ code: 'DRILL_TEMPLATE_FAILED' }) as Error);
  });
  test('in if, what has no value is false', () => expect(renderText('{{#if nodes.db9}}x{{else}}y{{/if}}', VALUES)).toBe('y'));
});

describe('checking', () => {
  test.each([
    'plain',
    '{{drill}} {{nodes.db1.socket}} {{sh nodes.db1.socket}}',
    '{{#each nodes}}{{@key}} {{this.socket}} {{name}} {{../drill}}{{/each}}',
    '{{#each nodes as |node name|}}{{node.socket}} {{name}} {{drill}}{{else}}{{work}}{{/each}}'.replace('{{drill}}', '{{../drill}}'),
    '{{#with service}}{{port}}{{/with}}',
    '{{#if nodes.db1.socket}}{{drill}}{{/if}}',
    '{{! a comment }}',
  ])('%s is right', (template) => expect(said(template)).toEqual([]));

  test.each([
    ['{{dril}}', '1:3 no variable dril; did you mean drill?'],
    ['one\n  {{ nodes.db1.sokcet }}', '2:6 no variable nodes.db1.sokcet'],
    ['{{nodes.db1}}', '1:3 no variable nodes.db1'],
    ['{{nodes}}', '1:3 no variable nodes'],
    ['{{#each nodes}}{{drill}}{{/each}}', '1:18 no variable drill'],
    ['{{#each drill}}{{/each}}', '1:9 no variable drill'],
    ['{{#with service}}{{prt}}{{/with}}', '1:20 no variable prt'],
    ['{{constructor}}', '1:3 no variable constructor'],
    ['{{nodes.db1.constructor}}', '1:3 no variable nodes.db1.constructor'],
    ['{{shh work}}', '1:3 no helper shh; did you mean sh?'],
    ['{{> part}}', '1:1 partial is not used in runbooks'],
    ['{{#if drill}}', '1:1 the template does not parse near {{#if drill}}'],
    ['a\nb {{drill}', '2:1 the template does not parse near'],
    ['{{#if drill}}\n{{/each}}', '1:4 the template does not parse: if doesn'],
  ])('%j: %s', (template, message) => expect(said(template)[0]).toContain(message));
});

test('variables used are listed once, loops with a star', () =>
  expect(variablesIn('{{drill}} {{sh drill}} {{#each nodes}}{{socket}}{{/each}}')).toEqual(['drill', 'nodes', 'nodes.*.socket']));
