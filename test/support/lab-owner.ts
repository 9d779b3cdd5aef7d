/** A process that owns a lab and does nothing else, to be killed by ends.lab.test.ts. Its argument: the options of startLab, as JSON. */
import { startLab } from '../../targets/platforms/local/lab.ts';
import type { LabOptions } from '../../targets/platforms/local/lab.ts';

const lab = await startLab(JSON.parse(process.argv[2] ?? '') as LabOptions);
process.stdout.write(`${JSON.stringify({ stateFile: lab.stateFile })}\n`);
if (process.argv[3] === 'leave') lab.unref();
else setInterval(() => {}, 60_000);
