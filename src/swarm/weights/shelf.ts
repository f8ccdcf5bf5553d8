// Chunks of a transfer that is under way, on this peer's disk: after a restart those that are there are not fetched
// again, where the same snapshot is wanted still (the weights that a run begins with, and any before the next commit).

import type { Store } from '../../seams/store.ts';
import type { ChunkShelf } from './transfer.ts';

/** The shelf of one stage's snapshots. Chunks of another transfer of that stage may lie there: digests tell. */
export function createShelf(store: Store, stage: number): ChunkShelf {
  const name = (place: number) => `chunk-${stage}-${place}`;
  return {
    get: (place) => store.readBlob(name(place)),
    put: (place, bytes) => store.writeBlob(name(place), bytes),
    async clear(places) {
      for (let place = 0; place < places; place++) await store.removeBlob(name(place));
    },
  };
}
