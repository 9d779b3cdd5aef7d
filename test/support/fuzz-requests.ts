/** What somebody could send to the board, from a seed: whole requests that mean harm, and bytes that are hardly requests. The n-th of a seed is always the same. */

/** As markup, as a template, and as what a terminal would obey: none of it may come back as it was sent. */
export const MARKUP = '<fz"\'&>';
const ESCAPE = '\u001B]0;fz\u0007';

export interface Target {
  /** host:port */
  host: string;
  drills: readonly string[];
  assets: readonly string[];
  /** people who are signed in, each with a form's token that fits */
  sessions: readonly { name: string; cookie: string; csrf: string }[];
}
export type Kind = 'whole' | 'pipelined' | 'pieces' | 'broken' | 'half';
export interface Sent {
  kind: Kind;
  /** to send one after another */
  parts: Buffer[];
  /** methods of the requests, when there must be an answer to each */
  methods: string[];
  /** of an act that is signed in, from the board's own page, with a token that fits: the only one that may be taken */
  legitimate: string | null;
}

/** mulberry32: small, and good enough to choose with. */
export class Random {
  #state: number;
  constructor(seed: number, n: number) {
    this.#state = (seed ^ Math.imul(n + 1, 0x9e37_79b1)) >>> 0;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  chance(p: number): boolean {
    return this.next() < p;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

const METHODS = ['GET', 'GET', 'GET', 'POST', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND', 'M-SEARCH'];
const BITS = [
  '',
  'x',
  '..',
  '.',
  '%00',
  '%2e%2e',
  '%2e%2e%2f',
  '%E0%A4%A',
  '%ff%fe',
  '%',
  'a'.repeat(3_000),
  '%22%3E%3Cscript%3E',
  encodeURIComponent(MARKUP),
  encodeURIComponent(ESCAPE),
  '{{7*7}}',
  '$%7B7*7%7D',
  '%E2%80%AE',
  '__proto__',
  'constructor',
  ';',
  '//evil.example',
  '%5Cevil.example',
  'etc%2fpasswd',
  'plan.json',
  'live',
  'acts',
  'report',
  'drills',
  'sign-in',
];
const VALUES = [
  '',
  'x',
  '0',
  '1',
  '-1',
  '1e99',
  'NaN',
  'fence',
  'recover',
  '__proto__',
  'abort',
  'done',
  'comment',
  'a'.repeat(2_001),
  MARKUP,
  ESCAPE,
  '\u202E',
  '\uD800',
  '{{m}}',
  '../..',
];
const FIELDS = ['transition', 'step', 'attempt', 'view', 'reason', 'next', 'token', 'csrf', 'input.gtids', 'input.__proto__', '__proto__', 'a[]'];
const QUERIES = ['next', 'ended', 'state', 'code', 'error', 'error_description', 'iss', '__proto__[x]', 'constructor'];
const HEADERS: readonly ((r: Random) => string)[] = [
  (r) => `accept: ${r.pick(['application/json', 'text/html', '*/*', 'text/event-stream', MARKUP, ''])}`,
  (r) => `accept-encoding: ${r.pick(['gzip', 'br;q=1', 'x'.repeat(500)])}`,
  (r) => `range: ${r.pick(['bytes=0-', 'bytes=-1', 'bytes=5-1', 'x'])}`,
  (r) => `expect: ${r.pick(['100-continue', 'nothing'])}`,
  (r) => `x-forwarded-for: ${MARKUP}${r.below(9)}`,
  (r) => `x-forwarded-host: evil.example:${r.below(9)}`,
  () => 'x-user: Ada',
  (r) => `user-agent: ${r.pick([MARKUP, 'x'.repeat(5_000), '\u00FF\u00FE', '\u009B31m'])}`,
  (r) => `if-none-match: ${r.pick(['*', '"x"', MARKUP])}`,
  () => 'x-http-method-override: DELETE',
  (r) => `referer: http://evil.example/${MARKUP}${r.below(9)}`,
  (r) => `x-many: ${'y'.repeat(r.below(9_000))}`,
  () => Array.from({ length: 60 }, (_, i) => `x-${i}: ${i}`).join('\r\n'),
];
/** A WebSocket handshake, with the length of the body left as it is. */
const UPGRADE = ['connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13', 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=='];

export function request(seed: number, n: number, to: Target): Sent {
  const r = new Random(seed, n);
  const roll = r.next();
  if (roll < 0.72) return whole(r, n, to);
  if (roll < 0.8) {
    const many = Array.from({ length: 2 + r.below(6) }, () => anonymous(r, to));
    return { kind: 'pipelined', parts: [Buffer.concat(many.map((m) => m.bytes))], methods: many.map((m) => m.method), legitimate: null };
  }
  if (roll < 0.82) {
    const { bytes, method } = anonymous(r, to);
    const at = 1 + r.below(bytes.length - 1);
    return { kind: 'pieces', parts: [bytes.subarray(0, at), bytes.subarray(at)], methods: [method], legitimate: null };
  }
  if (roll < 0.95) return { kind: 'broken', parts: [broken(r, to)], methods: [], legitimate: null };
  const { bytes } = anonymous(r, to);
  return { kind: 'half', parts: [bytes.subarray(0, 1 + r.below(bytes.length - 1))], methods: [], legitimate: null };
}

function address(r: Random, to: Target): string {
  const known = ['/', '/sign-in', '/sign-out', '/sign-in/oidc', '/sign-in/oidc/back', '/favicon.ico', ...to.assets];
  const parts = ['', '/live', '/report', '/acts'];
  let path = r.chance(0.5) ? `/drills/${r.pick(to.drills)}${r.pick(parts)}` : r.pick(known);
  for (let times = r.below(3); times > 0; times--) {
    const at = r.below(path.length + 1);
    path = `${path.slice(0, at)}${r.chance(0.3) ? '/' : ''}${r.pick(BITS)}${path.slice(at)}`;
  }
  const query = Array.from(
    { length: r.below(3) },
    () => `${r.pick(QUERIES)}=${r.chance(0.5) ? r.pick(BITS) : encodeURIComponent(r.pick(VALUES).toWellFormed())}`,
  );
  return `${path.startsWith('/') ? '' : '/'}${path}${query.length > 0 ? `?${query.join('&')}` : ''}`;
}

function body(r: Random, csrf: string | null, reason: string): Buffer {
  if (r.chance(0.03)) return Buffer.alloc(300_000, 'a=b&');
  if (r.chance(0.05)) return Buffer.from(Array.from({ length: r.below(400) }, () => r.below(256)));
  const fields = new URLSearchParams(Array.from({ length: r.below(8) }, (): [string, string] => [r.pick(FIELDS), r.pick(VALUES).toWellFormed()]));
  if (r.chance(0.6)) fields.set('transition', r.pick(['abort', 'comment', 'done', 'acknowledge']));
  fields.set('reason', reason);
  if (csrf !== null) fields.set('csrf', csrf);
  const text = fields.toString();
  return Buffer.from(r.chance(0.05) ? `${text}&%=%E0%A4%A&${MARKUP}` : text);
}

/** A request that must be answered. Only here somebody is signed in. */
function whole(r: Random, n: number, to: Target): Sent {
  const who = r.chance(0.7) ? r.pick(to.sessions) : null;
  const reason = `fz-${n}`;
  const ours = r.chance(0.6);
  const csrf = who && r.chance(0.6) ? who.csrf : r.pick([null, '', 'x'.repeat(43), r.pick(to.sessions).csrf]);
  const act = r.chance(0.15);
  const made = compose(r, to, { cookie: who?.cookie ?? null, ours, csrf, reason, act, upgrade: !act && r.chance(0.03) });
  const legitimate = who !== null && ours && csrf === who.csrf ? reason : null;
  return { kind: 'whole', parts: [made.bytes], methods: [made.method], legitimate };
}
function anonymous(r: Random, to: Target): { bytes: Buffer; method: string } {
  return compose(r, to, { cookie: null, ours: r.chance(0.5), csrf: r.pick([null, r.pick(to.sessions).csrf]), reason: 'fz-anonymous' });
}

interface Who {
  cookie: string | null;
  /** from the board's own page */
  ours: boolean;
  csrf: string | null;
  reason: string;
  /** one that would be taken, were it not for the above */
  act?: boolean;
  /** asks for a WebSocket: Node reads nothing behind it */
  upgrade?: boolean;
}
function compose(r: Random, to: Target, { cookie, ours, csrf, reason, act, upgrade }: Who): { bytes: Buffer; method: string } {
  const method = act ? 'POST' : r.pick(METHODS);
  const host = act || r.chance(0.95) ? to.host : r.pick(['evil.example', '', 'localhost', `${to.host}.evil.example`, MARKUP]);
  const origin = ours ? `http://${to.host}` : r.pick([null, 'null', 'https://evil.example', `http://${to.host}.evil.example`, '://', MARKUP]);
  const cookies = cookie ?? r.pick([null, 'drillbook=', `drillbook=${'A'.repeat(43)}`, `drillbook=${MARKUP}`, 'x=y; '.repeat(200), 'drillbook=a; drillbook=b']);
  const sends = method === 'POST' || r.chance(0.1);
  const sent = act ? Buffer.from(`transition=abort&reason=${reason}&csrf=${csrf ?? ''}`) : sends ? body(r, csrf, reason) : Buffer.alloc(0);
  const chunked = sends && r.chance(0.1);
  const type =
    act || r.chance(0.9) ? 'application/x-www-form-urlencoded' : r.pick(['application/json', 'multipart/form-data; boundary=x', 'text/plain', MARKUP, '']);
  const lines = [
    `${method} ${act ? `/drills/${to.drills[1]}/acts` : address(r, to)} HTTP/1.1`,
    `host: ${host}`,
    ...(origin === null ? [] : [`origin: ${origin}`]),
    ...(cookies === null ? [] : [`cookie: ${cookies}`]),
    ...(sends ? [`content-type: ${type}`, chunked ? 'transfer-encoding: chunked' : `content-length: ${sent.length}`] : []),
    ...Array.from({ length: act ? 0 : r.below(3) }, () => r.pick(HEADERS)(r)),
    ...(upgrade ? UPGRADE : []),
  ];
  const payload = chunked ? Buffer.concat([Buffer.from(`${sent.length.toString(16)}\r\n`), sent, Buffer.from('\r\n0\r\n\r\n')]) : sent;
  return { bytes: Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), payload]), method };
}

/** What is hardly a request: changed bytes, impossible lengths, smuggling, lines without end. An answer, or the end of the connection. */
function broken(r: Random, to: Target): Buffer {
  const head = (...lines: string[]) => Buffer.from(`POST /sign-in HTTP/1.1\r\nhost: ${to.host}\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  switch (r.below(12)) {
    case 0:
      return Buffer.from(Array.from({ length: 1 + r.below(200) }, () => r.below(256)));
    case 1:
      return Buffer.concat([head('content-length: 5', 'transfer-encoding: chunked'), Buffer.from('0\r\n\r\nGET / HTTP/1.1\r\n\r\n')]);
    case 2:
      return head(`content-length: ${r.pick(['-1', '1e3', '99999999999999999999', 'x', '5\r\ncontent-length: 6'])}`);
    case 3:
      return Buffer.concat([head('transfer-encoding: chunked'), Buffer.from(r.pick(['zz\r\n', 'ffffffffffffffff\r\n', '5;x\r\nab', '-1\r\n\r\n']))]);
    case 4:
      return head(`x-long: ${'x'.repeat(20_000)}`);
    case 5:
      return head(r.pick(['no colon', ': none', ' folded', 'x\u0000y: z', `x: a\u0000${ESCAPE}`, 'x : y']));
    case 6:
      return Buffer.from(`${r.pick(['get', 'G\u0000T', MARKUP, 'X'.repeat(300), ''])} / HTTP/1.1\r\nhost: ${to.host}\r\n\r\n`, 'latin1');
    case 7:
      return Buffer.from(
        `GET ${r.pick(['http://evil.example/', '*', 'evil:80', '//evil', `/${MARKUP}`, '/a b', `/${ESCAPE}`, '/\u00E9'])} HTTP/1.1\r\nhost: ${to.host}\r\n\r\n`,
        'latin1',
      );
    case 8:
      return Buffer.from(`GET / HTTP/${r.pick(['0.9', '1.0', '1.2', '2.0', '3', 'x'])}\r\nhost: ${to.host}\r\n\r\n`);
    case 9:
      return Buffer.from(`CONNECT ${r.pick(['evil.example:443', '/', '*'])} HTTP/1.1\r\nhost: ${to.host}\r\n\r\nxx`);
    case 10:
      return Buffer.from('GET / HTTP/1.1\r\n\r\n');
    default: {
      const { bytes } = anonymous(r, to);
      const changed = Buffer.from(bytes);
      for (let i = 1 + r.below(5); i > 0; i--) changed[r.below(Math.min(changed.length, 300))] = r.below(256);
      return changed;
    }
  }
}
