// What a leader has seen of exchanges, and the limits that follow from it: how long a group may take, and how large a
// contribution may be beside the others. Numbers in, decisions out; a leader that takes over starts from nothing.

import type { PeerName } from '../seams/network.ts';
import { median } from './medians.ts';

/** An exchange may take this many times the longest of the last ones. */
const DEADLINE_FACTOR = 4;
const LEAST_DEADLINE_SECONDS = 5;
/** Before any exchange was seen nobody knows how fast the group's links are. */
const FIRST_DEADLINE_SECONDS = 60;
const TIMES_KEPT = 32;

/** A contribution whose norm is more than so many times the median is left out. */
const NORM_FACTOR = 10;
/** A group of so many has a median of its own; below, and from so many counted contributions on, the stage's past has. */
const GROUP_FOR_MEDIAN = 3;
const PAST_FOR_MEDIAN = 5;
const NORMS_KEPT = 20;

/** The norm of a contribution, per micro-batch in it. */
export interface ContributionNorm {
  readonly peer: PeerName;
  readonly norm: number;
}

export class ExchangeLimits {
  readonly #seconds: number[] = [];
  readonly #norms = new Map<number, number[]>();

  /** How long a round may take before what is missing is left out. */
  deadlineSeconds(): number {
    if (this.#seconds.length === 0) return FIRST_DEADLINE_SECONDS;
    return Math.max(LEAST_DEADLINE_SECONDS, DEADLINE_FACTOR * Math.max(...this.#seconds));
  }

  /** A round that ended with a sum took so long, from its order to the last answer. */
  took(seconds: number): void {
    this.#seconds.push(seconds);
    if (this.#seconds.length > TIMES_KEPT) this.#seconds.shift();
  }

  /**
   * Whose contributions are too large to count. From three contributors on, the group's median is the measure; below,
   * that of the stage's contributions before, unless all of the group are beyond it: then it is the loss that has
   * changed, and clipping bounds what comes of it.
   */
  tooLarge(stage: number, norms: readonly ContributionNorm[]): readonly PeerName[] {
    const past = this.#norms.get(stage) ?? [];
    const grouped = norms.length >= GROUP_FOR_MEDIAN;
    if (!grouped && past.length < PAST_FOR_MEDIAN) return [];
    const limit = NORM_FACTOR * median(grouped ? norms.map(({ norm }) => norm) : past);
    const beyond = norms.filter(({ norm }) => norm > limit).map(({ peer }) => peer);
    return beyond.length < norms.length ? beyond : [];
  }

  /** These contributions were counted. */
  counted(stage: number, norms: readonly ContributionNorm[]): void {
    const past = [...(this.#norms.get(stage) ?? []), ...norms.map(({ norm }) => norm)];
    this.#norms.set(stage, past.slice(-NORMS_KEPT));
  }
}
