// The whole model out of the swarm: every stage's weights from a peer that holds it.

import type { Clock } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { Network, PeerName } from '../../seams/network.ts';
import { type RecoveryRuleName, planRecovery } from '../../recovery/index.ts';
import type { Manifest } from '../manifest.ts';
import { maxSnapshotBytes } from './obtaining.ts';
import { rebuildStage } from './rebuilding.ts';
import type { Member, RunState } from '../run-state.ts';
import type { StageSnapshot } from './snapshot.ts';
import type { Trainer } from '../training/trainer.ts';
import { TransferError } from './chunks.ts';
import { fetchSnapshot } from './transfer.ts';

export interface CollectParts {
  readonly network: Network;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly manifest: Manifest;
  readonly trainer: Trainer;
  readonly state: RunState;
}

/** Every stage's snapshot, stage 0 first; a stage that nobody holds is rebuilt by the run's rule. Throws a TransferError. */
export async function collectModel(parts: CollectParts): Promise<StageSnapshot[]> {
  const { network, identity, clock, manifest, trainer, state } = parts;
  const { holder } = trainer;
  const found: (StageSnapshot | undefined)[] = [];
  for (let stage = 0; stage < manifest.training.stages; stage++) {
    const group = state.group(stage);
    if (holder.stage === stage && trainer.installed) {
      found.push(holder.decode(stage, holder.snapshot()));
    } else if (group.length === 0) {
      found.push(undefined);
    } else {
      const maxBytes = maxSnapshotBytes(manifest, stage);
      const request = { network, identity, clock, stage, iteration: undefined, maxBytes };
      const bytes = await fromAny(group, (from) => fetchSnapshot({ ...request, from: [from] }));
      found.push(holder.decode(stage, bytes));
    }
  }
  const alive = found.map((snapshot) => snapshot !== undefined);
  return found.map((snapshot, stage) => {
    if (snapshot) return snapshot;
    const plan = planRecovery(manifest.training.recovery as RecoveryRuleName, stage, alive);
    const sources = plan.sources.map((source) => ({
      stage: source,
      weights: found[source]!.weights,
      gradientNorm: state.gradientNorm(source),
    }));
    return rebuildStage(manifest, plan.rule, stage, state.iteration, sources);
  });
}

/** From the first of a group that gives it: one may have been lost a moment ago. Throws the last one's TransferError. */
async function fromAny(
  group: readonly Member[],
  fetch: (from: PeerName) => Promise<{ readonly bytes: Uint8Array }>,
): Promise<Uint8Array> {
  let problem: unknown;
  for (const { peer } of group) {
    try {
      return (await fetch(peer)).bytes;
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      problem = error;
    }
  }
  throw problem;
}
