/** The verifier against ground truth: simulated disasters, no false pass and no false alarm. */
import { runDisasters } from '../../support/simulated-run.ts';

const SEED = Number(process.env['DISASTER_SEED'] ?? 1);
const COUNT = 2_000;

test(`${COUNT} simulated disasters, from seed ${SEED}`, () => runDisasters(SEED, COUNT), 60_000);
