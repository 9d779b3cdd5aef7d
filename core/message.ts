/**
 * Messages of people (and of the rehearsal operator) to a drill: signed envelopes (docs/semantics.md, 4).
 * Write access to the Temporal namespace is not authority to sign, so the workflow verifies each envelope itself, with this pure code.
 */
import * as ed from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson } from './json.ts';
import { RIGHTS_FOR } from './rights.ts';
import type { Right } from './rights.ts';

ed.hashes.sha512 = sha512;

export const TRANSITIONS = ['acknowledge', 'done', 'approve', 'send-back', 'reject', 'skip', 'delegate', 'comment', 'abort'] as const;
export type Transition = (typeof TRANSITIONS)[number];

/** What is signed: everything but the signature. `stepId` is "" and `attempt` 0 for an abort of the whole drill. */
export interface EnvelopeBody {
  messageId: string;
  drillId: string;
  stepId: string;
  attempt: number;
  transition: Transition;
  by: string;
  role: string;
  inputs: Record<string, string>;
  /** digest of the evidence view that was shown to the signer; "" where no view is signed (all but done and approve) */
  viewDigest: string;
  /** why: needed for skip, reject, send-back, abort; free text of a comment; of a delegation, to whom */
  reason: string;
  /** wall clock of the sender, epoch ms */
  claimedAt: number;
  /** key id: the person's own key, or a console that vouches for a session it authenticated */
  signedBy: string;
}
export interface Envelope extends EnvelopeBody {
  /** Ed25519 over the UTF-8 bytes of the body's canonical JSON (RFC 8785), 128 hex digits */
  signature: string;
}

export interface PublicKeyEntry {
  id: string;
  /** 64 hex digits */
  publicKey: string;
  /** a person's own key, a console's, or the rehearsal operator's (valid only in rehearsals) */
  kind: 'person' | 'console' | 'operator';
  /** people this key may sign for */
  people: CrewMember[];
}
export interface CrewMember {
  name: string;
  /** of the manual */
  roles: string[];
  /** left out: all of them (the rehearsal operator) */
  rights?: Right[];
}
export const hasRight = ({ rights }: CrewMember, among: readonly Right[]): boolean => rights === undefined || among.some((r) => rights.includes(r));

/** Who takes part, by name; what several keys say of a person adds up. */
export function crewOf(keys: readonly PublicKeyEntry[]): CrewMember[] {
  const byName = Map.groupBy(
    keys.flatMap((k) => k.people),
    (p) => p.name,
  );
  return [...byName].map(([name, entries]) => ({
    name,
    roles: [...new Set(entries.flatMap((p) => p.roles))],
    ...(entries.some((p) => p.rights === undefined) ? {} : { rights: [...new Set(entries.flatMap((p) => p.rights!))] }),
  }));
}

export function newKeyPair(): { secretKey: string; publicKey: string } {
  const { secretKey, publicKey } = ed.keygen();
  return { secretKey: bytesToHex(secretKey), publicKey: bytesToHex(publicKey) };
}

export function signEnvelope(body: EnvelopeBody, secretKeyHex: string): Envelope {
  return { ...body, signature: bytesToHex(ed.sign(utf8ToBytes(canonicalJson(body)), hexToBytes(secretKeyHex))) };
}

/**
 * Null when the envelope is the act of a person who may act in that role by a key of the plan; otherwise why not, in words.
 * Pure and synchronous: it runs in update validators.
 */
export function refusalOf(envelope: Envelope, keys: PublicKeyEntry[], drillId: string, rehearsal: boolean): string | null {
  const { signature, ...body } = envelope;
  if (body.drillId !== drillId) return `the message is for drill ${body.drillId}`;
  const key = keys.find((k) => k.id === body.signedBy);
  if (!key) return `no key ${body.signedBy} in the plan`;
  if (key.kind === 'operator' && !rehearsal) return 'the rehearsal operator has no say in a real drill';
  const person = key.people.find((p) => p.name === body.by);
  if (!person) return `key ${key.id} may not sign for ${body.by}`;
  if (!person.roles.includes(body.role)) return `${body.by} does not have the role ${body.role}`;
  const needed = RIGHTS_FOR[body.transition];
  if (!needed) return `there is no transition ${body.transition}`;
  if (!hasRight(person, needed)) return `${body.by} may not ${body.transition}: it takes the right ${needed.join(' or ')}`;
  try {
    if (ed.verify(hexToBytes(signature), utf8ToBytes(canonicalJson(body)), hexToBytes(key.publicKey))) return null;
  } catch {
    // a malformed signature is a wrong signature
  }
  return 'the signature does not fit the message';
}
