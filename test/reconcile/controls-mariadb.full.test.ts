/** All negative controls that apply, on MariaDB; `mariadb` of a control says what is otherwise there, or why it does not apply. */
import { testControls } from '../support/controls-judge.ts';
import { MARIADB_CONTROLS } from '../support/controls-table.ts';

testControls(MARIADB_CONTROLS, 'mariadb');
