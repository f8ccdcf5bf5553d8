// What all visits of an iteration cost at most, each peer's visits having a price: the stages' loads are equal up to
// one visit, and no peer has more than its share of its stage's.

import type { Load, Problem, Seat } from './tours.ts';

/** The most that all visits together can cost; where prices are negative, what must be visited counts. */
export function allVisits(problem: Problem, prices: Float64Array): number {
  return problem.stages.length > 0 ? knownSeats(problem, prices) : openSeats(problem, prices);
}

function knownSeats({ stages, more }: Problem, prices: Float64Array): number {
  let sum = 0;
  const gains = stages.map(({ peers, load, oneMore }) => {
    const costs = peers.map((peer) => prices[peer]!).sort((a, b) => b - a);
    const usual = dealt(costs, load);
    sum += usual;
    return dealt(costs, oneMore) - usual;
  });
  // Nobody knows which stages have one visit more: those may where that costs most.
  gains.sort((a, b) => b - a);
  for (const gain of gains.slice(0, more)) sum += gain;
  return sum;
}

/** What the visits of a stage cost at most: every peer has what it must have, the dearest have the others. */
function dealt(costs: readonly number[], { visits, most, least }: Load): number {
  let left = visits - costs.length * least;
  let sum = 0;
  for (const cost of costs) {
    const further = Math.min(left, most - least);
    left -= further;
    sum += cost * (least + further);
  }
  return sum;
}

function openSeats({ visits, better }: Problem, prices: Float64Array): number {
  const of = (peer: number, { most, least }: Seat) =>
    Math.max(0, prices[peer]!) * most + Math.min(0, prices[peer]!) * least;
  let sum = 0;
  for (const seat of visits) sum += of(seat.peer, seat);
  for (const kind of better) {
    // Nobody knows who has the better seats: those may whose visits cost most.
    const costs = visits.map(({ peer }) => Math.max(0, of(peer, kind)));
    costs.sort((a, b) => b - a);
    for (const cost of costs.slice(0, kind.peers)) sum += cost;
  }
  return sum;
}
