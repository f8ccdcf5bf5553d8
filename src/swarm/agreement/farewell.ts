// The end of a leader's part: the others must hear the last entries before its connections close.

import type { Clock } from '../../seams/clock.ts';
import type { Network, PeerName } from '../../seams/network.ts';

/** The leader waits this long for the others to leave first. */
const FAREWELL_SECONDS = 3;

/** Resolves when none of `peers` is connected any more, or when they have had long enough. */
export function farewell(network: Network, clock: Clock, peers: Iterable<PeerName>): Promise<void> {
  const connected = new Set(peers);
  connected.delete(network.self);
  return new Promise((resolve) => {
    const cancel = clock.schedule(FAREWELL_SECONDS, resolve);
    network.onConnection(({ peer, state }) => {
      if (state === 'down') connected.delete(peer);
      if (connected.size > 0) return;
      cancel();
      resolve();
    });
    if (connected.size === 0) {
      cancel();
      resolve();
    }
  });
}
