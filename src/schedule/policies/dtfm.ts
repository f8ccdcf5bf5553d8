// DT-FM: the full pipeline on an assignment that keeps slow links out of the way: peers with slow links between them
// in different places, and within a pipeline neighbours that reach each other fast.
// Yuan et al., "Decentralized Training of Foundation Models in Heterogeneous Environments" (NeurIPS 2022, arXiv
// 2206.01288), section 3: cost = slowest exchange within a group + pipeline traffic between matched groups. The paper
// searches partitions with a genetic algorithm and local search; here it is local search alone, on the same cost
// with whole groups exchanged too, which replaces the paper's travelling-salesman step. The schedule is GPipe's.

import { generator, stream, streamIndices } from '../../random/index.ts';
import type { SwarmDescription } from '../description.ts';
import { exchangeSeconds } from '../exchange.ts';
import { transferSeconds } from '../execute/execution.ts';
import type { Path, PathNode } from '../plan.ts';
import { transport } from '../transport.ts';
import { type Assignment, assignmentOf, liveStages } from '../wiring.ts';
import { flushedPlan, gpipe } from './gpipe.ts';
import type { Policy } from './policy.ts';

/** Operations the search may spend: 0.1 to 0.5 s for 20 to 200 peers. */
const searchBudget = 300_000_000;
const mostMoves = 6_000;

export const dtfm: Policy = {
  name: 'dtfm',
  idea: 'the full pipeline, on an assignment and wiring that avoid slow links',
  choose: 'mixed links and no skipping allowed',
  source: 'Yuan et al., DT-FM (NeurIPS 2022), 3',
  // On equal links every assignment is as good as any other and the schedule is GPipe's.
  closedForms: gpipe.closedForms,
  plansFromTimes: true,
  plan(description, { seed }) {
    const first = assignmentOf(description);
    const assignment =
      description.assignment === undefined ? goodAssignment(description, first, seed) : first;
    return flushedPlan('dtfm', description, assignment, matchedPaths(description, assignment));
  },
};

/**
 * Paths through every stage with a replica, wired stage by stage so that no replica gets more than its equal share,
 * rounded up, and transfers take the least time in sum.
 */
export function matchedPaths(description: SwarmDescription, assignment: Assignment): Path[] {
  const stages = liveStages(assignment);
  const anchors = assignment[0]!;
  const count = description.microbatchesPerAnchor * anchors.length;
  const paths: PathNode[][] = Array.from({ length: count }, (_, microbatch) => [
    { stage: 0, chunk: 0, peer: anchors[microbatch % anchors.length]! },
  ]);
  let supply = anchors.map(() => description.microbatchesPerAnchor);
  for (let at = 1; at < stages.length; at++) {
    const from = assignment[stages[at - 1]!]!;
    const to = assignment[stages[at]!]!;
    const share = Math.ceil(count / to.length);
    const flow = transport(
      supply,
      to.map(() => share),
      hopCosts(description, from, to),
    );
    supply = to.map((_, receiver) => flow.reduce((sum, row) => sum + row[receiver]!, 0));
    for (const nodes of paths) {
      const row = flow[from.indexOf(nodes[nodes.length - 1]!.peer)]!;
      let best = 0;
      for (let next = 1; next < row.length; next++) if (row[next]! > row[best]!) best = next;
      row[best]!--;
      nodes.push({ stage: stages[at]!, chunk: 0, peer: to[best]! });
    }
  }
  return paths.map((nodes, microbatch) => ({ microbatch, nodes }));
}

/** There and back: the activation one way, its gradient the other. */
function hopCosts(description: SwarmDescription, from: readonly number[], to: readonly number[]): number[][] {
  const { links, activationBytes } = description;
  return from.map((a) =>
    to.map(
      (b) => transferSeconds(links, a, b, activationBytes) + transferSeconds(links, b, a, activationBytes),
    ),
  );
}

/** Mean cost of a hop when the two groups are wired at their best. */
function wiringCost(description: SwarmDescription, from: readonly number[], to: readonly number[]): number {
  if (from.length === 0 || to.length === 0) return 0;
  const costs = hopCosts(description, from, to);
  const supply = from.map(() => to.length);
  const flow = transport(
    supply,
    to.map(() => from.length),
    costs,
  );
  let sum = 0;
  flow.forEach((row, i) => {
    row.forEach((amount, j) => {
      sum += amount * costs[i]![j]!;
    });
  });
  return sum / (from.length * to.length);
}

/** Local search from the given groups: swaps two peers or two whole groups while that lowers the cost. */
function goodAssignment(description: SwarmDescription, first: Assignment, seed: number): Assignment {
  const stages = liveStages(first);
  const largest = Math.max(...first.map((group) => group.length));
  if (stages.length < 2) return first;
  const draw = generator(stream({ runSeed: seed, purpose: 'schedule', index: streamIndices.schedule.dtfm }));
  // A move costs up to four wirings, each about the cube of the group.
  const wiring = 16 * largest * largest * largest;
  const moves = Math.min(mostMoves, Math.floor(searchBudget / (4 * wiring + 1_000)));
  const groups = first.map((group) => [...group]);
  const hops = stages.map((stage, at) =>
    at === 0 ? 0 : wiringCost(description, groups[stages[at - 1]!]!, groups[stage]!),
  );
  const exchanges = stages.map((stage) => exchangeSeconds(description, groups[stage]!));
  const costOf = (hopCost: readonly number[], exchangeCosts: readonly number[]) =>
    hopCost.reduce((sum, cost) => sum + cost, 0) + Math.max(...exchangeCosts);
  let cost = costOf(hops, exchanges);

  for (let move = 0; move < moves; move++) {
    const a = draw.integerBelow(stages.length);
    const b = (a + 1 + draw.integerBelow(stages.length - 1)) % stages.length;
    const one = groups[stages[a]!]!;
    const other = groups[stages[b]!]!;
    const whole = one.length === other.length && draw.integerBelow(4) === 0;
    const i = draw.integerBelow(one.length);
    const j = draw.integerBelow(other.length);
    const swap = () => {
      if (whole) {
        const groupOfA = groups[stages[a]!]!;
        groups[stages[a]!] = groups[stages[b]!]!;
        groups[stages[b]!] = groupOfA;
      } else {
        const peer = one[i]!;
        one[i] = other[j]!;
        other[j] = peer;
      }
    };
    swap();
    const newHops = [...hops];
    for (const at of new Set([a, a + 1, b, b + 1])) {
      if (at < 1 || at >= stages.length) continue;
      newHops[at] = wiringCost(description, groups[stages[at - 1]!]!, groups[stages[at]!]!);
    }
    const newExchanges = [...exchanges];
    for (const at of [a, b]) newExchanges[at] = exchangeSeconds(description, groups[stages[at]!]!);
    const newCost = costOf(newHops, newExchanges);
    if (newCost < cost) {
      cost = newCost;
      hops.splice(0, hops.length, ...newHops);
      exchanges.splice(0, exchanges.length, ...newExchanges);
    } else {
      swap();
    }
  }
  return groups;
}
