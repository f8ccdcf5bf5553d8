// Where a stage's weights come from when a peer enters it: the run's seed, its own disk, a replica, or the neighbours
// of a stage that everybody lost. The journal says which; here it is done.

import { toHex } from '../../journal/canonical.ts';
import type { Origin } from '../../journal/entry.ts';
import { type Clock, sleep } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { Network, PeerName } from '../../seams/network.ts';
import type { Store } from '../../seams/store.ts';
import { initialStage, parametersOf, type StageHolder } from './holder.ts';
import type { Manifest } from '../manifest.ts';
import { rebuildStage } from './rebuilding.ts';
import { readStored } from './saving.ts';
import type { StageSnapshot } from './snapshot.ts';
import { TransferError } from './chunks.ts';
import type { Donor } from './donor.ts';
import { createShelf } from './shelf.ts';
import { MOST_SOURCES } from '../leading/shadows.ts';
import type { RunState } from '../run-state.ts';
import type { PeerEventBody } from '../events.ts';
import { fetchSnapshot, Partial } from './transfer.ts';
import { bytesOf } from '../training/visits.ts';

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
  readonly state: () => RunState;
  readonly event: (event: PeerEventBody) => void;
  /** The weights that the run begins with, where this peer has them: see `Manifest.start`. */
  readonly given: GivenWeights | undefined;
  /**
   * Computes the weights from the journal, where that can be done and is quicker than fetching them; from the stage's
   * first weights, if they are given, however long it takes.
   */
  readonly replay: (
    signal: AbortSignal,
    first?: Float32Array<ArrayBuffer>,
  ) => Promise<StageSnapshot | undefined>;
}

/** A peer is to hold a stage from an entry of the journal on. */
export interface Entered {
  readonly stage: number;
  readonly origin: Origin;
  /** The iteration that was committed last then. */
  readonly enteredAfter: number;
  /** That entry, by index. */
  readonly enteredBy: number;
  /** Whom it may fetch from: see `sourcesOf`. */
  readonly sources: readonly PeerName[];
}

/** Per stage, flat. */
export type GivenWeights = readonly Float32Array<ArrayBuffer>[];

const FETCH_TRIES = 40;
const FETCH_PAUSE_SECONDS = 0.25;

/** No snapshot of a stage can be larger. */
export function maxSnapshotBytes(manifest: Manifest, stage: number): number {
  return 4 * parametersOf(manifest, stage) * 3 + 65_536;
}

/** The weights with which a peer begins at a stage. Rejects when they cannot be had, or when the signal aborts. */
export async function obtainStage(
  parts: ObtainingParts,
  { stage, origin, enteredAfter, sources }: Entered,
  signal: AbortSignal,
): Promise<StageSnapshot> {
  switch (origin.kind) {
    case 'initial':
      return begin(parts, stage, signal);
    case 'stored': {
      const bytes = await readStored(parts.store, stage, origin.iteration);
      if (bytes === undefined) {
        throw new TransferError(
          `no snapshot of stage ${stage} at iteration ${origin.iteration} is stored here`,
        );
      }
      return { ...parts.holder.decode(stage, bytes), iteration: enteredAfter };
    }
    case 'donor':
    case 'shadow': {
      const replayed = origin.kind === 'donor' ? await parts.replay(signal) : undefined;
      if (replayed) return replayed;
      const { alive, state } = parts;
      // one that started anew is there and has nothing frozen
      const has = (peer: PeerName) =>
        alive(peer) && [...state().group(stage), ...state().shadows(stage)].some((one) => one.peer === peer);
      const wanted = { from: sources, stage, iteration: enteredAfter, signal };
      return fetchFrom({ ...parts, alive: has }, wanted);
    }
    case 'replay': {
      const { weights } = await begin(parts, stage, signal);
      const replayed = await parts.replay(signal, new Float32Array(weights));
      if (replayed) return replayed;
      throw new TransferError(`the journal does not lead to the weights of stage ${stage}`);
    }
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
    : await fetchFrom(parts, { from: [manifest.founder], stage, iteration: 0, signal });
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

/** Donors freeze when they read the same journal entry, which may be a little later. */
async function fetchFrom(
  parts: ObtainingParts,
  wanted: { from: readonly PeerName[]; stage: number; iteration: number; signal: AbortSignal },
): Promise<StageSnapshot> {
  const { self, manifest, network, identity, clock, store, holder, alive, event } = parts;
  const { stage, iteration, signal } = wanted;
  const maxBytes = maxSnapshotBytes(manifest, stage);
  const partial = new Partial(createShelf(store, stage));
  const banned = new Set<PeerName>();
  const wrong = (peer: PeerName, problem: string) => {
    banned.add(peer);
    event({ kind: 'misbehaved', peer, problem });
  };
  const request = { network, identity, clock, stage, iteration, maxBytes, signal, partial, wrong };
  for (let attempt = 1; ; attempt++) {
    const from = wanted.from.filter((peer) => peer !== self && !banned.has(peer));
    try {
      const { bytes, bySource, againBytes } = await fetchSnapshot({ ...request, from });
      const snapshot = holder.decode(stage, bytes);
      const sources = [...bySource].map(([peer, sent]) => ({ peer, bytes: sent }));
      event({ kind: 'fetched', what: `stage ${stage} at iteration ${iteration}`, sources, againBytes });
      return snapshot;
    } catch (error) {
      const isOver = attempt >= FETCH_TRIES || !from.some((peer) => alive(peer) && !banned.has(peer));
      if (!(error instanceof TransferError) || isOver) throw error;
      await sleep(clock, FETCH_PAUSE_SECONDS, signal);
    }
  }
}

/**
 * Whom a newcomer to a stage fetches from: the donor that the journal names, others of the group, copies outside it.
 * Everyone reads the same from the journal's entry, and whoever is named freezes what it has.
 */
export function sourcesOf(state: RunState, newcomer: PeerName, stage: number, origin: Origin): PeerName[] {
  switch (origin.kind) {
    case 'donor': {
      // the donor and the newcomer may be among them
      const newest = state
        .group(stage)
        .slice(-MOST_SOURCES - 2)
        .reverse();
      const others = [...newest, ...state.shadows(stage)].map(({ peer }) => peer);
      const sources = new Set([origin.donor, ...others]);
      sources.delete(newcomer);
      return [...sources].slice(0, MOST_SOURCES);
    }
    case 'shadow':
      return origin.sources.filter((peer) => peer !== newcomer);
    default:
      return [];
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
      : await fetchFrom(parts, { from: [source.peer], stage: source.stage, iteration, signal });
    sources.push({ ...source, weights: snapshot.weights });
  }
  return rebuildStage(manifest, origin.rule, stage, iteration, sources);
}
