// Who lives, as this peer believes: the journal's members less those whom it has found to be lost. The journal follows
// a moment later, when the leader has ordered it.

import type { PeerName } from '../../seams/network.ts';
import type { Member, RunState } from '../run-state.ts';

export interface LivingParts {
  readonly self: PeerName;
  readonly state: () => RunState;
}

/** How a member was found to be lost. */
export interface Loss {
  readonly how: 'broken' | 'silent';
  readonly reason: string;
}

/** Whom a peer listens for, and what that follows from: every heartbeat asks, and it changes now and then. */
interface Watched {
  readonly neighbours: readonly PeerName[];
  readonly leading: boolean;
  readonly leader: PeerName;
  /** Another list whenever an entry has changed the members. */
  readonly present: readonly Member[];
  readonly peers: readonly PeerName[];
}

export class Living {
  readonly #parts: LivingParts;
  readonly #lost = new Map<PeerName, Loss>();
  #watched: Watched | undefined;

  constructor(parts: LivingParts) {
    this.#parts = parts;
  }

  /** How a member was found to be lost; undefined where it was not. */
  loss(peer: PeerName): Loss | undefined {
    return this.#lost.get(peer);
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
  lose(peer: PeerName, loss: Loss): void {
    this.#lost.set(peer, loss);
    this.#watched = undefined;
  }

  /** It lives after all: the journal still counts it, and it speaks. */
  found(peer: PeerName): void {
    this.#lost.delete(peer);
    this.#watched = undefined;
  }

  /** It has entered the run (again). */
  entered(peer: PeerName): void {
    if (this.#lost.delete(peer)) this.#watched = undefined;
  }

  /** A live member other than this peer and `about`, to ask for its opinion. */
  witness(about: PeerName): PeerName | undefined {
    const { self, state } = this.#parts;
    return state()
      .present()
      .find(({ peer }) => peer !== about && peer !== self && this.alive(peer))?.peer;
  }

  /**
   * Whom this peer listens for: those next to it on the paths, the leader, and of its group the one before it and the
   * one after it; as the leader everyone. In a large group each is listened for by some and not by all, whose heartbeats
   * would grow with the square of the group.
   */
  watched(neighbours: readonly PeerName[], leading: boolean): readonly PeerName[] {
    const state = this.#parts.state();
    const { leader } = state;
    const present = state.present();
    const known = this.#watched;
    const isSame = known?.neighbours === neighbours && known.present === present;
    if (isSame && known.leading === leading && known.leader === leader) return known.peers;
    const peers = this.#listenFor(neighbours, leading, state);
    this.#watched = { neighbours, leading, leader, present, peers };
    return peers;
  }

  #listenFor(neighbours: readonly PeerName[], leading: boolean, state: RunState): PeerName[] {
    const { self } = this.#parts;
    const own = state.member(self);
    const watched = new Set<PeerName>(neighbours);
    if (leading) for (const { peer } of state.present()) watched.add(peer);
    if (own && own.status !== 'gone') {
      watched.add(state.leader);
      const group = state.group(own.stage);
      const place = group.findIndex(({ peer }) => peer === self);
      for (const next of [place + 1, place - 1]) {
        const member = group.at(next % group.length);
        if (member) watched.add(member.peer);
      }
    }
    watched.delete(self);
    return [...watched].filter((peer) => this.alive(peer));
  }
}
