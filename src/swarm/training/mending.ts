// Where a micro-batch goes on whose path broke: planned anew for it alone, from where it stands, with the times and the
// rules that the iteration was planned with. First along the stages of its path with other replicas, because whoever
// comes later may have computed it already; then over any stages that the rules allow.

import type { SwarmDescription } from '../../schedule/description.ts';
import { DescriptionError, PlanError } from '../../schedule/errors.ts';
import type { Plan } from '../../schedule/plan.ts';
import { instanceOf } from '../../schedule/skippipe/instance.ts';
import { type BrokenPath, replanPath } from '../../schedule/skippipe/replan.ts';
import type { PeerName } from '../../seams/network.ts';
import type { Hop } from './visits.ts';

export interface BrokenVisit {
  readonly microbatch: number;
  /** As far as known here. */
  readonly path: readonly Hop[];
  /** Hops whose forward is done; from 1 on. */
  readonly done: number;
  readonly isGone: (peer: PeerName) => boolean;
  /** Peers that have no room for it. */
  readonly full: ReadonlySet<PeerName>;
  /** Visits that the path may still leave out. */
  readonly skips: number;
}

/** The whole path that brings a micro-batch back soonest; undefined where there is none. */
export type Mender = (broken: BrokenVisit) => readonly Hop[] | undefined;

/** @param describe the swarm with the plan's groups, asked for when the first path breaks */
export function createMender(plan: Plan, describe: () => SwarmDescription): Mender {
  let world: { readonly swarm: SwarmDescription; readonly largestJump: number } | undefined;
  return (broken) => {
    try {
      if (world === undefined) {
        const swarm = describe();
        world = { swarm, largestJump: instanceOf(swarm).largestJump };
      }
      return mend(plan, world.swarm, world.largestJump, broken);
    } catch (error) {
      if (error instanceof DescriptionError || error instanceof PlanError) return undefined;
      throw error;
    }
  };
}

function mend(
  plan: Plan,
  swarm: SwarmDescription,
  largestJump: number,
  { microbatch, path, done, isGone, full, skips }: BrokenVisit,
): readonly Hop[] | undefined {
  const names = swarm.peers.map(({ name }) => name);
  const indexOf = new Map(names.map((name, index) => [name, index]));
  const nodes = path.map(({ stage, peer }) => ({ stage, chunk: 0, peer: indexOf.get(peer) ?? -1 }));
  if (nodes.some(({ peer }) => peer < 0)) return undefined;
  const known = { ...plan, peers: names, assignment: swarm.assignment!, paths: [{ microbatch, nodes }] };
  const rules = { pathLength: path.length, swapBudget: swarm.swapBudget, largestJump };
  const broken: BrokenPath = {
    microbatch,
    done,
    gone: new Set(names.flatMap((name, index) => (isGone(name) ? [index] : []))),
    room: names.map((name) => (full.has(name) ? 0 : 1)),
    backlogSeconds: names.map(() => 0),
    skips: 0,
  };
  // A stage of the path whose peer lives stays with that peer: it may have computed it, and must not be counted twice.
  const holder = new Map(nodes.map(({ stage, peer }) => [stage, peer]));
  const keepsHolders: BrokenPath['only'] = (_, stage, peer) => {
    const planned = holder.get(stage);
    return planned === undefined || planned === peer || broken.gone.has(planned);
  };
  const alongPath: BrokenPath['only'] = (visit, stage, peer) =>
    stage === nodes[visit]!.stage && keepsHolders(visit, stage, peer);
  const found =
    replanPath(known, swarm, rules, { ...broken, only: alongPath }) ??
    replanPath(known, swarm, rules, { ...broken, only: keepsHolders, skips });
  return found?.nodes.map(({ stage, peer }) => ({ stage, peer: names[peer]! }));
}
