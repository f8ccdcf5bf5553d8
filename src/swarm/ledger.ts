// The journal as a running peer uses it: entries come in from others or are ordered here, each is checked, kept,
// applied to the run's state and handed on, one after another. This is the Ordering seam's simple member: one peer
// leads and orders; the next one takes over. Agreement among keepers replaces it behind the same calls.

import { type Entry, type EntryBody, JournalError, parseEntry } from '../journal/entry.ts';
import type { Journal } from '../journal/journal.ts';
import type { PeerName } from '../seams/network.ts';
import { RunState } from './run-state.ts';

export interface LedgerParts {
  readonly journal: Journal;
  /** Runs for each entry, in order, after the state has changed; the next entry waits for it. */
  readonly react: (entry: Entry) => Promise<void>;
  readonly broadcast: (entries: readonly Entry[]) => void;
  readonly self: PeerName;
}

/** What to order, or what gives it in its turn. */
export type Orders = readonly EntryBody[] | (() => readonly EntryBody[]);

/** Which run's journal this is; entries of any other are refused. */
export interface RunName {
  readonly runId: string;
  readonly founder: PeerName;
}

export class Ledger {
  readonly journal: Journal;
  readonly #parts: LedgerParts;
  #state = new RunState();
  #run: RunName | undefined;
  /** Of any journal that this peer had: a term is never used for two histories. */
  #highestTerm = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(parts: LedgerParts) {
    this.journal = parts.journal;
    this.#parts = parts;
    for (const entry of parts.journal.entries()) this.#state.apply(entry);
  }

  get state(): RunState {
    return this.#state;
  }

  /** From here on only this run's entries are taken. Throws a JournalError when the journal is another run's already. */
  bind(run: RunName): void {
    this.#run = run;
    const genesis = this.journal.at(0);
    if (genesis !== undefined) this.#checkRun(genesis);
  }

  #checkRun({ body, author, index }: Entry): void {
    if (body.kind !== 'genesis' || this.#run === undefined) return;
    if (body.runId !== this.#run.runId || author !== this.#run.founder) {
      throw new JournalError(`entry ${index} begins the journal of another run`, { index, author });
    }
  }

  /** Runs work between entries, never beside them. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /**
   * Orders entries of this peer's as the leader: signs, keeps, sends and applies them. Does nothing when another peer
   * has come to lead while this call waited for its turn. What depends on the state as it is then is given as a function.
   */
  order(wanted: Orders): Promise<void> {
    return this.inTurn(async () => {
      const bodies = typeof wanted === 'function' ? wanted() : wanted;
      const takesOver = bodies.some((body) => body.kind === 'leader');
      if (!takesOver && this.#state.leader !== this.#parts.self) return;
      const term = takesOver ? Math.max(this.#highestTerm, this.#state.term) + 1 : this.#state.term;
      const [body] = bodies;
      if (body === undefined) return;
      const { length: index } = this.journal;
      this.#state.check({ index, term, author: this.#parts.self, body }); // before anything is kept or sent
      const entries = await this.journal.author(bodies, term);
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
          if (this.journal.at(entry.index)!.hash === entry.hash) continue;
          return entry.term > this.journal.lastTerm ? 'fork' : 'ok';
        }
        if (entry.previous !== this.journal.lastHash && entry.term > this.journal.lastTerm) return 'fork';
        this.#checkRun(entry);
        this.#state.check(entry);
        await this.journal.append(entry);
        this.#state.apply(entry);
        await this.#parts.react(entry);
      }
      return 'ok';
    });
  }

  /**
   * Takes a whole journal in place of this one if it is `better`, and calls `adopted` in the same turn. Throws a
   * JournalError, and changes nothing, when it is not sound or another run's.
   */
  adopt(
    lines: readonly string[],
    better: (theirs: RunState, mine: RunState) => boolean,
    adopted: () => void,
  ): Promise<boolean> {
    return this.inTurn(async () => {
      const entries = lines.map(parseEntry);
      const state = new RunState();
      for (const entry of entries) {
        this.#checkRun(entry);
        state.apply(entry);
      }
      if (!better(state, this.#state)) return false;
      await this.journal.adopt(entries);
      this.#highestTerm = Math.max(this.#highestTerm, this.#state.term, state.term);
      this.#state = state;
      adopted();
      return true;
    });
  }
}
