// Where a stage's weights come from when a peer enters it: the run's seed, its own disk, a replica, or the neighbours
// of a stage that everybody lost. The journal says which; here it is done.

import { toHex } from '../journal/canonical.ts';
import type { Origin } from '../journal/entry.ts';
import { type Clock, sleep } from '../seams/clock.ts';
import type { Identity } from '../seams/identity.ts';
import type { Network, PeerName } from '../seams/network.ts';
import type { Store } from '../seams/store.ts';
import { initialStage, parametersOf, type StageHolder } from './holder.ts';
import type { Manifest } from './manifest.ts';
import { rebuildStage } from './rebuilding.ts';
import type { Member } from './run-state.ts';
import type { StageSnapshot } from './snapshot.ts';
import { type Donor, fetchSnapshot, TransferError } from './transfer.ts';
import { bytesOf } from './visits.ts';

export interface ObtainingParts {
  readonly self: PeerName;
  readonly manifest: Manifest;
  readonly network: Network;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly store: Store;
  /** Reads snapshots of this run. */
  readonly holder: StageHolder;
  /** What this peer itself has frozen. */
  readonly donor: Donor;
  readonly alive: (peer: PeerName) => boolean;
  /** The weights that the run begins with, where this peer has them: see `Manifest.start`. */
  readonly given: GivenWeights | undefined;
  /** Computes the weights from the journal, where that can be done and is quicker than fetching them. */
  readonly replay: (member: Member, signal: AbortSignal) => Promise<StageSnapshot | undefined>;
}

/** Per stage, flat. */
export type GivenWeights = readonly Float32Array<ArrayBuffer>[];

const FETCH_TRIES = 40;
const FETCH_PAUSE_SECONDS = 0.25;

/** No snapshot of a stage can be larger. */
export function maxSnapshotBytes(manifest: Manifest, stage: number): number {
  return 4 * parametersOf(manifest, stage) * 3 + 65_536;
}

/** The weights with which `member` begins at its stage. Rejects when they cannot be had, or when the signal aborts. */
export async function obtainStage(
  parts: ObtainingParts,
  member: Member,
  signal: AbortSignal,
): Promise<StageSnapshot> {
  const { stage, origin, enteredAfter } = member;
  switch (origin.kind) {
    case 'initial':
      return begin(parts, stage, signal);
    case 'stored': {
      const bytes = await parts.store.readBlob(`stage-${stage}`);
      if (bytes === undefined) throw new TransferError(`no snapshot of stage ${stage} is stored here`);
      return { ...parts.holder.decode(stage, bytes), iteration: enteredAfter };
    }
    case 'donor':
      return (
        (await parts.replay(member, signal)) ??
        fetchFrom(parts, { from: origin.donor, stage, iteration: enteredAfter, signal })
      );
    case 'rebuild':
      return rebuild(parts, origin, { stage, iteration: enteredAfter, signal });
  }
}

/** A run that starts from a model has its weights from the founder, and everyone checks them against the manifest. */
async function begin(parts: ObtainingParts, stage: number, signal: AbortSignal): Promise<StageSnapshot> {
  const { manifest, given, identity } = parts;
  if (manifest.start === undefined) return initialStage(manifest, stage);
  const snapshot = given
    ? initialStage(manifest, stage, given[stage])
    : await fetchFrom(parts, { from: manifest.founder, stage, iteration: 0, signal });
  const digest = weightsDigest(snapshot.weights, identity);
  if (digest !== manifest.start.weights[stage]) {
    throw new TransferError(
      `the weights of stage ${stage} that the run begins with have digest ${digest}, the manifest says ${manifest.start.weights[stage]}`,
    );
  }
  return snapshot;
}

/** SHA-256 of a stage's weights, hexadecimal. */
export function weightsDigest(weights: Float32Array, identity: Pick<Identity, 'digest'>): string {
  return toHex(identity.digest(bytesOf(weights)));
}

/** The donor freezes when it reads the same journal entry, which may be a little later. */
async function fetchFrom(
  parts: ObtainingParts,
  wanted: { from: PeerName; stage: number; iteration: number; signal: AbortSignal },
): Promise<StageSnapshot> {
  const { manifest, network, identity, clock, holder, alive } = parts;
  const { from, stage, signal } = wanted;
  const maxBytes = maxSnapshotBytes(manifest, stage);
  for (let attempt = 1; ; attempt++) {
    try {
      const { bytes } = await fetchSnapshot({ network, identity, clock, maxBytes, ...wanted });
      return holder.decode(stage, bytes);
    } catch (error) {
      if (!(error instanceof TransferError) || attempt >= FETCH_TRIES || !alive(from)) throw error;
      await sleep(clock, FETCH_PAUSE_SECONDS, signal);
    }
  }
}

async function rebuild(
  parts: ObtainingParts,
  origin: Extract<Origin, { kind: 'rebuild' }>,
  wanted: { stage: number; iteration: number; signal: AbortSignal },
): Promise<StageSnapshot> {
  const { self, manifest, donor, holder } = parts;
  const { stage, iteration, signal } = wanted;
  const sources = [];
  for (const source of origin.sources) {
    const own = source.peer === self ? donor.frozen(source.stage, iteration) : undefined;
    const snapshot = own
      ? holder.decode(source.stage, own)
      : await fetchFrom(parts, { from: source.peer, stage: source.stage, iteration, signal });
    sources.push({ ...source, weights: snapshot.weights });
  }
  return rebuildStage(manifest, origin.rule, stage, iteration, sources);
}
