// Who keeps the journal: as many as the manifest says, fewer while the swarm is small, always an odd number in the end,
// spread over the stages so that a stage which is lost whole takes no majority of them with it. One change at a time.

import type { PeerName } from '../../seams/network.ts';
import type { Member, RunState } from '../run-state.ts';

/** Of a new run. */
export const DEFAULT_KEEPERS = 5;

export interface KeeperChoice {
  /** The leader, which is a keeper and stays one. */
  readonly self: PeerName;
  readonly wanted: number;
  readonly alive: (peer: PeerName) => boolean;
  /** Whether it was heard lately: one more keeper that does not answer can cost the majority. */
  readonly hears: (peer: PeerName) => boolean;
  readonly isLeaving: (peer: PeerName) => boolean;
}

/** How many keepers a swarm of so many active peers has: an odd number, one while there are fewer than three. */
export function keepersFor(activePeers: number, wanted: number): number {
  const most = Math.min(activePeers, wanted);
  return most < 3 ? 1 : most - ((most + 1) % 2);
}

/** Who keeps the journal after the next change; undefined while nothing is to be changed. */
export function nextKeepers(state: RunState, choice: KeeperChoice): PeerName[] | undefined {
  const { self, wanted, alive, hears, isLeaving } = choice;
  const { keepers } = state;
  const without = (peer: PeerName): PeerName[] => keepers.filter((keeper) => keeper !== peer);
  const unfit = (peer: PeerName): boolean => {
    const status = state.member(peer)?.status;
    return status === undefined || status === 'gone' || isLeaving(peer);
  };
  const gone = keepers.find((keeper) => keeper !== self && unfit(keeper));
  if (gone !== undefined) return without(gone);
  const fit = state.active().filter(({ peer }) => alive(peer) && !isLeaving(peer));
  // a leader that leaves needs somebody to hand the journal to
  const heir = isLeaving(self) && fit.length > 0 ? 2 : 1;
  const target = Math.max(keepersFor(fit.length, wanted), heir);
  const perStage = new Map<number, number>();
  for (const keeper of keepers) {
    const stage = state.member(keeper)?.stage ?? -1;
    perStage.set(stage, (perStage.get(stage) ?? 0) + 1);
  }
  const inStage = (stage: number): number => perStage.get(stage) ?? 0;
  const newcomer = leastCrowded(
    fit.filter(({ peer }) => !keepers.includes(peer) && hears(peer)),
    inStage,
  );
  if (keepers.length < target) return newcomer && [...keepers, newcomer.peer];
  const crowded = mostCrowded(
    keepers.filter((keeper) => keeper !== self),
    (keeper) => inStage(state.member(keeper)?.stage ?? -1),
  );
  if (keepers.length > target) return crowded === undefined ? undefined : without(crowded);
  const worst = crowded === undefined ? 0 : inStage(state.member(crowded)?.stage ?? -1);
  const better =
    newcomer !== undefined && worst > mostInOneStage(target) && inStage(newcomer.stage) + 1 < worst;
  return better ? [...keepers, newcomer.peer] : undefined;
}

/** At most two, and never a majority. */
export function mostInOneStage(keepers: number): number {
  return Math.max(1, Math.min(2, (keepers - 1) / 2));
}

function leastCrowded(members: readonly Member[], inStage: (stage: number) => number): Member | undefined {
  let best: Member | undefined;
  for (const member of members) {
    if (best === undefined || inStage(member.stage) < inStage(best.stage)) best = member;
  }
  return best;
}

/** The last of those whose stage has the most. */
function mostCrowded(
  keepers: readonly PeerName[],
  beside: (keeper: PeerName) => number,
): PeerName | undefined {
  let worst: PeerName | undefined;
  for (const keeper of keepers) if (worst === undefined || beside(keeper) >= beside(worst)) worst = keeper;
  return worst;
}
