// The run's ordered log: entries chained by hash, each signed by who ordered it. Append only; what is here was
// checked. Who may append is decided above (see ordering.ts).

import type { Identity } from '../seams/identity.ts';
import type { Store } from '../seams/store.ts';
import { canonicalBytes, canonicalJson, fromHex, type Json, toHex } from './canonical.ts';
import { type Entry, type EntryBody, GENESIS_PREVIOUS, JournalError, parseEntry } from './entry.ts';

const LOG = 'journal';

export class Journal {
  readonly #identity: Identity;
  readonly #store: Store;
  #entries: Entry[] = [];
  #writing: Promise<void> = Promise.resolve();

  private constructor(identity: Identity, store: Store) {
    this.#identity = identity;
    this.#store = store;
  }

  /** Reads and checks what the store holds; a broken chain throws a JournalError that names the entry. */
  static async open(identity: Identity, store: Store): Promise<Journal> {
    const journal = new Journal(identity, store);
    for (const line of await store.readLog(LOG))
      journal.#entries.push(await journal.#check(parseEntry(line)));
    return journal;
  }

  get length(): number {
    return this.#entries.length;
  }

  get lastHash(): string {
    return this.#entries.at(-1)?.hash ?? GENESIS_PREVIOUS;
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? 0;
  }

  /** The entry at an index, where there is one. */
  at(index: number): Entry | undefined {
    return this.#entries[index];
  }

  /** A copy of the entries from an index on, up to `endIndex` or the end. */
  entries(fromIndex = 0, endIndex = this.length): readonly Entry[] {
    return this.#entries.slice(fromIndex, endIndex);
  }

  /** The entry's line of text, as stored and sent. */
  static line(entry: Entry): string {
    return canonicalJson(entry as unknown as Json);
  }

  /** Makes, signs and appends entries of this peer's, in order. */
  async author(bodies: readonly EntryBody[], term: number): Promise<Entry[]> {
    const made: Entry[] = [];
    for (const body of bodies) {
      const unsigned = {
        index: this.length,
        term,
        previous: this.lastHash,
        author: this.#identity.self,
        body,
      };
      const hash = this.#identity.digest(canonicalBytes(unsigned as unknown as Json));
      const signature = toHex(await this.#identity.sign(hash));
      if (unsigned.index !== this.length)
        throw new JournalError('two writers at once', { index: unsigned.index });
      const entry: Entry = { ...unsigned, hash: toHex(hash), signature };
      parseEntry(Journal.line(entry)); // what others could not read is not written
      this.#entries.push(entry);
      made.push(entry);
    }
    await this.#persist(made);
    return made;
  }

  /** Checks and appends an entry that another peer made; throws a JournalError when it does not follow. */
  async append(entry: Entry): Promise<void> {
    this.#entries.push(await this.#check(entry));
    await this.#persist([entry]);
  }

  /** Takes another journal in place of this one, whole; it is checked first and nothing changes when it is wrong. */
  async adopt(entries: readonly Entry[]): Promise<void> {
    const other = new Journal(this.#identity, this.#store);
    for (const entry of entries) other.#entries.push(await other.#check(entry));
    this.#entries = other.#entries;
    await this.#writing;
    await this.#store.replaceLog(
      LOG,
      this.#entries.map((entry) => Journal.line(entry)),
    );
  }

  async #check(entry: Entry): Promise<Entry> {
    const where = { index: entry.index, author: entry.author };
    const index = this.#entries.length;
    if (entry.index !== index) {
      throw new JournalError(`expected entry ${index}, this one says ${entry.index}`, where);
    }
    if (entry.previous !== this.lastHash) {
      throw new JournalError(`entry ${index} does not follow the one before it`, where);
    }
    if (entry.term < this.lastTerm) {
      throw new JournalError(`entry ${index} is of term ${entry.term}, before ${this.lastTerm}`, where);
    }
    const { hash, signature, ...unsigned } = entry;
    const bytes = this.#identity.digest(canonicalBytes(unsigned as unknown as Json));
    if (toHex(bytes) !== hash) throw new JournalError(`entry ${index} does not match its hash`, where);
    const proof = fromHex(signature);
    if (proof === undefined || !(await this.#identity.verify(entry.author, bytes, proof))) {
      throw new JournalError(`entry ${index} is not signed by ${entry.author}`, where);
    }
    return entry;
  }

  #persist(entries: readonly Entry[]): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      for (const entry of entries) await this.#store.appendLog(LOG, Journal.line(entry));
    });
    return this.#writing;
  }
}
