import type { InputSpec } from '../../core/plan.ts';
import { INPUT_CHARS_MAX, inputProblem } from '../../core/step-input.ts';

const UUID = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const SHA = 'a1'.repeat(32);
const asked = (type: InputSpec['type']): InputSpec => ({ name: 'it', type, ask: 'What?', ...(type === 'choice' ? { choices: ['yes', 'no'] } : {}) });

test.each<[InputSpec['type'], string[]]>([
  ['text', ['anything', ' x ']],
  ['number', ['0', '-1.5', '1e3', ' 7 ']],
  ['choice', ['yes', ' no']],
  ['file-digest', [SHA, `${SHA}\n`]],
  ['gtid-set', [`${UUID}:1-5`, `${UUID}:1-5:8,\n${UUID.replace('3e', '4e')}:7`, `${UUID}:blue:1-3`]],
  ['host', ['db1', 'db-1.example.com', '10.0.0.1', '::1', '[fe80::1]', 'fe80::1']],
])('%s takes %j', (type, values) => expect(values.map((v) => inputProblem(asked(type), v))).toEqual(values.map(() => null)));

test.each<[InputSpec['type'], string | undefined, string]>([
  ['text', undefined, 'input it is missing: What?'],
  ['text', ' \n', 'input it is missing: What?'],
  ['text', 'x'.repeat(INPUT_CHARS_MAX + 1), 'input it has more than 10000 characters'],
  ['number', 'seven', 'input it must be a number'],
  ['number', 'Infinity', 'input it must be a number'],
  ['choice', 'maybe', 'input it must be one of yes, no'],
  ['file-digest', SHA.toUpperCase(), 'input it must be a SHA-256, 64 hex digits in lower case (sha256sum prints it)'],
  ['file-digest', SHA.slice(2), 'input it must be a SHA-256, 64 hex digits in lower case (sha256sum prints it)'],
  ['host', 'db 1', 'input it must be a host name or an address'],
  ['host', '-db1', 'input it must be a host name or an address'],
  ['host', '$(reboot)', 'input it must be a host name or an address'],
  ['host', `${'a.'.repeat(130)}b`, 'input it must be a host name or an address'],
])('%s does not take %j', (type, value, why) => expect(inputProblem(asked(type), value)).toBe(why));

test('a GTID set that is none is refused with what is wrong in it', () => {
  expect(inputProblem(asked('gtid-set'), 'u:1')).toMatch(/^input it must be a GTID set: .*u:1/);
  expect(inputProblem(asked('gtid-set'), `${UUID}:5-1`)).toMatch(/^input it must be a GTID set: /);
});
