// A keeper's log: entries chained by hash from a base on. Which keepers are in force at an entry follows from the
// entries themselves, also from those that are not certain yet (Ongaro's thesis, 4.1).

import type { PeerName } from '../../seams/network.ts';
import type { Certificate, LogBase, LogEntry } from './messages.ts';

/** Before the first entry. */
export const emptyBase = (genesisPrevious: string): LogBase => ({
  index: -1,
  term: 0,
  hash: genesisPrevious,
  keepers: [],
  certificate: undefined,
});

/** Where entries that came from another peer meet this log. */
export type Joint =
  | { readonly kind: 'gap' }
  /** they do not follow each other */
  | { readonly kind: 'broken' }
  /** the entry here before index `at` is another one */
  | { readonly kind: 'apart'; readonly at: number }
  /** `from`: the first that is not here yet; the entries before it are the same */
  | { readonly kind: 'joined'; readonly from: number };

export class KeeperLog<E extends LogEntry> {
  #base: LogBase;
  #entries: E[];
  /** Indices of entries that change the keepers, ascending. */
  #changes: number[];

  constructor(base: LogBase, entries: readonly E[]) {
    this.#base = base;
    this.#entries = [...entries];
    this.#changes = entries.filter((entry) => entry.keepers).map((entry) => entry.index);
  }

  get base(): LogBase {
    return this.#base;
  }

  get lastIndex(): number {
    return this.#base.index + this.#entries.length;
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#base.term;
  }

  at(index: number): E | undefined {
    return index > this.#base.index ? this.#entries[index - this.#base.index - 1] : undefined;
  }

  /** undefined where the entry is not here: after the end, or dropped. */
  hashAt(index: number): string | undefined {
    return index === this.#base.index ? this.#base.hash : this.at(index)?.hash;
  }

  termAt(index: number): number | undefined {
    return index === this.#base.index ? this.#base.term : this.at(index)?.term;
  }

  /** Entries from an index on, up to `endIndex` (not included). */
  slice(fromIndex: number, endIndex = this.lastIndex + 1): readonly E[] {
    const start = this.#base.index + 1;
    return this.#entries.slice(Math.max(fromIndex - start, 0), Math.max(endIndex - start, 0));
  }

  /** Who keeps the journal at an entry: by the last change at or before it. */
  keepersAt(index: number): readonly PeerName[] {
    const change = this.#changes.findLast((at) => at <= index);
    return change === undefined ? this.#base.keepers : this.at(change)!.keepers!;
  }

  /** Who keeps it as far as this log goes, certain or not. */
  get keepers(): readonly PeerName[] {
    return this.keepersAt(this.lastIndex);
  }

  /** Who keeps it at an entry or comes to by one after it, certain or not. */
  keepersSince(index: number): readonly PeerName[] {
    const changes = this.#changes.filter((at) => at > index);
    return [...new Set([this.keepersAt(index), ...changes.map((at) => this.at(at)!.keepers!)].flat())];
  }

  /** Who kept it before the last change at or before an entry; nobody where that is not known here. */
  keepersBefore(index: number): readonly PeerName[] {
    const change = this.#changes.findLast((at) => at <= index);
    return change === undefined || this.at(change)!.founds ? [] : this.keepersAt(change - 1);
  }

  /** Index of the last change of keepers; the base's when there is none after it. */
  get lastChange(): number {
    return this.#changes.at(-1) ?? this.#base.index;
  }

  /** Compares entries that follow each other with this log, and changes nothing. */
  join(entries: readonly E[]): Joint {
    for (let i = 1; i < entries.length; i++) {
      const [before, entry] = [entries[i - 1]!, entries[i]!];
      const follows =
        entry.index === before.index + 1 && entry.previous === before.hash && entry.term >= before.term;
      if (!follows) return { kind: 'broken' };
    }
    const unknown = entries.findIndex(
      ({ index, hash }) => index > this.#base.index && this.hashAt(index) !== hash,
    );
    if (unknown === -1) return { kind: 'joined', from: entries.length };
    const { index, previous, term } = entries[unknown]!;
    const before = this.hashAt(index - 1);
    if (before === undefined) return { kind: 'gap' };
    if (before !== previous) return { kind: 'apart', at: index };
    if (term < this.termAt(index - 1)!) return { kind: 'broken' };
    return { kind: 'joined', from: unknown };
  }

  /** Who would keep the journal at an index if these entries were written, of which the first is new here. */
  keepersWith(entries: readonly E[], index: number): readonly PeerName[] {
    const change = entries.findLast((entry) => entry.index <= index && entry.keepers);
    return change?.keepers ?? this.keepersAt(Math.min(index, (entries[0]?.index ?? Infinity) - 1));
  }

  /** Puts entries where they belong; what was there, and all after it, goes. They must follow the one before. */
  write(entries: readonly E[]): void {
    const [first] = entries;
    if (first === undefined) return;
    if (this.hashAt(first.index - 1) !== first.previous) {
      throw new RangeError(`entry ${first.index} does not follow the log, which ends at ${this.lastIndex}`);
    }
    this.#entries.length = first.index - this.#base.index - 1;
    while (this.#changes.length > 0 && this.#changes.at(-1)! >= first.index) this.#changes.pop();
    for (const entry of entries) {
      this.#entries.push(entry);
      if (entry.keepers) this.#changes.push(entry.index);
    }
  }

  /** Forgets entries up to one that is certain, which becomes the base; `certificate` where there is one of it. */
  dropUpTo(index: number, certificate: Certificate | undefined): void {
    const [hash, term] = [this.hashAt(index), this.termAt(index)];
    if (hash === undefined || term === undefined) throw new RangeError(`entry ${index} is not in the log`);
    const keepers = this.keepersAt(index);
    this.#entries.splice(0, index - this.#base.index);
    this.#changes = this.#changes.filter((at) => at > index);
    this.#base = { index, term, hash, keepers, certificate };
  }

  /** Begins anew at a base that another peer gave. */
  restart(base: LogBase): void {
    this.#base = base;
    this.#entries = [];
    this.#changes = [];
  }
}
