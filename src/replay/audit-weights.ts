// What the weights of every stage are while a journal is read whose updates are not in it, as far as it can be told: what
// the replicas reported is remembered for as long as nothing changes a stage.

import type { PeerName } from '../seams/network.ts';
import { type ExpectedWeights, isCounted } from '../swarm/weights/replaying.ts';

/** Where updates are not in the journal: digests stay as they are until a commit changes the stage. */
export function rememberedWeights(): ExpectedWeights {
  const byStage = new Map<number, string>();
  const byPeer = new Map<PeerName, string>();
  return {
    entered: ({ peer }) => byPeer.delete(peer),
    left: (peer) => byPeer.delete(peer),
    activated(peer, stage, isAlone) {
      const digest = byPeer.get(peer);
      byPeer.delete(peer);
      if (!isAlone) return;
      if (digest === undefined) byStage.delete(stage);
      else byStage.set(stage, digest);
    },
    digestOf: () => undefined,
    repaired: (peer, digest) => byPeer.set(peer, digest),
    digest: (stage) => byStage.get(stage),
    reported: (stage, digest) => byStage.set(stage, digest),
    async committed(commit) {
      for (const { stage } of commit.stages) if (isCounted(commit, stage)) byStage.delete(stage);
    },
  };
}
