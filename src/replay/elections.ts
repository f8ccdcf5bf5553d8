// A fault aimed at an election: what a keeper promised must hold although it was killed just after it said so, and
// although the one that it elected and the one that led before take turns in being cut off. Random faults rarely meet
// in this way; a sound swarm survives it, one whose votes are forgotten has two leaders in one term.

import type { SimulatedNetworks } from '../network/simulated/network.ts';
import type { SimulatedWorld } from '../network/simulated/world.ts';
import type { PeerName } from '../seams/network.ts';
import type { Peer } from '../swarm/peer.ts';
import { ELECTION_SECONDS, type Fault } from './faults.ts';
import type { Vote } from './votes.ts';

export interface ElectionParts {
  readonly world: SimulatedWorld;
  readonly networks: SimulatedNetworks;
  /** Everyone of the swarm. */
  readonly peers: readonly PeerName[];
  /** Whoever leads now. */
  readonly leading: () => Peer | undefined;
  readonly onVote: (listener: (vote: Vote) => void) => () => void;
  /** Kills a peer's process, which starts again soon. */
  readonly kill: (peer: PeerName) => void;
}

/** Answers that are on their way are heard. */
const ELECTED_SECONDS = 0.15;
/** A leader that hears nobody has stepped down by then. */
const DEPOSED_SECONDS = 1.5;

/** Whether there is a leader that can be cut off. */
export function disturbElection(
  { steady, seconds }: Extract<Fault, { kind: 'election' }>,
  parts: ElectionParts,
): boolean {
  const { world, leading, onVote, kill } = parts;
  const leader = leading();
  if (leader === undefined || leader.state.keepers.length < 3) return false;
  const { self, state } = leader;
  const keepers = [...state.keepers];
  const enough = Math.floor(keepers.length / 2);
  const restore = cutOff(parts, [self]);
  const killed = new Set<PeerName>();
  let newest = 0;
  const stopListening = onVote(({ voter, candidate, term }) => {
    if (term > newest) killed.clear();
    newest = Math.max(newest, term);
    const spared = voter === candidate || voter === steady || voter === self;
    if (term < newest || spared || killed.has(voter)) return;
    killed.add(voter);
    world.after(0, '', () => kill(voter));
    if (killed.size < enough) return;
    stopListening();
    const others = keepers.filter((peer) => peer !== self && !killed.has(peer));
    world.after(ELECTED_SECONDS, '', () => {
      world.after(seconds, '', cutOff(parts, others));
    });
    world.after(ELECTED_SECONDS + DEPOSED_SECONDS, '', restore);
  });
  world.after(ELECTION_SECONDS, '', () => {
    stopListening();
    restore();
  });
  return true;
}

/** Nothing comes through between some and all others; call what it gives back to end it. */
function cutOff({ networks, peers }: ElectionParts, some: readonly PeerName[]): () => void {
  const rest = peers.filter((peer) => !some.includes(peer));
  return networks.part(some, rest, true);
}
