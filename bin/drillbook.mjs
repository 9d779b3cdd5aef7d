#!/usr/bin/env node
/** The command line's door: into a checkout, or into a package, whose programs are all below dist/ (setup/pack.mjs). */
import { existsSync } from 'node:fs';

const start = new URL('../setup/start.mjs', import.meta.url);
await import(existsSync(start) ? start.href : new URL('../dist/setup/start.mjs', import.meta.url).href);
