/** Everything that can be refused before anything is touched: runbook, target, rehearsal, plan; then the evidence folder with runbook and plan in it. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { BUNDLE } from '../../../core/bundle.ts';
import { DrillError } from '../../../core/errors.ts';
import { canonicalJson, digestOf } from '../../../core/json.ts';
import { newKeyPair } from '../../../core/message.ts';
import type { CrewMember, PublicKeyEntry } from '../../../core/message.ts';
import type { Plan } from '../../../core/plan.ts';
import { compilePlan } from '../../../core/runbook/plan-compile.ts';
import { OPERATOR, rehearsalCrew, rehearsalOf, SECOND_OPERATOR } from '../../../core/runbook/rehearsal.ts';
import type { Rehearsal } from '../../../core/runbook/rehearsal.ts';
import type { Crew, Runbook } from '../../../core/runbook/schema.ts';
import { crewFile, readCrew } from '../../../evidence/load-crew.ts';
import { loadInventory } from '../../../evidence/load-inventory.ts';
import { loadRunbook, runbookFile } from '../../../evidence/load-runbook.ts';
import type { LoadedRunbook } from '../../../evidence/load-runbook.ts';
import { folderStore, freshFolder } from '../../../evidence/store.ts';
import { CATALOGUE } from '../../../activities/catalogue.ts';
import type { Signer } from '../../door.ts';
import { consoleEntry } from '../../people/console-key.ts';
import type { ConsoleKey } from '../../people/console-key.ts';

export interface Prepared {
  drillId: string;
  bundle: string;
  logDir: string;
  plan: Plan;
  planDigest: string;
  /** who plays the people; null: people do it */
  operator: { rehearsal: Rehearsal; signer: Signer; second: Signer } | null;
  /** who aborts the drill from the terminal that started it */
  aborter: { signer: Signer; role: string };
}
export interface Wanted {
  root: string;
  cwd: string;
  runbook: string;
  target: string;
  /** a rehearsal's name, or the crew that takes part: the name of a file in runbooks/crews, or a path */
  who: { rehearse: string } | { crew: string };
  /** the crew is told of the drill only when its first fault has taken effect */
  unannounced?: boolean;
  /** the key of this machine's board, if there is one */
  board?: ConsoleKey | null;
  /** folder below which the evidence folder is made */
  out: string;
  now: Date;
}

/** A drill as it would be: all that can be refused, and nothing written. */
export interface Planned {
  plan: Plan;
  loaded: LoadedRunbook;
  rehearsal: string | null;
  /** of the key that was made for this drill alone */
  secretKey: string;
}

export function planDrill(w: Omit<Wanted, 'out' | 'now'>): Planned {
  const loaded = loadRunbook(runbookFile(join(w.root, 'runbooks'), w.runbook), CATALOGUE);
  const inventory = loadInventory(join(w.root, 'runbooks', 'targets'), w.target);
  if (inventory.platform !== 'local')
    throw new DrillError('DRILL_PLATFORM_UNKNOWN', `target ${w.target} is on platform ${inventory.platform}`, 'this version knows the platform local');
  if (inventory.drills !== 'allowed')
    throw new DrillError('DRILL_TARGET_FORBIDDEN', `target ${w.target} does not allow drills`, 'its owner says `drills: allowed` in the inventory file');
  const own = newKeyPair();
  const crew = 'crew' in w.who ? readCrew(crewFile(w, w.who.crew)) : null;
  const performers = crew ? crewKeys(crew, own.publicKey, w.board ?? null) : [operatorKey(loaded.runbook, own.publicKey)];
  const rehearsal = 'rehearse' in w.who ? w.who.rehearse : null;
  const plan = compilePlan({
    ...loaded,
    ...CATALOGUE,
    inventory,
    keys: performers,
    rehearsal,
    ...(crew
      ? { announce: w.unannounced === true ? ('at-fault' as const) : ('at-start' as const), routes: crew.routes, ...(crew.board ? { board: crew.board } : {}) }
      : {}),
  });
  return { plan, loaded, rehearsal, secretKey: own.secretKey };
}

export function prepareDrill(w: Wanted): Prepared {
  const { plan, loaded, rehearsal, secretKey } = planDrill(w);
  const bundle = freshFolder(resolve(w.cwd, w.out), plan.runbook, w.now.getTime());
  const logDir = join(bundle, 'engine');
  mkdirSync(logDir, { recursive: true });
  copyFileSync(loaded.file, join(bundle, BUNDLE.runbook));
  folderStore(bundle).putFile(BUNDLE.plan, canonicalJson(plan));
  return {
    drillId: basename(bundle),
    bundle,
    logDir,
    plan,
    planDigest: digestOf(plan),
    operator: rehearsal === null ? null : { rehearsal: rehearsalOf(loaded.runbook, rehearsal), signer: signer(OPERATOR), second: signer(SECOND_OPERATOR) },
    aborter: rehearsal === null ? { signer: signer(atTerminal()), role: TERMINAL } : { signer: signer(OPERATOR), role: plan.steps[0]!.role },
  };

  function signer(by: string): Signer {
    return { by, keyId: rehearsal === null ? TERMINAL : OPERATOR_KEY, secretKey };
  }
}

const OPERATOR_KEY = 'rehearsal-operator';
export const TERMINAL = 'terminal';
const atTerminal = (): string => `${userInfo().username} (terminal)`;

const operatorKey = (r: Runbook, publicKey: string): PublicKeyEntry => ({ id: OPERATOR_KEY, publicKey, kind: 'operator', people: rehearsalCrew(r) });

/**
 * Everybody's own key; the board's, which vouches for whom it signs in; and one for this drill that vouches for whoever started it: Ctrl-C there is a signed abort.
 * Without a board, DRILL_CREW_KEYLESS names who could not sign.
 */
function crewKeys({ people, crew }: Crew, publicKey: string, board: ConsoleKey | null): PublicKeyEntry[] {
  const keyless = people.filter((p) => p['public-key'] === undefined).map((p) => p.name);
  if (keyless.length > 0 && !board)
    throw new DrillError(
      'DRILL_CREW_KEYLESS',
      `${keyless.join(', ')} of crew ${crew} ${keyless.length === 1 ? 'has' : 'have'} no public key to sign with`,
      'drillbook key new "<name>" prints the line for the crew file; drillbook token issue "<name>" lets them sign on the board instead',
    );
  const members = people.map((p): CrewMember => ({ name: p.name, roles: p.roles, rights: p.rights }));
  const own = people.flatMap((p, i): PublicKeyEntry[] =>
    p['public-key'] ? [{ id: p.name, publicKey: p['public-key'], kind: 'person', people: [members[i]!] }] : [],
  );
  return [
    ...own,
    ...(board ? [consoleEntry(board, members)] : []),
    { id: TERMINAL, publicKey, kind: 'console', people: [{ name: atTerminal(), roles: [TERMINAL], rights: ['coordinator'] }] },
  ];
}
