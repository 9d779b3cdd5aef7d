/** Twenty rehearsals in a row: no flake, and nothing is left that was not there before. */
import { folders, marked, mounts, namespaces } from '../support/census.ts';
import { drillbook } from '../support/command.ts';

const TIMES = 20;
const RUN_MS = 150_000;

test(
  `${TIMES} rehearsals in a row pass and leave no process, namespace, mount, socket or folder`,
  async () => {
    const before = { folders: folders(), mounts: mounts(), namespaces: namespaces() };
    const codes: (number | null)[] = [];
    for (let i = 0; i < TIMES; i++) {
      await using c = drillbook('run');
      const { code } = await c.ended;
      codes.push(code);
      if (code !== 0) process.stderr.write(c.output());
      expect(marked(c.mark)).toEqual([]);
    }
    expect(codes).toEqual(Array.from({ length: TIMES }, () => 0));
    expect({ folders: folders(), mounts: mounts() }).toEqual({ folders: before.folders, mounts: before.mounts });
    expect([...namespaces()].filter(([ns]) => !before.namespaces.has(ns))).toEqual([]);
  },
  TIMES * RUN_MS,
);
