/** What a benchmark hands back, and how it is shown. */
export interface Measurement {
  /** which part measured it: lab, cut, signoff, drill, memory */
  part: string;
  name: string;
  unit: 'ms' | 's' | 'MB';
  values: number[];
  median: number;
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
  more: { rival?: { name: string; values: number[] }; note?: string } = {},
): Measurement {
  return {
    part,
    name,
    unit,
    values,
    median: median(values),
    ...(more.rival ? { rival: { ...more.rival, median: median(more.rival.values) } } : {}),
    ...(more.note ? { note: more.note } : {}),
  };
}

const HEAD = ['part', 'what', 'n', 'median', 'min', 'max', '', 'compared with', 'its median', 'ratio'];

/** A table that lines up. The ratio is ours ÷ the rival's: below 1 is faster. */
export function table(all: readonly Measurement[]): string {
  const rows = all.map((m) => [
    m.part,
    m.name,
    String(m.values.length),
    figure(m.median),
    figure(Math.min(...m.values)),
    figure(Math.max(...m.values)),
    m.unit,
    m.rival?.name ?? '',
    m.rival ? `${figure(m.rival.median)} ${m.unit}` : '',
    m.rival ? (m.median / m.rival.median).toFixed(2) : '',
  ]);
  const widths = HEAD.map((_, i) => Math.max(...[HEAD, ...rows].map((r) => r[i]!.length)));
  const right = new Set([2, 3, 4, 5, 8, 9]);
  const line = (cells: string[]) =>
    cells
      .map((c, i) => (right.has(i) ? c.padStart(widths[i]!) : c.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  const notes = all.flatMap((m) => (m.note ? [`${m.part}, ${m.name}: ${m.note}`] : []));
  return [line(HEAD), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

const figure = (n: number): string => (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
