// A newcomer whose stage somebody holds can fetch it, or compute it: where the journal has every update (forward passes
// alone), the newest of the weights that it has already, its own snapshot or those that the run begins with, and the
// commits since then give the same bits. Whichever takes less time is done: the journal is here anyway, so what counts
// is the arithmetic against the snapshot's bytes on the way. "A run is a log."

import type { Entry } from '../../journal/entry.ts';
import { stateBytes } from '../../optimizer/index.ts';
import { RecoveryError } from '../../recovery/index.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Identity } from '../../seams/identity.ts';
import type { Store } from '../../seams/store.ts';
import type { PeerEventBody } from '../events.ts';
import { optimizerOf, parametersOf, type StageHolder } from './holder.ts';
import type { Manifest } from '../manifest.ts';
import type { Entered, GivenWeights } from './obtaining.ts';
import { isForwardOnly } from '../training/probing.ts';
import { followedWeights, isBorneOut, ReplayedMembers, storedOrigins } from './replaying.ts';
import type { StageSnapshot } from './snapshot.ts';

/** What a newcomer's peer knows of the journal it has just read. */
export interface JournalRead {
  /** All entries that are certain here. */
  entries(): Promise<readonly Entry[]>;
  /** Of all entries together. */
  readonly bytes: number;
  /** At which they came; undefined when too few came to tell. */
  readonly bytesPerSecond: number | undefined;
}

export interface CatchingUpParts {
  readonly manifest: Manifest;
  readonly clock: Clock;
  readonly identity: Pick<Identity, 'digest'>;
  readonly store: Pick<Store, 'readBlob'>;
  /** Reads snapshots of this run. */
  readonly holder: Pick<StageHolder, 'decode'>;
  readonly given: GivenWeights | undefined;
  readonly journal: JournalRead;
  readonly event: (event: PeerEventBody) => void;
}

/** A link of which nothing is known is taken to be a home's: 10 Mbit/s. */
const UNKNOWN_BYTES_PER_SECOND = 1.25e6;

/** What both ways cost. */
export interface WayCosts {
  readonly snapshotBytes: number;
  readonly bytesPerSecond: number;
  /** Commits to apply, and how long each takes. */
  readonly steps: number;
  readonly secondsPerStep: number;
}

/** The way that takes less time. */
export function quickerWay({
  snapshotBytes,
  bytesPerSecond,
  steps,
  secondsPerStep,
}: WayCosts): 'replay' | 'download' {
  return steps * secondsPerStep <= snapshotBytes / bytesPerSecond ? 'replay' : 'download';
}

/**
 * The weights of the stage that a member has just entered, computed from the journal; undefined when they cannot be, or
 * when fetching them takes less time. Rejects when the signal aborts.
 * @param first the stage's weights as the run begins, where nobody is left to fetch newer ones from
 */
export async function replayStage(
  parts: CatchingUpParts,
  member: Pick<Entered, 'stage' | 'enteredAfter' | 'enteredBy'>,
  signal: AbortSignal,
  first?: Float32Array<ArrayBuffer>,
): Promise<StageSnapshot | undefined> {
  const { manifest, clock, identity, journal, event } = parts;
  if (!isForwardOnly(manifest)) return undefined;
  const { stage, enteredAfter } = member;
  const entries = await journal.entries();
  signal.throwIfAborted();
  const known = await storedHere(parts, entries, member);
  const from = known?.iteration ?? 0;
  const needed = stagesNeeded(entries, stage, from);
  const given = parts.given ?? (first && onlyOf(stage, first));
  const lacks = (one: number) => given?.[one] === undefined && (one !== stage || known === undefined);
  if (manifest.start !== undefined && [...needed].some(lacks)) return undefined;
  const snapshotBytes = snapshotBytesOf(manifest, stage);
  const bytesPerSecond = journal.bytesPerSecond ?? UNKNOWN_BYTES_PER_SECOND;
  const costs = { snapshotBytes, bytesPerSecond, steps: enteredAfter - from };
  const say = (way: 'replay' | 'download', secondsPerStep: number, done?: StageSnapshot) => {
    const seconds = { replay: costs.steps * secondsPerStep, download: snapshotBytes / bytesPerSecond };
    const bytes = { entries: journal.bytes, snapshot: snapshotBytes };
    event({ kind: 'weights', stage, iteration: enteredAfter, way, fromIteration: from, bytes, seconds });
    return done;
  };

  const weights = followedWeights({
    manifest,
    identity,
    clock,
    given,
    stored: storedOrigins(entries),
    only: needed,
    known: known === undefined ? [] : [known],
  });
  const members = new ReplayedMembers(weights);
  const checkedAt = lastReport(entries, stage, enteredAfter);
  let iteration = 0;
  let seconds = 0;
  try {
    for (const { body, index } of entries) {
      if (index > member.enteredBy) break;
      if (body.kind === 'members') for (const change of body.changes) members.change(change, iteration);
      if (body.kind !== 'commit') continue;
      const report = index === checkedAt ? body.weights.find((one) => one.stage === stage) : undefined;
      if (report && weights.digest(stage) !== report.digest) return undefined; // it is told by the fetched one
      const began = clock.now();
      await weights.committed(body);
      signal.throwIfAborted();
      ({ iteration } = body);
      if (iteration <= from) continue;
      seconds += clock.now() - began;
      const secondsPerStep = seconds / (iteration - from);
      if (!first && quickerWay({ ...costs, secondsPerStep }) === 'download')
        return say('download', secondsPerStep);
    }
  } catch (error) {
    if (error instanceof RangeError || error instanceof RecoveryError) return undefined;
    throw error;
  }
  const done = weights.snapshot(stage);
  if (done?.iteration !== enteredAfter) return undefined;
  return say('replay', costs.steps === 0 ? 0 : seconds / costs.steps, done);
}

function onlyOf(stage: number, weights: Float32Array<ArrayBuffer>): GivenWeights {
  const given: Float32Array<ArrayBuffer>[] = [];
  given[stage] = weights;
  return given;
}

/** This peer's own snapshot, where the journal bears out that its weights were those of the stage. */
async function storedHere(
  { store, holder, identity }: CatchingUpParts,
  entries: readonly Entry[],
  { stage, enteredAfter }: Pick<Entered, 'stage' | 'enteredAfter'>,
): Promise<StageSnapshot | undefined> {
  const bytes = await store.readBlob(`stage-${stage}`);
  if (bytes === undefined) return undefined;
  let snapshot: StageSnapshot;
  try {
    snapshot = holder.decode(stage, bytes);
  } catch {
    return undefined; // of another run, or of another version
  }
  const { iteration } = snapshot;
  if (iteration === 0 || iteration > enteredAfter) return undefined;
  return isBorneOut(entries, snapshot, identity) ? snapshot : undefined;
}

/** The last entry up to an iteration's commit that says what a stage's weights were. */
function lastReport(entries: readonly Entry[], stage: number, iteration: number): number | undefined {
  return entries.findLast(
    ({ body }) =>
      body.kind === 'commit' &&
      body.iteration <= iteration &&
      body.weights.some((report) => report.stage === stage),
  )?.index;
}

/** A stage, and those from which it or they were rebuilt. */
function stagesNeeded(entries: readonly Entry[], stage: number, from: number): ReadonlySet<number> {
  const needed = new Set([stage]);
  for (let before = 0; before !== needed.size; ) {
    before = needed.size;
    let iteration = 0;
    for (const { body } of entries) {
      if (body.kind === 'commit') ({ iteration } = body);
      if (body.kind !== 'members') continue;
      for (const change of body.changes) {
        if (change.kind !== 'enter' || change.origin.kind !== 'rebuild' || !needed.has(change.stage))
          continue;
        if (change.stage === stage && iteration < from) continue;
        for (const source of change.origin.sources) needed.add(source.stage);
      }
    }
  }
  return needed;
}

function snapshotBytesOf(manifest: Manifest, stage: number): number {
  const parameters = parametersOf(manifest, stage);
  return 4 * parameters + stateBytes(optimizerOf(manifest).start(parameters));
}
