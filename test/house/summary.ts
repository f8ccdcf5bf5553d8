// What `npm test` prints when all is over.

export interface RunTotals {
  passed: number;
  failed: number;
  skipped: number;
}

export interface Part {
  /** Summed over its files, which run two at a time. */
  readonly seconds: number;
  readonly files: number;
  readonly tests: number;
}

export function addUp(totals: RunTotals, more: RunTotals): void {
  totals.passed += more.passed;
  totals.failed += more.failed;
  totals.skipped += more.skipped;
}

/** The top-level folder of a test file, whose path is relative to test/. */
export function partOf(file: string): string {
  const [folder, ...rest] = file.split(/[/\\]/);
  return rest.length === 0 ? '.' : folder!;
}

/** The table of parts, slowest first, the total, and as the last line `N passed, N failed`. */
export function summarize(
  parts: ReadonlyMap<string, Part>,
  totalSeconds: number,
  totals: Readonly<RunTotals>,
): string {
  const rows = [...parts].sort(([, a], [, b]) => b.seconds - a.seconds);
  const width = Math.max(5, ...rows.map(([name]) => name.length));
  const line = (name: string, seconds: number, rest: string) =>
    `${name.padEnd(width)}  ${seconds.toFixed(1).padStart(7)} s  ${rest}`;
  return [
    ...rows.map(([name, { seconds, files, tests }]) =>
      line(name, seconds, `${count(tests, 'test')} in ${count(files, 'file')}`),
    ),
    line('total', totalSeconds, totals.skipped === 0 ? '' : `${totals.skipped} skipped`).trimEnd(),
    `${totals.passed} passed, ${totals.failed} failed`,
    '',
  ].join('\n');
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
