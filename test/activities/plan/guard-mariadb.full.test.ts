/** The guard of a plan's file, on MariaDB. */
import { testGuard } from './guard.ts';

testGuard('mariadb');
