// Words about an iteration may overtake the plan that they belong to: the leader sends the plan when most keepers have
// it, and whoever has it by then speaks. They are said once, so they wait here until the plan begins, as early tensors
// do (arrivals.ts); of each sender only those of the newest attempt that it has spoken of, so that nobody fills a memory.

import type { PeerName } from '../../seams/network.ts';
import { compareOrder } from './arrivals.ts';

export interface Attempt {
  readonly iteration: number;
  readonly attempt: number;
}

/** A micro-batch is given up everywhere, or, with a `peer`, leaves that one. */
export interface DroppedWord {
  readonly microbatch: number;
  readonly reason: string;
  readonly peer: PeerName;
}

interface Said extends Attempt {
  readonly dropped: Map<string, DroppedWord>;
  closed: boolean;
}

/** UTF-16 units of a reason that are kept. */
const MOST_REASON = 200;

export class EarlyWords {
  readonly #most: number;
  readonly #bySender = new Map<PeerName, Said>();

  /** @param most so many words about micro-batches are kept of one sender; more than a sound one has to say */
  constructor(most: number) {
    this.#most = most;
  }

  /** UTF-16 units of the reasons that wait here, and what goes with each. */
  get keptBytes(): number {
    let bytes = 0;
    for (const { dropped } of this.#bySender.values()) {
      for (const { reason } of dropped.values()) bytes += 2 * reason.length + 8;
    }
    return bytes;
  }

  /** Keeps a word about a micro-batch. */
  dropped(from: PeerName, at: Attempt, word: DroppedWord): void {
    const said = this.#saidBy(from, at);
    if (said === undefined) return;
    const { dropped } = said;
    const about = `${word.microbatch} ${word.peer}`;
    if (dropped.has(about) || dropped.size >= this.#most) return;
    dropped.set(about, { ...word, reason: word.reason.slice(0, MOST_REASON) });
  }

  /** Keeps the leader's word that an attempt is to end. */
  closed(from: PeerName, at: Attempt): void {
    const said = this.#saidBy(from, at);
    if (said) said.closed = true;
  }

  /** An attempt begins: what was said of it; and what was said of those before is let go. */
  begin(at: Attempt): { readonly dropped: readonly DroppedWord[]; readonly closed: boolean } {
    const dropped: DroppedWord[] = [];
    let closed = false;
    for (const [from, said] of this.#bySender) {
      const order = compare(said, at);
      if (order > 0) continue;
      this.#bySender.delete(from);
      if (order < 0) continue;
      dropped.push(...said.dropped.values());
      closed ||= said.closed;
    }
    return { dropped, closed };
  }

  clear(): void {
    this.#bySender.clear();
  }

  /** What a sender has said of an attempt; undefined where it has spoken of a newer one. */
  #saidBy(from: PeerName, { iteration, attempt }: Attempt): Said | undefined {
    const before = this.#bySender.get(from);
    const order = before ? compare(before, { iteration, attempt }) : -1;
    if (order > 0) return undefined;
    if (order === 0) return before;
    const said = { iteration, attempt, dropped: new Map<string, DroppedWord>(), closed: false };
    this.#bySender.set(from, said);
    return said;
  }
}

const compare = (a: Attempt, b: Attempt): number =>
  compareOrder([a.iteration, a.attempt], [b.iteration, b.attempt]);
