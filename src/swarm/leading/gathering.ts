// Whether a run may begin, or go on after its peers started again: who is waited for before the first plan, and for
// how long. Nothing is waited for for ever: who was there once and went may be gone for good.

import type { Clock } from '../../seams/clock.ts';
import type { PeerName } from '../../seams/network.ts';
import type { Manifest } from '../manifest.ts';
import type { RunState } from '../run-state.ts';

/** After a restart, members whose peers started again too are given time to say so. */
export interface Grace {
  readonly seconds: number;
  /** Nobody has to be waited for once all of these have entered by that entry of the journal or a later one. */
  readonly peers: readonly PeerName[];
  readonly sinceEntry: number;
}

export const noGrace: Grace = { seconds: 0, peers: [], sinceEntry: 0 };

export interface GatheringParts {
  readonly clock: Clock;
  readonly state: RunState;
  readonly manifest: Manifest;
  readonly grace: Grace;
  /** Before the first plan, this many peers must be ready (and every stage held). */
  readonly waitForPeers: number;
}

/** How far it is from a beginning. */
export interface Waiting {
  readonly ready: number;
  readonly wanted: number;
  readonly missingStages: readonly number[];
}

/** After a restart, members of before are waited for this long. */
const GATHER_SECONDS = 60;
/** Before the first plan, members that went again are waited for this long. */
const ABSENT_SECONDS = 10;
/** What is waited for is looked at again after this, also when nothing was heard. */
const LOOK_SECONDS = 5;

export class Gathering {
  readonly #parts: GatheringParts;
  readonly #since: number;
  #present = 0;
  #presentSince: number;
  #enoughAreWaiting = false;
  #said = '';

  /** `since` is when this peer began to lead, in the clock's seconds. */
  constructor(parts: GatheringParts, since: number) {
    this.#parts = parts;
    this.#since = since;
    this.#presentSince = parts.clock.now();
  }

  /** Enough are there and wait: a stage that nobody holds is taken by one of them. */
  get enoughAreWaiting(): boolean {
    return this.#enoughAreWaiting;
  }

  /** Whether the first plan can be made now, by who is there and for how long nothing has changed. */
  mayBegin(): boolean {
    const { state, clock, grace, waitForPeers } = this.#parts;
    const now = clock.now();
    if (state.present().length !== this.#present) {
      this.#present = state.present().length;
      this.#presentSince = now;
    }
    const ready = state.active().length;
    const holdsAnchor = state.group(0).length > 0;
    // all were there once, and some are gone: they may be for good
    const unchanged = ready === this.#present && now - this.#presentSince >= ABSENT_SECONDS;
    const cameAndWent = unchanged && state.everyone().length >= waitForPeers;
    const settled = this.#areBack() || now - this.#since >= grace.seconds;
    const enough = ready >= waitForPeers || cameAndWent;
    // nobody could take the stages that nobody holds: those of a run that has begun are skipped
    const mayLack = this.#enoughAreWaiting && unchanged && state.iteration > 0 && holdsAnchor;
    const complete = settled && enough && (this.#missingStages().length === 0 || mayLack);
    this.#enoughAreWaiting = settled && unchanged && enough;
    const waitedEnough = state.iteration > 0 && now - this.#since > GATHER_SECONDS;
    return complete || (waitedEnough && holdsAnchor);
  }

  /** What is waited for, if that is something else than when it was asked for last. */
  news(): Waiting | undefined {
    const { state, manifest, waitForPeers } = this.#parts;
    const ready = state.active().length;
    const missingStages = this.#missingStages();
    const said = `${ready} ${missingStages.join()}`;
    if (said === this.#said) return undefined;
    this.#said = said;
    return { ready, wanted: Math.max(waitForPeers, manifest.training.stages), missingStages };
  }

  /** What is missing is looked for again after this: whoever held it may not come back, and an older snapshot will do. */
  get lookSeconds(): number {
    return Math.min(LOOK_SECONDS, this.#parts.grace.seconds || LOOK_SECONDS);
  }

  /** Whether all members of before the restart are in place again. */
  #areBack(): boolean {
    const { state, grace } = this.#parts;
    return grace.peers.every((peer) => {
      const member = state.member(peer);
      return member?.status === 'active' && member.enteredBy >= grace.sinceEntry;
    });
  }

  #missingStages(): number[] {
    const { state, manifest } = this.#parts;
    const all = Array.from({ length: manifest.training.stages }, (_, stage) => stage);
    return all.filter((stage) => state.group(stage).length === 0);
  }
}
