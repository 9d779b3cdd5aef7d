/** Everything that can be refused before anything is touched: runbook, target, rehearsal, plan; then the evidence folder with runbook and plan in it. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { BUNDLE } from '../../../core/bundle.ts';
import { DrillError } from '../../../core/errors.ts';
import { canonicalJson, digestOf } from '../../../core/json.ts';
import { newKeyPair } from '../../../core/message.ts';
import type { Plan } from '../../../core/plan.ts';
import { compilePlan } from '../../../core/runbook/plan-compile.ts';
import { OPERATOR, rehearsalCrew, rehearsalOf, SECOND_OPERATOR } from '../../../core/runbook/rehearsal.ts';
import type { Rehearsal } from '../../../core/runbook/rehearsal.ts';
import { loadInventory } from '../../../evidence/load-inventory.ts';
import { loadRunbook, runbookFile } from '../../../evidence/load-runbook.ts';
import { folderStore, freshFolder } from '../../../evidence/store.ts';
import { CATALOGUE } from '../../../activities/catalogue.ts';
import type { Signer } from '../../door.ts';

export interface Prepared {
  drillId: string;
  bundle: string;
  logDir: string;
  plan: Plan;
  planDigest: string;
  rehearsal: Rehearsal;
  signer: Signer;
  /** approves what the operator did */
  second: Signer;
}
export interface Wanted {
  root: string;
  cwd: string;
  runbook: string;
  target: string;
  rehearse: string;
  /** folder below which the evidence folder is made */
  out: string;
  now: Date;
}

export function prepareDrill(w: Wanted): Prepared {
  const loaded = loadRunbook(runbookFile(join(w.root, 'runbooks'), w.runbook), CATALOGUE);
  const inventory = loadInventory(join(w.root, 'runbooks', 'targets'), w.target);
  if (inventory.platform !== 'local')
    throw new DrillError('DRILL_PLATFORM_UNKNOWN', `target ${w.target} is on platform ${inventory.platform}`, 'this version knows the platform local');
  if (inventory.drills !== 'allowed')
    throw new DrillError('DRILL_TARGET_FORBIDDEN', `target ${w.target} does not allow drills`, 'its owner says `drills: allowed` in the inventory file');
  const { secretKey, publicKey } = newKeyPair();
  const keys = [{ id: 'rehearsal-operator', publicKey, kind: 'operator' as const, people: rehearsalCrew(loaded.runbook) }];
  const plan = compilePlan({ ...loaded, ...CATALOGUE, inventory, keys, rehearsal: w.rehearse });
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
    rehearsal: rehearsalOf(loaded.runbook, w.rehearse),
    signer: { by: OPERATOR, keyId: 'rehearsal-operator', secretKey },
    second: { by: SECOND_OPERATOR, keyId: 'rehearsal-operator', secretKey },
  };
}
