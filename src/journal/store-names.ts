// What every Store member accepts: the same names and lines on a disk and in memory, so that a simulation fails where
// a live peer would.

/** A name that is a file name everywhere, and never one of the store's own (`.jsonl`, `.new`); else throws. */
export function checkName(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,99}$/i.test(name)) {
    throw new Error(
      `"${name}" cannot name something in a store: letters, digits and dashes, at most 100, can`,
    );
  }
  return name;
}

/** A line of a log must be one line. */
export function checkLine(line: string): void {
  if (line.includes('\n')) throw new Error(`a line of a log cannot hold a line break: ${line.slice(0, 80)}`);
}
