/** Server-sent events: who is connected, what each was sent last, a beat so that proxies keep the line open and ended sessions are noticed. */
import type { ServerResponse } from 'node:http';
import { Problem } from './problem.ts';

const BEAT_MS = 10_000;
const ALL_MAX = 500;
const EACH_MAX = 20;
/** Whoever reads this slowly gets a new line, and with it all parts, in place of a backlog. */
const BACKLOG_BYTES = 1 << 20;

export interface Stream {
  /** Sends those parts that are not what was sent last. */
  fragments(parts: Record<string, string>): void;
  /** Nothing will change any more. */
  over(): void;
}

export class Streams {
  readonly #open = new Map<ServerResponse, string>();

  /** `same`: whether the one who connected is still who it was; else the page is told to load again. DRILL_WEB_TOO_MANY. */
  open(res: ServerResponse, who: string, headers: Record<string, string>, same: () => boolean): Stream {
    const theirs = [...this.#open.values()].filter((w) => w === who).length;
    if (this.#open.size >= ALL_MAX || theirs >= EACH_MAX) throw new Problem(503, 'DRILL_WEB_TOO_MANY', 'too many pages are open', 'close some', 30);
    this.#open.set(res, who);
    res.writeHead(200, headers);
    res.write('retry: 1000\n\n');
    const sent = new Map<string, string>();
    let id = 0;
    const send = (event: string, data: object) => {
      if (res.destroyed) return;
      if (res.writableLength > BACKLOG_BYTES) res.destroy();
      else if (same()) res.write(`id: ${++id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      else res.end('event: signed-out\ndata: {}\n\n');
    };
    const beat = setInterval(() => send('beat', {}), BEAT_MS).unref();
    res.once('close', () => {
      clearInterval(beat);
      this.#open.delete(res);
    });
    return {
      fragments: (parts) => {
        const changed = Object.entries(parts).filter(([name, html]) => sent.get(name) !== html);
        if (changed.length === 0) return;
        for (const [name, html] of changed) sent.set(name, html);
        send('fragments', { now: Date.now(), fragments: Object.fromEntries(changed) });
      },
      over: () => send('over', {}),
    };
  }

  close(): void {
    for (const res of this.#open.keys()) res.destroy();
  }
}
