// The weights that a journal leads to. Where the updates stand in it (forward passes alone, docs/one-byte.md) they are
// computed again, from the first entry or from a snapshot on, to the same bits that those have who took part: an audit
// does so with every stage, a newcomer with the one that it is given (catching-up.ts).

import type { CommitBody, Entry, MemberChange, Origin } from '../../journal/entry.ts';
import { copyState } from '../../optimizer/index.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { PeerName } from '../../seams/network.ts';
import { initialStage, normOf, stepStage } from './holder.ts';
import type { Manifest } from '../manifest.ts';
import type { Member } from '../members.ts';
import { type GivenWeights, weightsDigest } from './obtaining.ts';
import { estimateOf } from '../training/probing.ts';
import { rebuildStage } from './rebuilding.ts';
import type { StageSnapshot } from './snapshot.ts';

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

/** Whether a commit changes a stage. */
export const isCounted = ({ stages }: CommitBody, stage: number): boolean =>
  stages.some((one) => one.stage === stage && one.contributors.length > 0);

export interface FollowedParts {
  readonly manifest: Manifest;
  readonly identity: Pick<Identity, 'digest'>;
  readonly clock: Clock;
  /** The weights that the run begins with, where they do not come from its seed. */
  readonly given: GivenWeights | undefined;
  /** Stages and iterations at which peers come back with what their disks have. */
  readonly stored: readonly { readonly stage: number; readonly iteration: number }[];
  /** The stages to follow; all by default. */
  readonly only?: ReadonlySet<number>;
  /** Some of them as they were after an iteration's commit: nothing before that is computed for them. */
  readonly known?: readonly StageSnapshot[];
}

export interface FollowedWeights extends ExpectedWeights {
  /** A stage as it is now; undefined when it is not followed, or not yet. */
  snapshot(stage: number): StageSnapshot | undefined;
}

/** The weights of stages, recomputed from the journal to the bit. */
export function followedWeights({
  manifest,
  identity,
  clock,
  given,
  stored,
  only,
  known = [],
}: FollowedParts): FollowedWeights {
  const knownStages = new Map(known.map((snapshot) => [snapshot.stage, snapshot]));
  const stages = manifest.model.blocks.map((_, stage) =>
    (only && !only.has(stage)) || knownStages.has(stage)
      ? undefined
      : initialStage(manifest, stage, given?.[stage]),
  );
  const isFollowed = (stage: number, iteration: number): boolean => {
    const snapshot = knownStages.get(stage);
    return snapshot === undefined ? (only?.has(stage) ?? true) : iteration >= snapshot.iteration;
  };
  /** Of peers that have entered and do not count yet: those whose weights are not their stage's. */
  const apart = new Map<PeerName, StageSnapshot>();
  /** And those whose weights come from what was before a snapshot. */
  const untold = new Set<PeerName>();
  const digests = new WeakMap<StageSnapshot, string>();
  /** Stages as they were, for peers that come back with them. */
  const kept = new Map<string, StageSnapshot>();
  const keep = (iteration: number): void => {
    for (const one of stored) {
      if (one.iteration !== iteration || stages[one.stage] === undefined) continue;
      kept.set(`${one.stage} ${iteration}`, copyOf(stages[one.stage]!));
    }
  };

  function weightsOf({ stage, origin, enteredAfter }: Entering): StageSnapshot | 'untold' | undefined {
    switch (origin.kind) {
      case 'donor':
      case 'replay':
      case 'shadow':
        return undefined; // the stage's own
      case 'initial':
        return enteredAfter === 0 ? undefined : initialStage(manifest, stage, given?.[stage]);
      case 'stored': {
        const snapshot = kept.get(`${stage} ${origin.iteration}`);
        if (!isFollowed(stage, origin.iteration)) return 'untold';
        if (snapshot === undefined) {
          throw new RangeError(`iteration ${origin.iteration} of stage ${stage} cannot be on a disk yet`);
        }
        return { ...copyOf(snapshot), iteration: enteredAfter };
      }
      case 'rebuild': {
        if (origin.sources.some((source) => isUntold(source.stage, enteredAfter))) return 'untold';
        const sources = origin.sources.map((source) => {
          const { weights } = stages[source.stage] ?? {};
          if (weights === undefined) throw new RangeError(`there is no stage ${source.stage}`);
          return { ...source, weights };
        });
        return rebuildStage(manifest, origin.rule, stage, enteredAfter, sources);
      }
    }
  }

  /** Whether a stage's weights cannot be told, because they come from what was before a snapshot. */
  function isUntold(stage: number, iteration: number): boolean {
    if (stage >= stages.length || stages[stage] !== undefined) return false;
    return knownStages.size > 0 || !isFollowed(stage, iteration);
  }

  /** Takes weights one commit further, as whoever holds them does (swarm/weights/following.ts). */
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

  function forget(peer: PeerName): void {
    apart.delete(peer);
    untold.delete(peer);
  }

  keep(0);
  return {
    entered(entering) {
      const { peer, stage, enteredAfter } = entering;
      forget(peer);
      const weights = isFollowed(stage, enteredAfter) ? weightsOf(entering) : undefined;
      if (weights === 'untold') untold.add(peer);
      else if (weights !== undefined) apart.set(peer, weights);
    },
    left: forget,
    activated(peer, stage, isAlone) {
      const weights = apart.get(peer);
      if (isAlone && untold.has(peer)) stages[stage] = undefined;
      else if (isAlone && weights !== undefined) stages[stage] = weights;
      forget(peer);
    },
    digestOf: (peer) => apart.get(peer) && digestOf(apart.get(peer)!),
    repaired: () => {},
    digest: (stage) => stages[stage] && digestOf(stages[stage]),
    reported: () => {},
    snapshot: (stage) => stages[stage],
    async committed(commit) {
      for (const [stage, held] of stages.entries()) if (held) stages[stage] = await follow(held, commit);
      for (const snapshot of known) {
        if (snapshot.iteration === commit.iteration) stages[snapshot.stage] = copyOf(snapshot);
      }
      for (const [peer, held] of apart) apart.set(peer, await follow(held, commit));
      keep(commit.iteration);
    },
  };
}

function copyOf(snapshot: StageSnapshot): StageSnapshot {
  return { ...snapshot, weights: snapshot.weights.slice(), state: copyState(snapshot.state) };
}

/** Whoever reads a journal's entries in order tells the weights by this who enters, counts and goes. */
export class ReplayedMembers {
  readonly #weights: ExpectedWeights;
  /** Who counts at which stage, and who has entered one and does not count yet. */
  readonly #active = new Map<PeerName, number>();
  readonly #entering = new Map<PeerName, number>();

  /** @param present who is there before the first entry that is read */
  constructor(weights: ExpectedWeights, present: readonly Pick<Member, 'peer' | 'stage' | 'status'>[] = []) {
    this.#weights = weights;
    for (const { peer, stage, status } of present) {
      (status === 'active' ? this.#active : this.#entering).set(peer, stage);
    }
  }

  /** @param iteration committed last. Throws a RangeError or a RecoveryError where an origin cannot be. */
  change(change: MemberChange, iteration: number): void {
    const { peer } = change;
    switch (change.kind) {
      case 'gone':
        this.#active.delete(peer);
        this.#entering.delete(peer);
        this.#weights.left(peer);
        return;
      case 'active': {
        const stage = this.#entering.get(peer);
        if (stage === undefined) return;
        const isAlone = ![...this.#active.values()].includes(stage);
        this.#entering.delete(peer);
        this.#active.set(peer, stage);
        this.#weights.activated(peer, stage, isAlone);
        return;
      }
      case 'enter': {
        const { stage, origin } = change;
        this.#active.delete(peer);
        this.#entering.set(peer, stage);
        this.#weights.entered({ peer, stage, origin, enteredAfter: iteration });
        return;
      }
      default:
        return; // a copy outside the stage is the stage as it is
    }
  }
}

/** Whether a journal has the digest of a snapshot's weights as that of the stage after its iteration. */
export function isBorneOut(
  entries: Iterable<Entry>,
  { stage, iteration, weights }: StageSnapshot,
  identity: Pick<Identity, 'digest'>,
): boolean {
  for (const { body } of entries) {
    const isNext = body.kind === 'commit' && body.iteration === iteration + 1;
    const isLast = body.kind === 'end' && body.iteration === iteration;
    if (!isNext && !isLast) continue;
    const report = body.weights.find((one) => one.stage === stage);
    if (report) return report.digest === weightsDigest(weights, identity);
  }
  return false;
}

/** Stages and iterations at which peers come back with what their disks have. */
export function storedOrigins(entries: Iterable<Entry>): { stage: number; iteration: number }[] {
  const stored = [];
  for (const { body } of entries) {
    if (body.kind !== 'members') continue;
    for (const change of body.changes) {
      if (change.kind !== 'enter' || change.origin.kind !== 'stored') continue;
      stored.push({ stage: change.stage, iteration: change.origin.iteration });
    }
  }
  return stored;
}
