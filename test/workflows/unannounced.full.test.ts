/**
 * A drill that surprises, on real MySQL and real Temporal: before its first fault has taken effect nobody is told, and board and commands know of no such drill,
 * but for a coordinator; then everybody knows. One that is aborted before stays untold for good.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { send } from '../../console/door.ts';
import { ensureConsoleKey } from '../../console/people/console-key.ts';
import { BUNDLE } from '../../core/bundle.ts';
import type { Notice } from '../../core/notice.ts';
import type { ReportModel } from '../../core/report.ts';
import { Browser, CREW, ROOT, startBoard, tokenFor } from '../support/board.ts';
import { startDrill } from '../support/drill.ts';
import type { TestDrill } from '../support/drill.ts';
import { CACHE_DIR } from '../support/tools.ts';
import { httpReceiver } from '../support/receivers.ts';
import type { HttpReceiver } from '../support/receivers.ts';

const DRILL_MS = 120_000;
const config = mkdtempSync(join(tmpdir(), 'dbu-'));
let told: HttpReceiver;

beforeAll(async () => {
  told = await httpReceiver();
  Object.assign(process.env, { HOOK_URL: told.url, HOOK_SECRET: 'hush' });
});
afterAll(async () => {
  await told[Symbol.asyncDispose]();
  rmSync(config, { recursive: true });
});

const start = (more: { unannounced: boolean }): Promise<TestDrill> => {
  told.got.length = 0;
  const routes = 'routes:\n  - { name: hook, kind: webhook, url: { env: HOOK_URL }, secret: { env: HOOK_SECRET } }\n';
  const changes: [string, string][] = [['do: baseline, with: { for: 3s }', 'do: baseline, with: { for: 15s }']];
  return startDrill({ crew: CREW + routes, changes, more: { ...more, board: ensureConsoleKey(config, new Date()) } });
};
const abort = async ({ handle, prepared: { drillId, aborter } }: TestDrill): Promise<void> =>
  void (await send(handle, aborter.signer, { drillId, stepId: '', attempt: 0, transition: 'abort', role: aborter.role, reason: 'enough seen' }, 20_000));
const notices = (): string[] => told.got.map((g) => (JSON.parse(g.body) as Notice).kind);
/** The command line of somebody without a key. */
const listed = (d: TestDrill): string =>
  execFileSync(process.execPath, [join(ROOT, 'console/cli/main.ts'), 'list', '--out', join(d.dir, 'drills'), '--json'], {
    encoding: 'utf8',
    env: { ...process.env, XDG_CONFIG_HOME: config },
  });
async function until(what: string, so: () => Promise<boolean> | boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await so());) {
    if (Date.now() > deadline) throw new Error(`it did not come so: ${what}`);
    await new Promise((r) => setTimeout(r, 50));
  }
}

/** What somebody sees of the drill: the list has it, its page is there. */
async function sees(b: Browser, { prepared: { drillId } }: TestDrill): Promise<[boolean, number]> {
  return [(await b.get('/')).body.includes(drillId), (await b.get(`/drills/${drillId}`)).status];
}
const ALL: [boolean, number] = [true, 200];
const NOTHING: [boolean, number] = [false, 404];

async function withBoard(d: TestDrill, judge: (person: (name: string) => Promise<Browser>) => Promise<void>): Promise<void> {
  const { board } = await startBoard(config, { machine: { cacheDir: CACHE_DIR, env: process.env }, out: join(d.dir, 'drills') });
  try {
    await judge(async (name) => {
      const b = new Browser(board.url);
      expect((await b.signIn(tokenFor(config, name).text)).status).toBe(303);
      return b;
    });
  } finally {
    await board.close();
  }
}

test(
  'the crew is told when the first fault has taken effect, and no sooner',
  async () => {
    await using d = await start({ unannounced: true });
    const { drillId, bundle } = d.prepared;
    await withBoard(d, async (person) => {
      const [ada, edsger, grace] = [await person('Ada'), await person('Edsger'), await person('Grace')];
      await d.reached('baseline', 'active');
      expect([await sees(ada, d), await sees(edsger, d), await sees(grace, d)]).toEqual([NOTHING, NOTHING, ALL]);
      expect((await ada.post(`/drills/${drillId}/acts`, { csrf: await ada.csrf('/'), transition: 'abort', reason: 'x' })).status).toBe(404);
      expect(listed(d)).not.toContain(drillId);
      // all this was before the fault
      expect((await d.state()).chain.every((c) => c.effect === null)).toBe(true);
      expect(notices()).toEqual([]);
      await until('told', async () => notices().length > 0 || (await d.state()).phase === 'ended');
      expect((await d.state()).problems).toEqual([]);
      await until('seen', async () => (await sees(ada, d))[0]);
      expect([await sees(ada, d), await sees(edsger, d)]).toEqual([ALL, ALL]);
      expect(listed(d)).toContain(drillId);
    });
    const effect = (await d.state()).chain.find((c) => c.id === 'cut-source')!.effect!;
    expect((JSON.parse(told.got[0]!.body) as Notice).at).toBeGreaterThanOrEqual(Math.floor(effect.present.wallMs));
    await abort(d);
    expect((await d.result()).verdict).toBe('unknown');
    expect(notices()).toEqual(['drill-began', 'drill-ended']);
    const report = JSON.parse(readFileSync(join(bundle, BUNDLE.report), 'utf8')) as ReportModel;
    expect([report.note, report.meta.unannounced]).toEqual(['unannounced', true]);
  },
  DRILL_MS,
);

test(
  'aborted before its first fault it stays untold for good',
  async () => {
    await using d = await start({ unannounced: true });
    await d.reached('baseline', 'active');
    await abort(d);
    expect((await d.result()).sentence).toContain('enough seen');
    expect(d.history().some((e) => e.kind === 'fault-injected')).toBe(false);
    await d.session.end();
    await withBoard(d, async (person) => {
      expect([await sees(await person('Ada'), d), await sees(await person('Grace'), d)]).toEqual([NOTHING, ALL]);
      expect((await (await person('Ada')).get(`/drills/${d.prepared.drillId}/report`)).status).toBe(404);
    });
    expect([notices(), listed(d).includes(d.prepared.drillId)]).toEqual([[], false]);
  },
  DRILL_MS,
);

test(
  'a drill that is announced is told as it begins',
  async () => {
    await using d = await start({ unannounced: false });
    await d.reached('baseline', 'active');
    await until('told', () => notices().length > 0);
    expect((await d.state()).chain.every((c) => c.effect === null)).toBe(true);
    expect(listed(d)).toContain(d.prepared.drillId);
    await abort(d);
    await d.result();
    expect(notices()).toEqual(['drill-began', 'drill-ended']);
  },
  DRILL_MS,
);
