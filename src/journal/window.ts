// The entries of a journal that are in memory: the newest, certain or not. What comes before them is a base, and the
// disk has it.

import { keepersIn } from './checking.ts';
import { emptyBase } from './consensus/log.ts';
import type { LogBase } from './consensus/messages.ts';
import { type Entry, GENESIS_PREVIOUS } from './entry.ts';

export class Window {
  #base: LogBase = emptyBase(GENESIS_PREVIOUS);
  #entries: Entry[] = [];

  /** What comes before the entries here. */
  get base(): LogBase {
    return this.#base;
  }

  /** From the base on. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** The index after the last entry. */
  get end(): number {
    return this.#base.index + 1 + this.#entries.length;
  }

  /** Whether the entry at an index is here, or would be if there were one. */
  reaches(index: number): boolean {
    return index > this.#base.index;
  }

  at(index: number): Entry | undefined {
    return this.#entries[this.#offset(index)];
  }

  /** Entries from an index that this reaches, up to `endIndex` (not included). */
  slice(fromIndex: number, endIndex = this.end): readonly Entry[] {
    const from = this.#offset(fromIndex);
    return this.#entries.slice(from, Math.max(from, this.#offset(endIndex)));
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
  }

  /** Keeps what is before `from` and puts these after it. */
  put(from: number, entries: readonly Entry[]): void {
    this.#entries.length = this.#offset(from);
    this.#entries.push(...entries);
  }

  restart(base: LogBase, entries: readonly Entry[]): void {
    this.#base = base;
    this.#entries = [...entries];
  }

  /** Lets go of the oldest entries before `length`, once there are twice as many of them as are kept. */
  trim(length: number, kept: number): void {
    const certain = this.#offset(length);
    if (certain < 2 * kept) return;
    const dropped = this.#entries.splice(0, certain - kept);
    const { index, term, hash } = dropped.at(-1)!;
    const change = dropped.findLast(({ body }) => keepersIn(body) !== undefined);
    const keepers = change ? keepersIn(change.body)! : this.#base.keepers;
    this.#base = { index, term, hash, keepers, certificate: undefined };
  }

  /** Where an entry stands here; negative when it is older. */
  #offset(index: number): number {
    return index - this.#base.index - 1;
  }
}
