/** The pictures of the live view: a frame of the running drill, and the table that stays. Pure: state in, lines out. */
import type { FigureModel, ReportModel } from '../../core/report/model.ts';
import { clock, count, duration, limit, plural } from '../../core/report/text.ts';
import { COMMAND } from '../../setup/entry.mjs';
import type { ChainStatus, LiveObjective, LiveRates, LiveState, LiveStep } from '../live-state.ts';
import { columns, fit, pad } from './live-text.ts';
import type { Line, Span, Style } from './live-text.ts';

const LABEL = 14;
const REASONS_SHOWN = 6;
const INDENT = '  ';

export interface FinishPaths {
  report: string;
  folder: string;
  /** a command line that shows the same by hand */
  reconcile?: string;
}

/** At most `rows` lines: what has ended gives way first. */
export function frame(s: LiveState, width: number, rows = Infinity): Line[] {
  const head: Line[] = [
    title(s, width),
    [[INDENT + '─'.repeat(width - 2), 'dim']],
    objectives(s, width),
    ...labelled('disaster', chain(s), width),
    ...clients(s, width, rows),
  ];
  const room = Math.max(3, rows - head.length - 2);
  const steps = s.steps.length > room ? trimmed(s.steps, room, width) : s.steps.map((p) => stepLine(p, width));
  const now: Line[] = s.phase ? [[[`${INDENT}now           `, 'dim'], [s.phase]]] : [];
  return [...head, ...now, ...steps];
}

function title(s: LiveState, width: number): Line {
  const time = s.t0Known ? `T+${clock(s.elapsedMs)}` : `start +${clock(s.elapsedMs)}`;
  const room = width - 2 - columns(time) - 2;
  const name = fit(`${s.title} on ${s.target}`, room);
  return [[INDENT], [pad(name, room), 'bold'], [`  ${time}`, 'bold']];
}

function objectives(s: LiveState, width: number): Line {
  const data = objective(s.dataRto);
  const wide = width >= 76;
  return [
    [`${INDENT}${pad('service RTO', LABEL)}`, 'dim'],
    ...objective(s.serviceRto),
    [wide ? '        ' : '   '],
    [wide ? 'data RTO   ' : 'data ', 'dim'],
    ...data,
  ];
}

function objective(o: LiveObjective): Span[] {
  const of = o.objectiveMs === null ? '' : ` of ${limit(o.objectiveMs)}`;
  if (o.state === 'waiting') return [[`–${of}`, 'dim']];
  if (o.state === 'unknown') return [['unknown', 'unknown'], [of]];
  if (o.state === 'met') return [[o.ms === null ? 'met' : duration(o.ms), 'pass'], [of], ['  ✓', 'pass']];
  if (o.state === 'missed') return [[o.ms === null ? 'not reached' : duration(o.ms), 'fail'], [of], ['  ✕', 'fail']];
  const over = o.ms !== null && o.objectiveMs !== null && o.ms > o.objectiveMs;
  return [[o.ms === null ? '–' : clock(o.ms), over ? 'fail' : 'bold'], [of], [over ? '  over' : '  running', over ? 'fail' : 'dim']];
}

const CHAIN: Record<ChainStatus, { mark: string; style: Style }> = {
  pending: { mark: '○', style: 'dim' },
  active: { mark: '●', style: 'bold' },
  done: { mark: '✓', style: 'plain' },
  healed: { mark: '✓', style: 'plain' },
  lapsed: { mark: '✕', style: 'fail' },
  failed: { mark: '✕', style: 'fail' },
};

function chain(s: LiveState): Span[] {
  return s.chain.map((c): Span => {
    if (c.lease) return [`● ${c.title} (holds${c.lease.lapsesInMs === null ? '' : `, lapses in ${clock(c.lease.lapsesInMs)}`})`, 'fail'];
    const { mark, style } = CHAIN[c.status];
    return [`${mark} ${c.title}${['pending', 'active', 'done'].includes(c.status) ? '' : ` (${c.status})`}`, style];
  });
}

/** Items behind a label, wrapped between items. */
function labelled(label: string, items: Span[], width: number): Line[] {
  const lines: Span[][] = [];
  let used = Infinity;
  for (const [text, style] of items) {
    const cut = fit(text, width - 2 - LABEL);
    if (used + 3 + columns(cut) > width) {
      lines.push([[INDENT + pad(lines.length ? '' : label, LABEL), 'dim']]);
      used = 2 + LABEL;
    } else {
      lines.at(-1)!.push(['   ']);
      used += 3;
    }
    lines.at(-1)!.push([cut, style ?? 'plain']);
    used += columns(cut);
  }
  return lines;
}

function writes({ writes: w }: LiveState): Line {
  const label: Span = [`${INDENT}${pad('writes', LABEL)}`, 'dim'];
  if (!w) return [label, ['no workload is running', 'dim']];
  const risk: Span[] = w.atRisk ? [['   '], [`${count(w.atRisk)} at risk${w.atRiskOn ? ` on ${w.atRiskOn}` : ''}`, 'fail']] : [];
  return [
    label,
    [`${count(Math.round(w.ackedPerS))}/s acked`],
    ['   '],
    [`${count(Math.round(w.failedPerS))}/s failed`, w.failedPerS > 0 ? 'fail' : 'plain'],
    ...risk,
  ];
}

/** What clients get and how stale nodes are, with a curve each where there is room for it. */
function clients(s: LiveState, width: number, rows: number): Line[] {
  const { rates, staleness } = s.curves;
  const room = Math.min(CURVE_COLUMNS, width - 2 - LABEL);
  const curve = (line: Span[]): Line[] => (rows >= ROWS_FOR_CURVES && line.length > 0 ? [[[' '.repeat(2 + LABEL)], ...line]] : []);
  const lines = [writes(s), ...curve(rates ? ratesCurve(rates, room) : [])];
  if (staleness.length === 0) return lines;
  const now = staleness.map((n) => [n.node, n.staleMs.at(-1) ?? null] as const).map(([node, ms]) => `${node} ${ms === null ? 'not read' : duration(ms)}`);
  const worst = Array.from({ length: Math.max(...staleness.map((n) => n.staleMs.length)) }, (_, i) => Math.max(0, ...staleness.map((n) => n.staleMs[i] ?? 0)));
  return [
    ...lines,
    [[`${INDENT}${pad('staleness', LABEL)}`, 'dim'], [now.join('   ')]],
    ...curve([[bars(squeezed(worst, room, Math.max), Math.max(1_000, ...worst)), 'dim']]),
  ];
}

const CURVE_COLUMNS = 60;
const ROWS_FOR_CURVES = 22;
const BARS = '▁▂▃▄▅▆▇█';
const bars = (values: readonly number[], most: number): string => values.map((v) => BARS[Math.min(7, Math.floor((v / most) * 8))]).join('');

/** At most so many, each the worst of those it stands for. */
function squeezed(values: readonly number[], room: number, worst: (...some: number[]) => number): number[] {
  const each = Math.ceil(values.length / room);
  return Array.from({ length: Math.ceil(values.length / each) }, (_, i) => worst(...values.slice(i * each, (i + 1) * each)));
}

/** Acknowledged writes; where more were refused than acknowledged it says so by its colour. */
function ratesCurve({ acked, bad }: LiveRates, room: number): Span[] {
  if (acked.length === 0) return [];
  const [good, ill] = [squeezed(acked, room, Math.min), squeezed(bad, room, Math.max)];
  const text = bars(good, Math.max(1, ...good));
  return Array.from(text, (c, i): Span => [c, ill[i]! > good[i]! ? 'fail' : 'plain']);
}

const STEP: Record<LiveStep['status'], { mark: string; style: Style; word: string }> = {
  pending: { mark: '○', style: 'dim', word: '' },
  active: { mark: '●', style: 'bold', word: 'waiting' },
  acknowledged: { mark: '●', style: 'bold', word: '' },
  done: { mark: '●', style: 'bold', word: 'being checked' },
  checked: { mark: '●', style: 'bold', word: 'waits for approval' },
  verified: { mark: '✓', style: 'pass', word: '' },
  skipped: { mark: '✕', style: 'unknown', word: 'skipped' },
  rejected: { mark: '✕', style: 'fail', word: 'rejected' },
};

function stepLine(p: LiveStep, width: number): Line {
  const { mark, style, word } = STEP[p.status];
  const running = mark === '●';
  const tail = [p.attempt > 1 ? `attempt ${p.attempt}` : '', word, running && !p.overdue ? `budget ${limit(p.budgetMs)}` : ''].filter(Boolean).join('   ');
  const name = Math.max(20, Math.min(46, width - 50));
  const cells: Span[] = [
    [`${INDENT}${mark} `, style],
    [pad(p.title, name), p.status === 'pending' ? 'dim' : 'plain'],
  ];
  if (p.tookMs !== null) cells.push([` ${pad(duration(p.tookMs), 9, true)}   `, running ? 'bold' : 'plain'], [pad(p.by ?? '', p.by ? 18 : 0), 'dim']);
  if (tail) cells.push([` ${tail}`, p.status === 'rejected' ? 'fail' : 'dim']);
  if (p.overdue) cells.push([`   over its budget of ${limit(p.budgetMs)}`, 'fail']);
  return cells;
}

const more = (n: number, where: string): Line[] => (n > 0 ? [[[`${INDENT}… ${plural(n, 'step')} ${where}`, 'dim']]] : []);

/** A window of the list around the first step that has not ended. */
function trimmed(steps: LiveStep[], room: number, width: number): Line[] {
  const open = steps.findIndex((p) => !['verified', 'skipped', 'rejected'].includes(p.status));
  const from = Math.max(0, Math.min((open < 0 ? steps.length : open) - 2, steps.length - (room - 2)));
  const shown = steps.slice(from, from + room - 2);
  const after = steps.length - from - shown.length;
  return [...more(from, 'before'), ...shown.map((p) => stepLine(p, width)), ...more(after, 'after')];
}

const VERDICT: Record<ReportModel['verdict'], Style> = { pass: 'pass', fail: 'fail', unknown: 'unknown' };
const MARK: Record<FigureModel['state'], string> = { met: '✓', missed: '✕', unknown: '?', plain: ' ' };
const STATE: Record<FigureModel['state'], Style> = { met: 'pass', missed: 'fail', unknown: 'unknown', plain: 'plain' };

/** The table that stays when the drill is over. */
export function finale(m: ReportModel, paths: FinishPaths, width: number): Line[] {
  const mark = { pass: '✓', fail: '✕', unknown: '?' }[m.verdict];
  const lines: Line[] = [
    [],
    [[`${INDENT}${mark} ${m.verdict.toUpperCase()}`, VERDICT[m.verdict]], [m.note ? `  (${m.note})` : '']],
    ...wrapped(m.sentence, width),
    [],
  ];
  lines.push([[INDENT + pad('', 20) + pad('objective', 10, true) + pad('actual', 14, true), 'dim']]);
  for (const f of [...m.figures, ...m.people.figures]) {
    const says = f.unit === 'writes' && f.value !== null ? count(f.value) : f.says;
    lines.push([
      [INDENT + pad(f.name, 20)],
      [pad(objectiveOf(f), 10, true)],
      [pad(says, 14, true), f.state === 'plain' ? 'plain' : STATE[f.state]],
      [`  ${MARK[f.state]}  `, STATE[f.state]],
      [noteOf(f, m), 'dim'],
    ]);
  }
  lines.push([]);
  for (const r of m.reasons.slice(0, REASONS_SHOWN))
    lines.push(...wrapped(`${r.verdict === 'pass' ? '✓' : r.verdict === 'fail' ? '✕' : '?'} ${r.text}`, width));
  if (m.reasons.length > REASONS_SHOWN) lines.push([[`${INDENT}  and ${count(m.reasons.length - REASONS_SHOWN)} more: in the report`, 'dim']]);
  for (const b of m.data.bad.shown.slice(0, 3)) lines.push([[`${INDENT}    ${b.fate}: ${b.table} ${b.key}`], [b.gtid ? `  ${b.gtid}` : '', 'dim']]);
  if (m.data.bad.total > 3) lines.push([[`${INDENT}    and ${count(m.data.bad.total - 3)} more: all in fates.jsonl`, 'dim']]);
  if (m.reasons.length > 0 || m.data.bad.total > 0) lines.push([]);
  const row = (label: string, value: string): Line => [[INDENT + pad(label, 11), 'dim'], [value]];
  lines.push(row('report', paths.report), row('check', `${COMMAND} report ${paths.folder}`));
  if (paths.reconcile) lines.push(row('reconcile', paths.reconcile));
  return lines;
}

function objectiveOf(f: FigureModel): string {
  if (f.objective === null) return '–';
  return f.unit === 'writes' ? count(f.objective) : limit(f.objective);
}

function noteOf(f: FigureModel, m: ReportModel): string {
  const t = m.people.totals;
  if (f.id === 'data-rto' && f.value !== null && t.tookMs > 0) {
    const who = m.people.rehearsal ? 'operator (script)' : 'people';
    return `${who} ${duration(t.personMs)}, waiting ${duration(t.waitingMs)}, checks ${duration(t.machineMs)}`;
  }
  if (f.id === 'rpo-after-recovery') {
    const there = m.data.fates.filter((x) => x.count > 0).map((x) => `${count(x.count)} ${x.fate}`);
    return `${count(m.data.acked)} acknowledged${there.length ? `: ${there.join(', ')}` : ''}`;
  }
  return f.note || f.from;
}

/** Words, indented, broken at the terminal's width. */
function wrapped(text: string, width: number): Line[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || columns(last) + 1 + columns(word) > width - 4) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map((l, i): Line => [[INDENT + (i > 0 && /^[✓✕?] /.test(lines[0]!) ? '  ' : '') + l]]);
}
