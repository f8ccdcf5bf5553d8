// GWTF, "Go With The Flow": every micro-batch goes through all stages, and the flows together cost least.
// arXiv 2509.21221, section on routing: the cost of a hop is half the compute at both ends, the mean latency of both ways
// and the bytes over their mean bandwidth; a data peer is source and sink of its flows; a relay takes at most as many
// flows as it has room for. The paper approaches the minimum-cost flow by messages between neighbours; here each
// anchor's flow is of least cost (successive shortest paths) in the room that the anchors before it left, so all flows
// together may cost more than the least. A relay's room is its memory's, capped at twice its equal share. First come,
// first served at the peers.

import type { SwarmDescription } from '../description.ts';
import { narrowestBytesPerSecond } from '../execute/execution.ts';
import { minimumCostFlow } from '../flow.ts';
import type { Path } from '../plan.ts';
import { recordPlan } from '../record.ts';
import { type Assignment, assignmentOf, liveStages } from '../wiring.ts';
import type { Policy } from './policy.ts';
import { firstComeFirstServed } from './swarm.ts';

export const gwtf: Policy = {
  name: 'gwtf',
  idea: 'the full pipeline over a minimum-cost flow from the anchors through all stages and back',
  choose: 'mixed links, no skipping allowed and peers that come and go',
  source: 'Go With The Flow (arXiv 2509.21221), minimum-cost flow',
  closedForms: [],
  plansFromTimes: true,
  plan(description) {
    const assignment = assignmentOf(description);
    return recordPlan(description, {
      policy: 'gwtf',
      assignment,
      paths: flowPaths(description, assignment),
      splitBackward: description.splitBackward,
      chunks: 1,
      priority: firstComeFirstServed,
    });
  },
};

/** GWTF's d(i, j): mean compute of both ends, mean latency of both ways, and the bytes over their mean bandwidth. */
function hopCost(
  description: SwarmDescription,
  from: number,
  fromStage: number,
  to: number,
  toStage: number,
): number {
  const { peers, links, activationBytes } = description;
  const compute = (peer: number, stage: number) =>
    peers[peer]!.forwardSeconds[stage]! +
    peers[peer]!.backwardInputSeconds[stage]! +
    peers[peer]!.backwardWeightSeconds[stage]!;
  const computing = (compute(from, fromStage) + compute(to, toStage)) / 2;
  if (from === to) return computing;
  const latency = (links.latencySeconds[from]![to]! + links.latencySeconds[to]![from]!) / 2;
  const bandwidth = narrowestBytesPerSecond(links, from, to) + narrowestBytesPerSecond(links, to, from);
  return computing + latency + (activationBytes === 0 ? 0 : (2 * activationBytes) / bandwidth);
}

/**
 * One minimum-cost flow per anchor after another (a data peer is its own source and sink, and no flow may end at
 * another's), wave by wave; a relay has its memory's room in each wave, at least its equal share and at most two.
 */
function flowPaths(description: SwarmDescription, assignment: Assignment): Path[] {
  const stages = liveStages(assignment);
  const anchors = assignment[0]!;
  const { microbatchesPerAnchor, peers } = description;
  const room = (peer: number) => Math.max(1, Math.floor(peers[peer]!.memoryMicrobatches + 1e-9));
  const perWave = Math.min(microbatchesPerAnchor, ...anchors.map(room));
  const paths: Path[] = [];
  for (let done = 0; done < microbatchesPerAnchor; done += perWave) {
    const each = Math.min(perWave, microbatchesPerAnchor - done);
    /** Per stage after stage 0: what its peers still take in this wave. */
    const capacity: Map<number, number>[] = [];
    for (const stage of stages.slice(1)) {
      const group = assignment[stage]!;
      const share = Math.ceil((each * anchors.length) / group.length);
      capacity.push(new Map(group.map((peer) => [peer, Math.max(share, Math.min(share * 2, room(peer)))])));
    }
    anchors.forEach((anchor, which) => {
      const layers = stages.slice(1).map((stage) => assignment[stage]!);
      const routes = minimumCostFlow({
        layers,
        amount: each,
        capacity: (peer, layer) => capacity[layer]!.get(peer)!,
        cost: (layer, from, to) =>
          layer === 0
            ? hopCost(description, anchor, 0, to, stages[1]!)
            : layer === layers.length
              ? hopCost(description, from, stages[layer]!, anchor, 0)
              : hopCost(description, from, stages[layer]!, to, stages[layer + 1]!),
      });
      routes.forEach((route, at) => {
        for (const [layer, peer] of route.entries())
          capacity[layer]!.set(peer, capacity[layer]!.get(peer)! - 1);
        paths.push({
          microbatch: (done + at) * anchors.length + which,
          nodes: [
            { stage: 0, chunk: 0, peer: anchor },
            ...route.map((peer, layer) => ({ stage: stages[layer + 1]!, chunk: 0, peer })),
          ],
        });
      });
    });
  }
  return paths.sort((a, b) => a.microbatch - b.microbatch);
}
