// The three rules on which everything rests, apart from the rest so that a test can break one and see that the
// simulation finds it.

import type { PeerName } from '../../seams/network.ts';
import type { Ballot } from './messages.ts';

export interface ConsensusRules {
  /** Whether these peers are a majority of the keepers; peers that are none do not count. */
  isMajority(peers: Iterable<PeerName>, keepers: readonly PeerName[]): boolean;
  /** What of a ballot survives a restart. */
  remember(ballot: Ballot): Ballot;
  /** Whether keepers may change so: by one, so that any two majorities share a peer. */
  mayFollow(before: readonly PeerName[], after: readonly PeerName[]): boolean;
}

export const consensusRules: ConsensusRules = {
  isMajority(peers, keepers) {
    const counted = new Set<PeerName>();
    for (const peer of peers) if (keepers.includes(peer)) counted.add(peer);
    return keepers.length > 0 && 2 * counted.size > keepers.length;
  },
  remember: (ballot) => ballot,
  mayFollow(before, after) {
    if (after.length === 0 || new Set(after).size !== after.length) return false;
    const added = after.filter((peer) => !before.includes(peer)).length;
    const removed = before.filter((peer) => !after.includes(peer)).length;
    return added + removed <= 1;
  },
};
