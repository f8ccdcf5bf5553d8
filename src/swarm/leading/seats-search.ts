// The leader's searches for seats, beside whatever else it does: for a newcomer as soon as it asks to be let in, and for
// a member that should move once the members have changed and are settled again, and now and then without that, because
// machines and links turn slower or faster.

import type { Clock } from '../../seams/clock.ts';
import type { Boundary } from './boundary.ts';
import type { Manifest } from '../manifest.ts';
import { groupsOf, plansFromTimes, searches } from '../planning/planning.ts';
import type { RunState } from '../run-state.ts';
import { moveInSlices, seatInSlices } from './seating.ts';
import { inSlices, type Progress } from './slicing.ts';

export interface SeatsSearchParts {
  readonly state: RunState;
  readonly manifest: Manifest;
  readonly clock: Clock;
}

/** After so many iterations moves are looked for again although the members are the same. */
const LOOK_AGAIN_ITERATIONS = 100;

export class SeatsSearch {
  readonly #parts: SeatsSearchParts;
  readonly #boundary: Boundary;
  readonly #progress: Progress = { cancelled: false, seconds: 0 };
  /** The groups for which moves were looked for last. */
  #examined = '';
  #examinedAt = 0;
  #seating: Promise<void> = Promise.resolve();

  constructor(parts: SeatsSearchParts, boundary: Boundary) {
    this.#parts = parts;
    this.#boundary = boundary;
  }

  stop(): void {
    this.#progress.cancelled = true;
  }

  /** Resolves when every newcomer that has a choice has its seat. */
  seatNewcomers(): Promise<void> {
    this.#seating = this.#seating.then(() => this.#seat());
    return this.#seating;
  }

  /** Whether there is anything to judge seats by. */
  #isMeasured(): boolean {
    const { state, manifest } = this.#parts;
    if (!plansFromTimes(manifest) || !searches(manifest)) return false;
    return Object.keys(state.measurements(state.iteration)?.compute ?? {}).length > 0;
  }

  async #seat(): Promise<void> {
    const { state, manifest, clock } = this.#parts;
    if (!this.#isMeasured()) return;
    for (let next = this.#boundary.unseated(); next !== undefined; next = this.#boundary.unseated()) {
      if (this.#progress.cancelled) return;
      const { peer, stages } = next;
      const search = inSlices(seatInSlices(state, manifest, peer, stages), clock, this.#progress);
      // without an answer the planned sizes of the stages decide
      this.#boundary.seat(peer, (await search.catch(() => undefined)) ?? -1);
    }
  }

  /** Looks for a move in the background: once for each change of the members, and once in so many iterations. */
  lookForMoves(): void {
    const { state, manifest, clock } = this.#parts;
    const groups = JSON.stringify(groupsOf(state, manifest));
    const isSettled = state.present().every(({ status }) => status === 'active');
    const isSame = groups === this.#examined && state.iteration - this.#examinedAt < LOOK_AGAIN_ITERATIONS;
    if (!isSettled || isSame || !this.#isMeasured()) return;
    const isFirst = this.#examined === '';
    this.#examined = groups;
    this.#examinedAt = state.iteration;
    if (isFirst) return; // as the run was set up
    void inSlices(moveInSlices(state, manifest), clock, this.#progress).then(
      (move) => move && this.#boundary.suggest(move),
      () => {}, // no plan, no move
    );
  }
}
