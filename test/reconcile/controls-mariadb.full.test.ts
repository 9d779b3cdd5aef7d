/** All negative controls that apply, on MariaDB; `mariadb` of a control says what is otherwise there, or why it does not apply. */
import { testControls } from '../support/controls-judge.ts';
import { CONTROLS, MARIADB_CONTROLS, NOT_ON_MARIADB } from '../support/controls-table.ts';

test('those that do not apply, and why', () => {
  expect(NOT_ON_MARIADB).toEqual([
    ['a row changed on one replica only, without a trace in its log', 'it is seen only by comparing nodes, which is not done on MariaDB'],
    ['a rebuilt node skips what it wrote itself: same server_id', 'it is seen only by comparing nodes, which is not done on MariaDB'],
    ['generated invisible keys that both sides counted up', 'MariaDB generates no invisible keys'],
  ]);
  expect(MARIADB_CONTROLS.filter((c) => CONTROLS.some((o) => o.name === c.name))).toHaveLength(CONTROLS.length - NOT_ON_MARIADB.length);
});

testControls(MARIADB_CONTROLS, 'mariadb');
