/** The guard of a plan's file, on MySQL. */
import { testGuard } from './guard.ts';

testGuard('mysql');
