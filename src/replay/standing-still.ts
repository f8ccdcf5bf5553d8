// Whether a simulated run stands still: when the last fault has ended, the next commit comes within the time that its
// settings give it, and no iteration has to be closed because nothing was heard of it.

import { floors } from '../swarm/membership/timeouts.ts';
import { endOfFault, type Fault } from './faults.ts';
import type { SimulatedPeerEvent } from './simulation.ts';

export interface StandingStillParts {
  readonly now: () => number;
  readonly faults: readonly Fault[];
  /** So long there may be no commit when the last fault has ended. */
  readonly mostSeconds: number;
  readonly fail: (problem: string) => never;
}

export class StandingStill {
  readonly #parts: StandingStillParts;
  readonly #faultsEnd: number;
  /** The newest iteration that anybody has said is committed, and by when the next has to be. */
  #committed = 0;
  #commitBy: number;

  constructor(parts: StandingStillParts) {
    this.#parts = parts;
    this.#faultsEnd = Math.max(0, ...parts.faults.map(endOfFault));
    this.#commitBy = this.#faultsEnd + parts.mostSeconds;
  }

  /** Called after every event of the world. */
  check(): void {
    const { now, mostSeconds, fail } = this.#parts;
    if (now() <= this.#commitBy) return;
    const since = `the last fault was over at ${this.#faultsEnd.toFixed(2)} s`;
    fail(`${since}, and nothing was committed after iteration ${this.#committed} for ${mostSeconds} s`);
  }

  /** Called with every event of a peer. */
  observe(event: SimulatedPeerEvent): void {
    if (event.kind === 'ended') this.#commitBy = Number.POSITIVE_INFINITY;
    if (event.kind === 'commit' && event.commit.iteration > this.#committed) {
      this.#committed = event.commit.iteration;
      const until = Math.max(event.at, this.#faultsEnd) + this.#parts.mostSeconds;
      this.#commitBy = Math.max(this.#commitBy, until);
    }
    if (event.kind === 'leading' && event.note.kind === 'stuck') this.#closed(event);
  }

  /** Only a fault in the time in which nothing was reported can have been why. */
  #closed({ of, at }: SimulatedPeerEvent): void {
    const { faults, fail } = this.#parts;
    const isWhy = faults.some((fault) => fault.at <= at && endOfFault(fault) >= at - floors.stuck);
    if (isWhy) return;
    const iteration = `iteration ${this.#committed + 1}`;
    fail(
      `${of} closes ${iteration}: nothing was reported for ${floors.stuck} s or more, and nothing went wrong`,
    );
  }
}
