// What the weights of every stage are while a journal is read, as far as it can be told. Where the updates stand in the
// journal (forward passes alone, docs/one-byte.md) the weights themselves are followed, from the first to the last;
// else what the replicas reported is remembered for as long as nothing changes a stage.

import type { CommitBody, Origin } from '../journal/entry.ts';
import { copyState } from '../optimizer/index.ts';
import type { Clock } from '../seams/clock.ts';
import type { Identity } from '../seams/identity.ts';
import type { PeerName } from '../seams/network.ts';
import { initialStage, normOf, stepStage } from '../swarm/holder.ts';
import type { Manifest } from '../swarm/manifest.ts';
import { type GivenWeights, weightsDigest } from '../swarm/obtaining.ts';
import { estimateOf } from '../swarm/probing.ts';
import { rebuildStage } from '../swarm/rebuilding.ts';
import type { StageSnapshot } from '../swarm/snapshot.ts';

/** A peer that enters a stage after an iteration's commit. */
export interface Entering {
  readonly peer: PeerName;
  readonly stage: number;
  readonly origin: Origin;
  readonly enteredAfter: number;
}

export interface ExpectedWeights {
  /** A peer enters a stage. Throws where its origin cannot be: an unknown rule, sources that do not fit. */
  entered(entering: Entering): void;
  /** A peer is gone, or goes to another stage before it counted. */
  left(peer: PeerName): void;
  /** A peer counts from here on; `isAlone` when nobody else holds its stage, which is as this peer has it from now on. */
  activated(peer: PeerName, stage: number, isAlone: boolean): void;
  /** The weights that a peer which entered has now; undefined where that cannot be told. */
  digestOf(peer: PeerName): string | undefined;
  /** What a peer that entered says its weights are. */
  repaired(peer: PeerName, digest: string): void;
  /** The weights that a stage's replicas have now; undefined where that cannot be told. */
  digest(stage: number): string | undefined;
  /** What a stage's replicas say their weights are. */
  reported(stage: number, digest: string): void;
  /** An iteration was committed. */
  committed(commit: CommitBody): Promise<void>;
}

const isCounted = ({ stages }: CommitBody, stage: number): boolean =>
  stages.some((one) => one.stage === stage && one.contributors.length > 0);

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

export interface FollowedParts {
  readonly manifest: Manifest;
  readonly identity: Pick<Identity, 'digest'>;
  readonly clock: Clock;
  /** The weights that the run begins with, where they do not come from its seed. */
  readonly given: GivenWeights | undefined;
  /** Stages and iterations at which peers come back with what their disks have. */
  readonly stored: readonly { readonly stage: number; readonly iteration: number }[];
}

/** The weights of every stage, recomputed from the journal to the bit. */
export function followedWeights({
  manifest,
  identity,
  clock,
  given,
  stored,
}: FollowedParts): ExpectedWeights {
  const stages = manifest.model.blocks.map((_, stage) => initialStage(manifest, stage, given?.[stage]));
  /** Of peers that have entered and do not count yet: those whose weights are not their stage's. */
  const apart = new Map<PeerName, StageSnapshot>();
  const digests = new WeakMap<StageSnapshot, string>();
  /** Stages as they were, for peers that come back with them. */
  const kept = new Map<string, StageSnapshot>();
  const keep = (iteration: number): void => {
    for (const one of stored) {
      if (one.iteration !== iteration || stages[one.stage] === undefined) continue;
      kept.set(`${one.stage} ${iteration}`, copyOf(stages[one.stage]!));
    }
  };

  function weightsOf({ stage, origin, enteredAfter }: Entering): StageSnapshot | undefined {
    switch (origin.kind) {
      case 'donor':
        return undefined; // the stage's own
      case 'initial':
        return enteredAfter === 0 ? undefined : initialStage(manifest, stage, given?.[stage]);
      case 'stored': {
        const snapshot = kept.get(`${stage} ${origin.iteration}`);
        if (snapshot === undefined) {
          throw new RangeError(`iteration ${origin.iteration} of stage ${stage} cannot be on a disk yet`);
        }
        return { ...copyOf(snapshot), iteration: enteredAfter };
      }
      case 'rebuild': {
        const sources = origin.sources.map((source) => {
          const { weights } = stages[source.stage] ?? {};
          if (weights === undefined) throw new RangeError(`there is no stage ${source.stage}`);
          return { ...source, weights };
        });
        return rebuildStage(manifest, origin.rule, stage, enteredAfter, sources);
      }
    }
  }

  /** Takes weights one commit further, as whoever holds them does (swarm/following.ts). */
  async function follow(held: StageSnapshot, commit: CommitBody): Promise<StageSnapshot> {
    const { stage } = held;
    const { iteration } = commit;
    const estimate = isCounted(commit, stage)
      ? await estimateOf(manifest, commit, stage, held.weights.length, clock)
      : undefined;
    if (estimate === undefined) {
      const same = { ...held, iteration };
      const digest = digests.get(held);
      if (digest !== undefined) digests.set(same, digest);
      return same;
    }
    const update = { iteration, sum: estimate, norm: await normOf(estimate, clock), count: 1 };
    return stepStage(held, update, manifest, clock);
  }

  function digestOf(snapshot: StageSnapshot): string {
    const known = digests.get(snapshot) ?? weightsDigest(snapshot.weights, identity);
    digests.set(snapshot, known);
    return known;
  }

  keep(0);
  return {
    entered(entering) {
      const weights = weightsOf(entering);
      if (weights === undefined) apart.delete(entering.peer);
      else apart.set(entering.peer, weights);
    },
    left: (peer) => apart.delete(peer),
    activated(peer, stage, isAlone) {
      const weights = apart.get(peer);
      apart.delete(peer);
      if (isAlone && weights !== undefined) stages[stage] = weights;
    },
    digestOf: (peer) => apart.get(peer) && digestOf(apart.get(peer)!),
    repaired: () => {},
    digest: (stage) => stages[stage] && digestOf(stages[stage]),
    reported: () => {},
    async committed(commit) {
      for (const [stage, held] of stages.entries()) stages[stage] = await follow(held, commit);
      for (const [peer, held] of apart) apart.set(peer, await follow(held, commit));
      keep(commit.iteration);
    },
  };
}

function copyOf(snapshot: StageSnapshot): StageSnapshot {
  return { ...snapshot, weights: snapshot.weights.slice(), state: copyState(snapshot.state) };
}
