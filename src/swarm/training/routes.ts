// Where the paths of a plan lead, looked up by micro-batch and by peer. It is the same for everyone who has the plan, so
// it is worked out once for each: in a simulation all peers of the process share one, and what a peer does about a plan
// does not grow with the swarm.

import type { Plan } from '../../schedule/plan.ts';
import type { PeerName } from '../../seams/network.ts';
import type { Hop } from './visits.ts';

export interface Passage {
  readonly microbatch: number;
  readonly hops: readonly Hop[];
  /** The peer's place on the path; the first where there are two. */
  readonly hop: number;
}

export interface Routes {
  /** Where each micro-batch starts. */
  readonly anchors: ReadonlyMap<number, PeerName>;
  /** How many hops each micro-batch has. */
  readonly pathLengths: ReadonlyMap<number, number>;
  /** Micro-batches that pass through each peer, in the order of the plan's paths. */
  readonly through: ReadonlyMap<PeerName, readonly Passage[]>;
}

const known = new WeakMap<Plan, Routes>();

/** The routes of a plan, which is not changed any more. */
export function routesOf(plan: Plan): Routes {
  let routes = known.get(plan);
  if (routes === undefined) {
    routes = routesIn(plan);
    known.set(plan, routes);
  }
  return routes;
}

function routesIn(plan: Plan): Routes {
  const anchors = new Map<number, PeerName>();
  const pathLengths = new Map<number, number>();
  const through = new Map<PeerName, Passage[]>();
  for (const { microbatch, nodes } of plan.paths) {
    const hops = nodes.map(({ stage, peer }) => ({ stage, peer: plan.peers[peer]! }));
    anchors.set(microbatch, hops[0]!.peer);
    pathLengths.set(microbatch, hops.length);
    for (const [hop, { peer }] of hops.entries()) {
      if (hops.findIndex((step) => step.peer === peer) < hop) continue;
      const passages = through.get(peer) ?? [];
      through.set(peer, passages);
      passages.push({ microbatch, hops, hop });
    }
  }
  return { anchors, pathLengths, through };
}
