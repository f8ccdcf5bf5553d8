// Who keeps an exact copy of stage 0 outside its group: embedding and head are never averaged, so when the last anchor
// is lost, the run goes on only if somebody else has them. The leader chooses at the boundaries, the journal says whom.

import type { MemberChange, Origin } from '../../journal/entry.ts';
import type { PeerName } from '../../seams/network.ts';
import { compareOrder } from '../training/arrivals.ts';
import type { Member, RunState } from '../run-state.ts';

/** The stage that is copied: no recovery rule can rebuild it. */
export const SHADOWED_STAGE = 0;
/** One copy may be lost in the same moment as the anchors. */
export const WANTED_SHADOWS = 2;
/** A newcomer fetches from so many peers at most. */
export const MOST_SOURCES = 3;

/** The exact copies of a stage as the origin of a newcomer's weights; undefined when there is none. */
export function shadowOrigin(state: RunState, stage: number, newcomer: PeerName): Origin | undefined {
  const shadows = state.shadows(stage);
  // whoever has the copy itself needs nobody to send it
  const own = shadows.filter(({ peer }) => peer === newcomer);
  const sources = (own.length > 0 ? own : shadows).slice(0, MOST_SOURCES).map(({ peer }) => peer);
  return sources.length > 0 ? { kind: 'shadow', sources } : undefined;
}

/**
 * The next member to keep a copy: of the stage with the most replicas where nobody keeps one yet, its oldest member,
 * better one that has the text. undefined when there are enough, or nobody to copy from, or nobody fit for it.
 */
export function nextShadow(state: RunState, isFit: (peer: PeerName) => boolean): MemberChange | undefined {
  const donor = state.group(SHADOWED_STAGE).at(-1);
  const keeping = state.present().filter(({ shadow }) => shadow?.stage === SHADOWED_STAGE);
  if (donor === undefined || keeping.length >= WANTED_SHADOWS) return undefined;
  const candidates = state
    .active()
    .filter(({ peer, stage, shadow }) => stage !== SHADOWED_STAGE && shadow === undefined && isFit(peer));
  const rank = ({ stage, hasText }: Member) => [
    keeping.some((other) => other.stage === stage) ? 1 : 0,
    -state.group(stage).length,
    stage,
    hasText ? 0 : 1,
  ];
  const chosen = candidates.toSorted((a, b) => compareOrder(rank(a), rank(b)))[0];
  if (chosen === undefined) return undefined;
  const origin: Origin = state.iteration === 0 ? { kind: 'initial' } : { kind: 'donor', donor: donor.peer };
  return { kind: 'shadow', peer: chosen.peer, stage: SHADOWED_STAGE, origin };
}
