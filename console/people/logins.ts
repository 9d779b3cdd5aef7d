/**
 * Who of the crew a login is. The crew file is read again when it has changed, so that a person who is taken out of it is signed out, as with a token that is revoked.
 * While a changed file has a mistake, what it said before holds: half a save must not sign out a crew in the middle of a night.
 */
import { statSync } from 'node:fs';
import { messageOf } from '../../core/errors.ts';
import type { Crew } from '../../core/runbook/schema.ts';
import { readCrew } from '../../evidence/load-crew.ts';

export class Logins {
  readonly #file: string;
  readonly #note: (line: string) => void;
  #print = '';
  #names: ReadonlyMap<string, string>;

  /** DRILL_CREW_UNKNOWN, DRILL_CREW_INVALID. */
  constructor(file: string, note: (line: string) => void) {
    this.#file = file;
    this.#note = note;
    this.#print = printOf(file);
    this.#names = namesOf(readCrew(file));
  }

  /** How many people have one. */
  get size(): number {
    return this.#names.size;
  }

  /** null: nobody's. */
  nameOf(login: string): string | null {
    this.#readAgain();
    return this.#names.get(same(login)) ?? null;
  }

  #readAgain(): void {
    const print = printOf(this.#file);
    if (print === this.#print) return;
    this.#print = print;
    try {
      this.#names = namesOf(readCrew(this.#file));
    } catch (e) {
      this.#note(`who may sign in is as before, since the crew file has a mistake: ${messageOf(e)}`);
    }
  }
}

function printOf(file: string): string {
  const s = statSync(file, { throwIfNoEntry: false });
  return s ? `${s.ino} ${s.size} ${s.mtimeMs}` : '';
}
const namesOf = ({ people }: Crew): ReadonlyMap<string, string> => new Map(people.flatMap((p) => (p.login ? [[same(p.login), p.name]] : [])));

/** The letters A to Z of an address do not count as others than a to z. Nothing else is folded: letters that only look alike are others. */
const same = (login: string): string => (login.includes('@') ? login.replaceAll(/[A-Z]/g, (c) => c.toLowerCase()) : login);
