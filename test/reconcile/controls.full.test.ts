/** Every negative control, on real servers. */
import { testControls } from '../support/controls-judge.ts';
import { CONTROLS } from '../support/controls-table.ts';

testControls(CONTROLS);
