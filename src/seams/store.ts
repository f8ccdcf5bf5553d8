// What a peer keeps between starts: its journal (append only) and named blobs such as snapshots.
// Live it is a folder on disk; in a simulation it is memory.

export interface Store {
  /**
   * The lines appended to the log so far, in order, or `count` of them from the line at `from` on; a torn last line is
   * cut off. A part of a log costs about what it holds, however long the rest is.
   */
  readLog(name: string, from?: number, count?: number): Promise<string[]>;
  /**
   * Appends lines (no newline inside), in order; resolves when they will survive a power cut. After a crash before
   * that, some of the first of them may be there.
   */
  appendLog(name: string, ...lines: string[]): Promise<void>;
  /** Replaces the whole log at once; a crash leaves the old lines or the new ones. */
  replaceLog(name: string, lines: readonly string[]): Promise<void>;
  /** The blob's bytes, or undefined when there is none of that name. */
  readBlob(name: string): Promise<Uint8Array | undefined>;
  /**
   * Writes a blob so that a crash, also of the machine, leaves the old or the new bytes, never a mix. The bytes must
   * not change until it resolves: they may be many, and are not copied.
   */
  writeBlob(name: string, bytes: Uint8Array): Promise<void>;
  /** From here on there is no blob of that name; a crash before it resolves, or a power cut soon after, may leave it. */
  removeBlob(name: string): Promise<void>;
}
