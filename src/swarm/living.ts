// Who lives, as this peer believes: the journal's members less those whom it has found to be lost. The journal follows
// a moment later, when the leader has ordered it.

import type { PeerName } from '../seams/network.ts';
import type { RunState } from './run-state.ts';

export interface LivingParts {
  readonly self: PeerName;
  readonly state: () => RunState;
}

export class Living {
  readonly #parts: LivingParts;
  readonly #lost = new Set<PeerName>();

  constructor(parts: LivingParts) {
    this.#parts = parts;
  }

  /** Members that were found to be lost. */
  get lost(): ReadonlySet<PeerName> {
    return this.#lost;
  }

  /** Whether the journal counts a peer as a member that is there. */
  counts(peer: PeerName): boolean {
    const status = this.#parts.state().member(peer)?.status;
    return status === 'active' || status === 'entering';
  }

  alive(peer: PeerName): boolean {
    return !this.#lost.has(peer) && this.counts(peer);
  }

  /** A peer was found to be lost. */
  lose(peer: PeerName): void {
    this.#lost.add(peer);
  }

  /** It lives after all: the journal still counts it, and it speaks. */
  found(peer: PeerName): void {
    this.#lost.delete(peer);
  }

  /** It has entered the run (again). */
  entered(peer: PeerName): void {
    this.#lost.delete(peer);
  }

  /** A live member other than this peer and `about`, to ask for its opinion. */
  witness(about: PeerName): PeerName | undefined {
    const { self, state } = this.#parts;
    return state()
      .present()
      .find(({ peer }) => peer !== about && peer !== self && this.alive(peer))?.peer;
  }

  /**
   * Whom this peer listens for: those next to it on the paths, its group and the leader; as the leader everyone.
   */
  watched(neighbours: readonly PeerName[], leading: boolean): PeerName[] {
    const { self } = this.#parts;
    const state = this.#parts.state();
    const own = state.member(self);
    const watched = new Set<PeerName>(neighbours);
    if (leading) for (const { peer } of state.present()) watched.add(peer);
    if (own && own.status !== 'gone') {
      watched.add(state.leader);
      for (const { peer } of state.group(own.stage)) watched.add(peer);
    }
    watched.delete(self);
    return [...watched].filter((peer) => this.alive(peer));
  }
}
