/** Two people, each with a page of the board in Chromium: from the click of one to the moment at which the page of the other has the next step. */
import type { Browser, Page } from 'playwright-core';
import { DrillError } from '../core/errors.ts';
import { PEOPLE, stepId } from './people-world.ts';
import type { World } from './people-world.ts';

const WAIT_MS = 20_000;

/** Runs in a page: resolves with that page's clock, epoch ms with fractions, as soon as its document has the element; −1: never. */
const WHEN_THERE = `(selector) => new Promise((resolve) => {
  const now = () => performance.timeOrigin + performance.now();
  if (document.querySelector(selector)) return resolve(now());
  const end = setTimeout(() => (observer.disconnect(), resolve(-1)), ${WAIT_MS});
  const observer = new MutationObserver(() => {
    if (!document.querySelector(selector)) return;
    clearTimeout(end);
    observer.disconnect();
    resolve(now());
  });
  observer.observe(document.body, { childList: true, subtree: true });
})`;
/** Clicks, and says when; −1: the button does not take it. */
const CLICK = `(selector) => {
  let at = -1;
  addEventListener('click', () => (at = performance.timeOrigin + performance.now()), { capture: true, once: true });
  document.querySelector(selector)?.click();
  return at;
}`;
const call = (source: string, ...args: string[]): string => `(${source})(${args.map((a) => JSON.stringify(a)).join(', ')})`;

export class Pair {
  readonly #pages: readonly Page[];

  private constructor(pages: readonly Page[]) {
    this.#pages = pages;
  }

  static async signIn(browser: Browser, world: World): Promise<Pair> {
    const pages: Page[] = [];
    for (const name of PEOPLE) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
      const page = await context.newPage();
      await page.goto(world.boardUrl);
      await page.getByLabel('Your personal token').fill(world.token(name));
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.locator('#f-list').waitFor({ timeout: WAIT_MS });
      pages.push(page);
    }
    return new Pair(pages);
  }

  async open(boardUrl: string, drill: string): Promise<void> {
    for (const page of this.#pages) {
      await page.goto(new URL(`/drills/${drill}`, boardUrl).href);
      await page.locator(`#step-${stepId(0)}`).waitFor({ timeout: WAIT_MS });
    }
  }

  /** Step i is taken and signed by one of them; ms from that click to the next step on the page of the other. */
  async signOff(i: number): Promise<number> {
    const signer = this.#pages[i % 2]!;
    const watcher = this.#pages[(i + 1) % 2]!;
    const here = `#step-${stepId(i)}`;
    const done = `${here} form[data-key^="done-"] button.go`;
    const ready = signer.evaluate<number>(call(WHEN_THERE, done));
    there(await signer.evaluate<number>(call(CLICK, `${here} form[data-key^="acknowledge-"] button`)), 'the button to take the step');
    there(await ready, 'the step as taken');
    const seen = watcher.evaluate<number>(call(WHEN_THERE, `#step-${stepId(i + 1)}`));
    const clicked = there(await signer.evaluate<number>(call(CLICK, done)), 'the button to sign');
    return there(await seen, 'the next step') - clicked;
  }

  /** What a person with this page is, to the board. */
  async cookie(): Promise<string> {
    const [cookie] = await this.#pages[0]!.context().cookies();
    return `${cookie!.name}=${cookie!.value}`;
  }

  async close(): Promise<void> {
    for (const page of this.#pages) await page.context().close();
  }
}

function there(at: number, what: string): number {
  if (at === -1) throw new DrillError('DRILL_BENCH', `a page did not show ${what} within ${WAIT_MS / 1000} s`, 'look at the logs of board and worker');
  return at;
}
