/** What a person fills in on a step, by its small schema. Pure: validators, the page and the command line judge with the same words. */
import { isDrillError } from './errors.ts';
import { GtidSet } from './gtid.ts';
import type { InputSpec } from './plan.ts';

export const INPUT_CHARS_MAX = 10_000;
const HOST_CHARS_MAX = 253;
const DIGEST = /^[0-9a-f]{64}$/;
/** a name, an IPv4 or an IPv6 address */
const HOST = /^(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$|^\[?[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+\]?$/;

/** By type: what the value must be, where it is not. */
const MUST: Readonly<Record<InputSpec['type'], (text: string, spec: InputSpec) => string | null>> = {
  text: () => null,
  number: (text) => (Number.isFinite(Number(text)) ? null : 'a number'),
  choice: (text, { choices }) => (choices?.includes(text) ? null : `one of ${choices?.join(', ')}`),
  'file-digest': (text) => (DIGEST.test(text) ? null : 'a SHA-256, 64 hex digits in lower case (sha256sum prints it)'),
  host: (text) => (text.length <= HOST_CHARS_MAX && HOST.test(text) ? null : 'a host name or an address'),
  'gtid-set': (text) => {
    try {
      GtidSet.parse(text);
      return null;
    } catch (e) {
      if (!isDrillError(e)) throw e;
      return `a GTID set: ${e.message}`;
    }
  },
};

/** Why the value does not do, in words for the one who typed it; null: it does. */
export function inputProblem(spec: InputSpec, value: string | undefined): string | null {
  const text = value?.trim() ?? '';
  if (text === '') return `input ${spec.name} is missing: ${spec.ask}`;
  if (text.length > INPUT_CHARS_MAX) return `input ${spec.name} has more than ${INPUT_CHARS_MAX} characters`;
  const must = MUST[spec.type](text, spec);
  return must === null ? null : `input ${spec.name} must be ${must}`;
}
