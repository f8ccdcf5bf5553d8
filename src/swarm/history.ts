// Whose journal counts when two have grown apart: reading on from where this one ends, taking another in place of this
// one, and finding out at a restart that somebody else remembers more. The journal of later commits wins over one that
// only has other members in it, and whoever is let into a run takes the journal of who leads it.

import { parseEntry } from '../journal/entry.ts';
import { Journal } from '../journal/journal.ts';
import type { ControlBody } from '../network/wire/codec.ts';
import type { PeerName } from '../seams/network.ts';
import type { Ledger } from './ledger.ts';
import type { Messenger } from './messenger.ts';
import type { RunState } from './run-state.ts';

const MAX_ENTRIES_PER_ANSWER = 500;
/** Half of what a control message may have. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;
const ASK_SECONDS = 10;

export interface HistoryParts {
  readonly ledger: Ledger;
  readonly messenger: Messenger;
  readonly isOver: () => boolean;
  /** Another journal has taken the place of this one: what was decided by the old one ends, in the same turn. */
  readonly replaced: () => void;
}

export class History {
  readonly #parts: HistoryParts;
  #busy = false;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  /** Entries of one answer: as many as fit, at least one where there is one. */
  answerFrom(fromIndex: number): ControlBody {
    const entries: Uint8Array[] = [];
    let bytes = 0;
    const { journal } = this.#parts.ledger;
    for (const entry of journal.entries(fromIndex, fromIndex + MAX_ENTRIES_PER_ANSWER)) {
      const line = new TextEncoder().encode(Journal.line(entry));
      bytes += line.length;
      if (entries.length > 0 && bytes > MAX_ANSWER_BYTES) break;
      entries.push(line);
    }
    return { kind: 'entries', value: { entries } };
  }

  /** A peer's entries from an index on, as many as it sends at once. Rejects when it does not answer. */
  async ask(from: PeerName, fromIndex: number, timeoutSeconds = ASK_SECONDS): Promise<string[]> {
    const body: ControlBody = { kind: 'entriesWanted', value: { fromIndex } };
    const answer = await this.#parts.messenger.request(from, body, timeoutSeconds);
    if (answer.kind !== 'entries') return [];
    return answer.value.entries.map((bytes) => new TextDecoder().decode(bytes));
  }

  /**
   * Takes entries that a member sent and follows up what they show to be missing.
   * @returns 'replaced' when its whole journal has taken the place of this one
   */
  async take(from: PeerName, lines: readonly string[]): Promise<'ok' | 'replaced'> {
    const outcome = await this.#parts.ledger.take(lines);
    if (outcome === 'ok') return 'ok';
    return this.#alone(async () => {
      if (outcome === 'gap' && (await this.#readOn(from)) === 'ok') return 'ok';
      return (await this.#replace(from, (theirs, mine) => theirs.term > mine.term)) ? 'replaced' : 'ok';
    });
  }

  /**
   * Makes this journal that of the leader which has let this peer in: reads on, or takes it whole when this one ends
   * otherwise.
   */
  catchUp(leader: PeerName): Promise<'ok' | 'replaced'> {
    return this.#alone(async () => {
      const { journal } = this.#parts.ledger;
      if (journal.length > 0) {
        const [last] = await this.ask(leader, journal.length - 1);
        const same = last !== undefined && parseEntry(last).hash === journal.lastHash;
        if (!same && (await this.#replace(leader, () => true))) return 'replaced';
      }
      return (await this.#readOn(leader)) === 'ok' || !(await this.#replace(leader, () => true))
        ? 'ok'
        : 'replaced';
    });
  }

  /** Takes a peer's journal when more iterations are committed in it than in this one. */
  takeLonger(from: PeerName): Promise<'ok' | 'replaced'> {
    return this.#alone(async () =>
      (await this.#replace(from, (theirs, mine) => theirs.iteration > mine.iteration)) ? 'replaced' : 'ok',
    );
  }

  /** One of these at a time; a second is not needed. */
  async #alone(work: () => Promise<'ok' | 'replaced'>): Promise<'ok' | 'replaced'> {
    if (this.#busy || this.#parts.isOver()) return 'ok';
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  /** Asks for everything after this journal's end until there is no more, or until it contradicts this journal. */
  async #readOn(from: PeerName): Promise<'ok' | 'fork'> {
    const { ledger, isOver } = this.#parts;
    for (;;) {
      const before = ledger.journal.length;
      const lines = await this.ask(from, before);
      if (lines.length === 0 || isOver()) return 'ok';
      if ((await ledger.take(lines)) === 'fork') return 'fork';
      if (ledger.journal.length === before) return 'ok';
    }
  }

  async #replace(from: PeerName, better: (theirs: RunState, mine: RunState) => boolean): Promise<boolean> {
    const { ledger, replaced, isOver } = this.#parts;
    const lines: string[] = [];
    for (;;) {
      const more = await this.ask(from, lines.length);
      if (more.length === 0) break;
      lines.push(...more);
    }
    return !isOver() && lines.length > 0 && (await ledger.adopt(lines, better, replaced));
  }
}
