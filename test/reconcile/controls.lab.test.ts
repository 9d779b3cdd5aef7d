/** A sample of the negative controls, on real servers; controls.full.test.ts has them all. */
import { leftOut, testControls } from '../support/controls-judge.ts';
import { sampleOf } from '../support/controls-table.ts';

const sample = sampleOf(5, 18);
beforeAll(() => void process.stderr.write(leftOut(sample)));
testControls(sample);
