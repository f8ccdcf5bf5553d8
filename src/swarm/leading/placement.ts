// Who should hold which stage: decided by the leader at the boundary between two iterations, from the journal alone.

import type { MemberChange, Origin } from '../../journal/entry.ts';
import { planRecovery, type RecoveryRuleName } from '../../recovery/index.ts';
import type { PeerName } from '../../seams/network.ts';
import { compareOrder } from '../training/arrivals.ts';
import { isForwardOnly } from '../training/probing.ts';
import type { Manifest } from '../manifest.ts';
import type { Member, RunState } from '../run-state.ts';
import type { StoredStage } from '../weights/saving.ts';
import { shadowOrigin } from './shadows.ts';

/** A peer that asks to be let in, as it described itself. */
export interface Applicant {
  readonly peer: PeerName;
  readonly name: string;
  readonly addresses: readonly string[];
  /** Whether it has the run's text and so can be an anchor. */
  readonly hasText: boolean;
  /** Stages on its disk; one may be there twice, held and as a copy. */
  readonly stored: readonly StoredStage[];
  /** Where it would like to sit; -1 anywhere. */
  readonly wantedStage: number;
  /** Micro-batches whose activations fit; as many as come where it is left out. */
  readonly memoryMicrobatches?: number | undefined;
}

/** Live holders of a stage, entering ones included. */
export function holders(state: RunState, stage: number): readonly Member[] {
  return state.holders(stage);
}

/**
 * Stages that an applicant could take: there is a way to get the weights, and for stage 0 it has the text, or nobody
 * holds that stage any more and those who keep copies of it have the text.
 */
export function possibleStages(state: RunState, manifest: Manifest, applicant: Applicant): number[] {
  const canAnchor = applicant.hasText || (holders(state, 0).length === 0 && state.shadows(0).length > 0);
  return Array.from({ length: manifest.training.stages }, (_, stage) => stage).filter(
    (stage) => (stage !== 0 || canAnchor) && originFor(state, manifest, applicant, stage) !== undefined,
  );
}

/**
 * The stage that an applicant should take: one that nobody holds (its own old one before others), else the one
 * furthest below its planned size. undefined when it can be of no use.
 */
export function stageFor(state: RunState, manifest: Manifest, applicant: Applicant): number | undefined {
  const { stageSizes } = manifest.training;
  const { wantedStage } = applicant;
  const possible = possibleStages(state, manifest, applicant);
  const size = (stage: number) => holders(state, stage).length;
  const missing = (stage: number) => (stageSizes[stage] ?? 1) - size(stage);
  if (possible.includes(wantedStage) && missing(wantedStage) > 0) return wantedStage;
  const need = (stage: number) => [size(stage) === 0 ? 1 : 0, familiarity(applicant, stage), missing(stage)];
  return possible.toSorted((a, b) => compareOrder(need(b), need(a)) || a - b)[0];
}

/** 2 for a stage that it held, 1 for one that it kept a copy of. */
function familiarity({ stored }: Applicant, stage: number): number {
  const own = stored.filter((one) => one.stage === stage);
  return own.length === 0 ? 0 : own.every(({ copy }) => copy) ? 1 : 2;
}

/**
 * Where a newcomer's weights of a stage would come from; undefined when there is no way to get them.
 * @param triedBefore it could not get them the first time: a stage that nobody holds is not computed again
 */
export function originFor(
  state: RunState,
  manifest: Manifest,
  applicant: Pick<Applicant, 'peer' | 'stored'>,
  stage: number,
  triedBefore = false,
): Origin | undefined {
  const donor = donorOf(state, stage, applicant.peer);
  if (donor !== undefined) return { kind: 'donor', donor };
  // whoever is about to hold it with weights of its own differs from all others: they copy them when it is in place
  const others = holders(state, stage).filter((member) => member.peer !== applicant.peer);
  const own = others.some(({ origin }) => origin.kind === 'stored' || origin.kind === 'rebuild');
  const copied = state.iteration > 0 && !own ? shadowOrigin(state, stage, applicant.peer) : undefined;
  if (copied) return copied;
  if (others.length > 0 && state.iteration > 0) return undefined;
  const [stored] = applicant.stored
    .filter((candidate) => candidate.stage === stage)
    .toSorted((a, b) => b.iteration - a.iteration);
  if (stored !== undefined && stored.iteration > 0) return { kind: 'stored', iteration: stored.iteration };
  if (state.iteration === 0) return { kind: 'initial' };
  return lostOrigin(state, manifest, stage, applicant.peer, triedBefore);
}

/**
 * What is made of a stage that nobody holds or keeps a copy of: the same weights, where the journal has every update and
 * those that the run began with can be had; else what the recovery rule makes of other stages.
 */
export function lostOrigin(
  state: RunState,
  manifest: Manifest,
  stage: number,
  newcomer: PeerName,
  triedBefore = false,
): Origin | undefined {
  const hasFirst = manifest.start === undefined || state.member(manifest.founder)?.status === 'active';
  // an anchor without the text is of no use, and nobody may be left to give it
  const isFit = stage !== 0 || state.member(newcomer)?.hasText === true;
  if (isForwardOnly(manifest) && hasFirst && isFit && !triedBefore) return { kind: 'replay' };
  return rebuildOrigin(state, manifest, stage, newcomer);
}

/** The replica that the fewest newcomers are fetching from, the newest of those: whoever comes at once is spread over all. */
function donorOf(state: RunState, stage: number, newcomer: PeerName): PeerName | undefined {
  const fetching = new Map<PeerName, number>();
  for (const { status, origin } of state.holders(stage)) {
    if (status !== 'entering' || origin.kind !== 'donor') continue;
    fetching.set(origin.donor, (fetching.get(origin.donor) ?? 0) + 1);
  }
  let best: PeerName | undefined;
  for (const { peer } of state.group(stage)) {
    if (peer === newcomer) continue;
    if (best === undefined || (fetching.get(peer) ?? 0) <= (fetching.get(best) ?? 0)) best = peer;
  }
  return best;
}

/** The recovery rule's sources for a lost stage, each with a live donor; undefined for stage 0 or when none is left. */
function rebuildOrigin(
  state: RunState,
  manifest: Manifest,
  stage: number,
  newcomer: PeerName,
): Origin | undefined {
  if (stage === 0) return undefined;
  const { blocks } = manifest.model;
  // whoever asks may still count from before it crashed, and has nothing to give
  const donors = blocks.map((_, s) => state.group(s).find(({ peer }) => peer !== newcomer));
  const alive = blocks.map((count, s) => count === blocks[stage] && donors[s] !== undefined);
  const plan = planRecovery(manifest.training.recovery as RecoveryRuleName, stage, alive);
  const sources = plan.sources.map((source) => ({
    stage: source,
    peer: donors[source]!.peer,
    gradientNorm: state.gradientNorm(source),
  }));
  return { kind: 'rebuild', rule: plan.rule, sources };
}

/**
 * Who moves to a stage that lost all its replicas: a peer that keeps a copy of it and can be spared, else the newest
 * peer of the largest group of two or more.
 */
export function takerOf(state: RunState, stages: number, lost: number): Member | undefined {
  // before the first commit nobody keeps a copy, with the text or without
  const needsText = lost === 0 && state.iteration === 0;
  const canSpare = (stage: number) =>
    state.group(stage).length >= 2 && holders(state, stage).length === state.group(stage).length;
  const shadows = state.shadows(lost).filter(({ stage, status }) => status === 'active' && canSpare(stage));
  const size = ({ stage }: Member) => state.group(stage).length;
  const [shadow] = shadows.toSorted((a, b) => size(b) - size(a));
  if (shadow) return shadow;
  let best: readonly Member[] = [];
  for (let stage = stages - 1; stage >= 0; stage--) {
    const group = state.group(stage);
    const better = group.length > best.length || (group.length === best.length && best[0]?.stage === 0);
    if (better && canSpare(stage)) best = group;
  }
  const fit = best.filter(({ hasText }) => !needsText || hasText);
  return fit.findLast((member) => member.peer !== state.leader) ?? fit.at(-1);
}

/** Stages that nobody holds or is about to hold. */
export function lostStages(state: RunState, stages: number): number[] {
  return Array.from({ length: stages }, (_, stage) => stage).filter(
    (stage) => holders(state, stage).length === 0,
  );
}

export function entering(
  member: Omit<Applicant, 'stored' | 'hasText' | 'wantedStage'> & Pick<Member, 'hasText'>,
  stage: number,
  origin: Origin,
): MemberChange {
  const { peer, name, addresses, memoryMicrobatches, hasText } = member;
  const memory = memoryMicrobatches === undefined ? {} : { memoryMicrobatches };
  const text = hasText === undefined ? {} : { hasText };
  return { kind: 'enter', peer, name, addresses: [...addresses], stage, origin, ...memory, ...text };
}
