// Plans side by side as text: a line a policy, with a bar as long as its makespan, solid where peers compute and
// light where they wait.

import { formatPercent, formatSeconds } from './drawing.ts';

export interface TableRow {
  readonly policy: string;
  readonly makespanSeconds: number;
  readonly lowerBoundSeconds: number;
  readonly bubbleRatio: number;
  readonly peakActivations: readonly number[];
  /** As people read it; see `formatBytes`. */
  readonly moved: string;
}

const BAR_WIDTH = 32;

/** The table's lines, without a trailing newline. */
export function planTable(rows: readonly TableRow[]): string {
  const longest = Math.max(...rows.map((row) => row.makespanSeconds));
  const body = rows.map((row) => [
    row.policy,
    formatSeconds(row.makespanSeconds),
    bar(row, longest),
    formatPercent(row.bubbleRatio),
    gap(row),
    formatPeak(row.peakActivations),
    row.moved,
  ]);
  return align([
    ['policy', 'makespan', '█ computing  ░ waiting', 'bubbles', 'over bound', 'peak', 'moved'],
    ...body,
  ]);
}

function bar({ makespanSeconds, bubbleRatio }: TableRow, longest: number): string {
  const length = longest === 0 ? 0 : Math.max(1, Math.round((makespanSeconds / longest) * BAR_WIDTH));
  const solid = Math.round(length * (1 - bubbleRatio));
  return '█'.repeat(solid) + '░'.repeat(length - solid);
}

/** How far above the proven bound the plan is: at `none`, no other order of its tasks is faster. */
function gap({ makespanSeconds, lowerBoundSeconds }: TableRow): string {
  if (lowerBoundSeconds <= 0) return '';
  const ratio = makespanSeconds / lowerBoundSeconds - 1;
  return ratio < 1e-9 ? 'none' : `+${formatPercent(ratio)}`;
}

/** Most micro-batches held by one peer, in stage units. */
function formatPeak(peaks: readonly number[]): string {
  return String(Number(Math.max(...peaks).toFixed(2)));
}

/** Bytes for people, in powers of 1000. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

/** Columns padded to equal width: the first and the bar to the left, numbers to the right. */
function align(cells: readonly (readonly string[])[]): string {
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 || column === 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
