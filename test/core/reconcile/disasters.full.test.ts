/** The verifier against ground truth, over more disasters than disasters.test.ts plays. */
import { runDisasters } from '../../support/simulated-run.ts';

const SEED = Number(process.env['DISASTER_SEED'] ?? 100_001);
const COUNT = 10_000;

test(`${COUNT} simulated disasters, from seed ${SEED}`, () => runDisasters(SEED, COUNT), 300_000);
