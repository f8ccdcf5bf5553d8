// What a peer keeps between starts: its journal (append only) and named blobs such as snapshots.
// Live it is a folder on disk; in a simulation it is memory.

export interface Store {
  /** Every line appended to the log so far, in order; a torn last line is cut off. */
  readLog(name: string): Promise<string[]>;
  /**
   * Appends one line (no newline inside); resolves when it will survive the process being killed. A machine that
   * loses its power may lose the last seconds of a log, from some line on, never one in the middle.
   */
  appendLog(name: string, line: string): Promise<void>;
  /** Replaces the whole log at once (used after adopting a longer journal). */
  replaceLog(name: string, lines: readonly string[]): Promise<void>;
  /** The blob's bytes, or undefined when there is none of that name. */
  readBlob(name: string): Promise<Uint8Array | undefined>;
  /** Writes a blob so that a crash, also of the machine, leaves the old or the new bytes, never a mix. */
  writeBlob(name: string, bytes: Uint8Array): Promise<void>;
}
