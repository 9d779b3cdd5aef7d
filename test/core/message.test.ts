import { newKeyPair, refusalOf, signEnvelope } from '../../core/message.ts';
import type { Envelope, EnvelopeBody, PublicKeyEntry } from '../../core/message.ts';

const ana = newKeyPair();
const board = newKeyPair();
const operator = newKeyPair();
const KEYS: PublicKeyEntry[] = [
  { id: 'ana', publicKey: ana.publicKey, kind: 'person', people: [{ name: 'ana', roles: ['dba'] }] },
  {
    id: 'board',
    publicKey: board.publicKey,
    kind: 'console',
    people: [
      { name: 'ana', roles: ['dba'] },
      { name: 'bo', roles: ['sre'] },
    ],
  },
  { id: 'operator', publicKey: operator.publicKey, kind: 'operator', people: [{ name: 'operator', roles: ['dba', 'sre'] }] },
];
const BODY: EnvelopeBody = {
  messageId: 'm-1',
  drillId: 'd-1',
  stepId: 'fence',
  attempt: 1,
  transition: 'done',
  by: 'ana',
  role: 'dba',
  inputs: { lost: 'a:1-3' },
  viewDigest: 'f'.repeat(64),
  reason: '',
  claimedAt: 1_700_000_000_000,
  signedBy: 'ana',
};
const signed = (change: Partial<EnvelopeBody> = {}, secret = ana.secretKey): Envelope => signEnvelope({ ...BODY, ...change }, secret);
const refused = (e: Envelope, rehearsal = false) => refusalOf(e, KEYS, 'd-1', rehearsal);

test('a person with a key of her own is heard, and so is a console for those it vouches for', () => {
  expect(refused(signed())).toBeNull();
  expect(refused(signed({ by: 'bo', role: 'sre', signedBy: 'board' }, board.secretKey))).toBeNull();
});

test('the operator is heard in a rehearsal only', () => {
  const e = signed({ by: 'operator', signedBy: 'operator' }, operator.secretKey);
  expect(refused(e, true)).toBeNull();
  expect(refused(e, false)).toBe('the rehearsal operator has no say in a real drill');
});

test.each<[string, Envelope, string]>([
  ['another drill', signed({ drillId: 'd-2' }), 'the message is for drill d-2'],
  ['a key nobody knows', signed({ signedBy: 'eve' }), 'no key eve in the plan'],
  ['a key of somebody else', signed({}, board.secretKey), 'the signature does not fit the message'],
  ['another person', signed({ by: 'bo', role: 'sre' }), 'key ana may not sign for bo'],
  ['another role', signed({ role: 'sre' }), 'ana does not have the role sre'],
  ['no signature', { ...signed(), signature: '' }, 'the signature does not fit the message'],
  ['a signature that is no hex', { ...signed(), signature: 'zz'.repeat(64) }, 'the signature does not fit the message'],
  ['a short signature', { ...signed(), signature: 'ab' }, 'the signature does not fit the message'],
  ['a signature of zeros', { ...signed(), signature: '0'.repeat(128) }, 'the signature does not fit the message'],
  ['an added field', { ...signed(), approved: true } as unknown as Envelope, 'the signature does not fit the message'],
])('%s is refused', (_, envelope, why) => expect(refused(envelope, true)).toBe(why));

const CHANGES: Partial<EnvelopeBody>[] = [
  { messageId: 'm-2' },
  { stepId: 'recover' },
  { attempt: 2 },
  { transition: 'skip' },
  { inputs: { lost: 'a:1-4' } },
  { inputs: {} },
  { viewDigest: '0'.repeat(64) },
  { reason: 'because' },
  { claimedAt: BODY.claimedAt + 1 },
];
test.each(CHANGES)('changed after signing, it is refused: %j', (change) =>
  expect(refused({ ...signed(), ...change })).toBe('the signature does not fit the message'),
);

test('the order of fields is no part of what is signed', () => {
  const e = signed();
  expect(refused(Object.fromEntries(Object.entries(e).reverse()) as unknown as Envelope)).toBeNull();
});
