// The journal as a running peer uses it: entries come in from others or are ordered here, each is checked, kept,
// applied to the run's state and handed on, one after another. This is the Ordering seam's simple member: one peer
// leads and orders; the next one takes over. Agreement among keepers replaces it behind the same calls.

import { type Entry, type EntryBody, JournalError, parseEntry } from '../journal/entry.ts';
import type { Journal } from '../journal/journal.ts';
import { RunState } from './run-state.ts';

export interface LedgerParts {
  readonly journal: Journal;
  /** Runs for each entry, in order, after the state has changed; the next entry waits for it. */
  readonly react: (entry: Entry) => Promise<void>;
  readonly broadcast: (entries: readonly Entry[]) => void;
}

export class Ledger {
  readonly journal: Journal;
  readonly #parts: LedgerParts;
  #state = new RunState();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(parts: LedgerParts) {
    this.journal = parts.journal;
    this.#parts = parts;
    for (const entry of parts.journal.entries()) this.#state.apply(entry);
  }

  get state(): RunState {
    return this.#state;
  }

  /** Runs work between entries, never beside them. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** Orders entries of this peer's as the leader: signs, keeps, sends and applies them. */
  order(bodies: readonly EntryBody[]): Promise<void> {
    return this.inTurn(async () => {
      const takesOver = bodies.some((body) => body.kind === 'leader');
      const entries = await this.journal.author(bodies, this.#state.term + (takesOver ? 1 : 0));
      this.#parts.broadcast(entries);
      for (const entry of entries) {
        this.#state.apply(entry);
        await this.#parts.react(entry);
      }
    });
  }

  /**
   * Takes entries that another peer sent.
   * @returns 'ok'; 'gap' when entries before them are missing; 'fork' when they contradict this journal and are of a
   *   later term, so that this journal's end must give way
   */
  take(lines: readonly string[]): Promise<'ok' | 'gap' | 'fork'> {
    return this.inTurn(async () => {
      for (const line of lines) {
        const entry = parseEntry(line);
        if (entry.index > this.journal.length) return 'gap';
        if (entry.index < this.journal.length) {
          if (this.journal.entries(entry.index)[0]!.hash === entry.hash) continue;
          return entry.term > this.journal.lastTerm ? 'fork' : 'ok';
        }
        if (entry.previous !== this.journal.lastHash && entry.term > this.journal.lastTerm) return 'fork';
        this.#state.check(entry);
        await this.journal.append(entry);
        this.#state.apply(entry);
        await this.#parts.react(entry);
      }
      return 'ok';
    });
  }

  /** Takes a whole journal of a later term in place of this one; nothing changes when it is not sound. */
  adopt(lines: readonly string[]): Promise<void> {
    return this.inTurn(async () => {
      const entries = lines.map(parseEntry);
      const last = entries.at(-1);
      const later =
        last !== undefined && (last.term > this.journal.lastTerm || entries.length > this.journal.length);
      if (!later) throw new JournalError('the other journal is not newer');
      const state = new RunState();
      for (const entry of entries) state.apply(entry);
      await this.journal.adopt(entries);
      this.#state = state;
    });
  }
}
