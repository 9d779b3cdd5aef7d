/** A few of the negative controls on MariaDB; controls-mariadb.full.test.ts has them all. */
import { leftOut, testControls } from '../support/controls-judge.ts';
import { MARIADB_CONTROLS } from '../support/controls-table.ts';

const SAMPLE = ['forced replay', 'fail-back: the old source', 'a cascade that was not logged', 'keys equal by collation'];
const sample = MARIADB_CONTROLS.filter((c) => SAMPLE.some((name) => c.name.startsWith(name)));
beforeAll(() => void process.stderr.write(leftOut(sample, MARIADB_CONTROLS, 'controls-mariadb.full.test.ts')));
test('the sample is there', () => expect(sample).toHaveLength(SAMPLE.length));
testControls(sample, 'mariadb');
