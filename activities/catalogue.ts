/** What runbooks may name: the faults and the checks that exist. */
import type { Catalogue } from '../core/runbook/lint.ts';
import { CHECKS } from './checks/index.ts';
import { FAULTS } from './faults/index.ts';

export const CATALOGUE: Catalogue = { faults: FAULTS, checks: CHECKS };
