/** What a benchmark hands back, and how it is shown. */
export interface Measurement {
  /** which part measured it: lab, cut, signoff, drill, memory, binlog, reconcile */
  part: string;
  name: string;
  /** `×`: times as fast as the rival; `%`: of the rival's speed. Of ms, s and MB less is better, of the others more. */
  unit: 'ms' | 's' | 'MB' | 'GB/s' | 'M events/s' | '×' | '%';
  values: number[];
  median: number;
  /** what the median must reach, or must not pass where less is better */
  goal?: number;
  /** of one run, median */
  cpuS?: number;
  /** resident, the most of all runs */
  peakMb?: number;
  /** what it is compared with, measured in the same run, in turns */
  rival?: { name: string; values: number[]; median: number };
  note?: string;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
};

export function measurement(
  part: string,
  name: string,
  unit: Measurement['unit'],
  values: number[],
  more: { rival?: { name: string; values: number[] } | undefined; note?: string } & Pick<Measurement, 'goal' | 'cpuS' | 'peakMb'> = {},
): Measurement {
  const { goal, cpuS, peakMb } = more;
  return {
    part,
    name,
    unit,
    values,
    median: median(values),
    ...(goal === undefined ? {} : { goal }),
    ...(cpuS === undefined ? {} : { cpuS }),
    ...(peakMb === undefined ? {} : { peakMb }),
    ...(more.rival ? { rival: { ...more.rival, median: median(more.rival.values) } } : {}),
    ...(more.note ? { note: more.note } : {}),
  };
}

const lessIsBetter = (m: Measurement): boolean => m.unit === 'ms' || m.unit === 's' || m.unit === 'MB';
export const reached = (m: Measurement): boolean => m.goal === undefined || (lessIsBetter(m) ? m.median <= m.goal : m.median >= m.goal);

const HEAD = ['part', 'what', 'n', 'median', 'min', 'max', '', 'goal', '', 'CPU s', 'peak MB', 'compared with', 'its median', 'ratio'];
const RIGHT = new Set([2, 3, 4, 5, 7, 9, 10, 12, 13]);

/** A table that lines up; a column that no line fills is left out. The ratio is ours ÷ the rival's. */
export function table(all: readonly Measurement[]): string {
  const rows = all.map((m) => [
    m.part,
    m.name,
    String(m.values.length),
    figure(m.median),
    figure(Math.min(...m.values)),
    figure(Math.max(...m.values)),
    m.unit,
    m.goal === undefined ? '' : `${lessIsBetter(m) ? '≤' : '≥'} ${m.goal}`,
    m.goal === undefined ? '' : reached(m) ? 'yes' : 'NO',
    m.cpuS === undefined ? '' : figure(m.cpuS),
    m.peakMb === undefined ? '' : figure(m.peakMb),
    m.rival?.name ?? '',
    m.rival ? `${figure(m.rival.median)} ${isRatio(m) ? 's' : m.unit}` : '',
    m.rival && !isRatio(m) ? (m.median / m.rival.median).toFixed(2) : '',
  ]);
  const shown = HEAD.map((_, i) => i).filter((i) => rows.some((r) => r[i] !== ''));
  const widths = HEAD.map((_, i) => Math.max(...[HEAD, ...rows].map((r) => r[i]!.length)));
  const line = (cells: string[]) =>
    shown
      .map((i) => (RIGHT.has(i) ? cells[i]!.padStart(widths[i]!) : cells[i]!.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  const notes = all.flatMap((m) => (m.note ? [`${m.part}, ${m.name}: ${m.note}`] : []));
  return [line(HEAD), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

/** The rival's seconds are in the values already. */
const isRatio = (m: Measurement): boolean => m.unit === '×' || m.unit === '%';

const figure = (n: number): string => (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
