// Who holds which stage, as SkipPipe's scheduler decides it (arXiv 2502.19913, on assignment; after DT-FM, arXiv
// 2206.01288): a genetic search over partitions of the peers into groups of given sizes, with five-point crossover and
// cyclic partitioning as the local search (Kang and Moon, "A hybrid genetic algorithm for multiway graph
// partitioning", 2000). A partition costs the worst transfer inside a group, for the exchange of gradients, and the
// cheapest order of its groups, where two groups are as far apart as the best matching of their peers.

import { type Generator, generator, stream, streamIndices } from '../../../random/index.ts';
import type { Instance } from '../instance.ts';
import type { Assignment } from '../../wiring.ts';
import { matchingCost, shortestOrder } from './matching.ts';

export interface GeneticOptions {
  readonly seed: number;
  /** Children that are tried after the first population. */
  readonly trials: number;
}

interface Individual {
  /** Per peer of the pool, its group; group 0 holds stage 0. */
  readonly groupOf: readonly number[];
  readonly cost: number;
}

const mostPopulation = 200;
const crossoverPoints = 5;
/** Cycles of moves in one local search. */
const mostCycles = 4;
/** Beyond so many peers a matching takes too long to be asked thousands of times; the assignment stays as it is. */
const mostPeers = 64;

/** assignment[stage] = peers, ascending; sizes are the instance's. */
export function geneticAssignment(instance: Instance, { seed, trials }: GeneticOptions): Assignment {
  const { live, sizes, stages } = instance;
  const pool = instance.assignment.flat().sort((a, b) => a - b);
  if (live.length < 2 || pool.length > mostPeers) return instance.assignment;
  const groupSizes = live.map((stage) => sizes[stage]!);
  const draw = generator(
    stream({ runSeed: seed, purpose: 'schedule', index: streamIndices.schedule.genetic }),
  );
  const away = distances(instance, pool);
  const costOf = createCost(away, groupSizes);
  const individual = (groupOf: number[]): Individual => {
    const improved = cyclicPartitioning(groupOf, away, groupSizes.length, costOf, draw);
    return { groupOf: improved, cost: costOf(improved).total };
  };
  const population = Array.from({ length: Math.max(2, Math.min(mostPopulation, trials)) }, () =>
    individual(draw.shuffle(groupSizes.flatMap((size, group) => new Array<number>(size).fill(group)))),
  );
  for (let trial = 0; trial < trials; trial++) {
    const mother = draw.integerBelow(population.length);
    const father = (mother + 1 + draw.integerBelow(population.length - 1)) % population.length;
    const crossed = crossover(population[mother]!.groupOf, population[father]!.groupOf, groupSizes, draw);
    const child = individual(crossed);
    const weaker = population[mother]!.cost > population[father]!.cost ? mother : father;
    const worst = population.reduce((at, { cost }, index) => (cost > population[at]!.cost ? index : at), 0);
    // A child takes its weaker parent's place, so that the population stays mixed, or else the worst one's.
    if (child.cost < population[weaker]!.cost) population[weaker] = child;
    else if (child.cost < population[worst]!.cost) population[worst] = child;
  }
  const best = population.reduce((least, next) => (next.cost < least.cost ? next : least));
  const order = costOf(best.groupOf).order;
  const assignment: number[][] = Array.from({ length: stages }, () => []);
  // The order of groups is along the stages; only groups of one size can stand for each other's stage, and the sizes
  // asked for are kept: a stage takes the next group on the way that has its size.
  const left = [...order];
  for (const stage of live) {
    const [group] = left.splice(
      left.findIndex((at) => groupSizes[at] === sizes[stage]),
      1,
    );
    pool.forEach((peer, at) => {
      if (best.groupOf[at] === group) assignment[stage]!.push(peer);
    });
  }
  return assignment;
}

/** The cost of the published score for an assignment, in microseconds. */
export function assignmentCost(instance: Instance, assignment: Assignment): number {
  const groups = instance.live.map((stage) => assignment[stage]!);
  const pool = groups.flat();
  const cost = createCost(
    distances(instance, pool),
    groups.map((group) => group.length),
  );
  return cost(groups.flatMap((group, at) => group.map(() => at))).total;
}

/** [from][to] of the pool: a transfer, as the mean of both ways, microseconds. */
function distances(
  { roundTrip, place, placeCount }: Instance,
  pool: readonly number[],
): readonly Float64Array[] {
  return pool.map((from) =>
    Float64Array.from(pool, (to) => roundTrip[place[from]! * placeCount + place[to]!]! / 2),
  );
}

type Cost = (groupOf: readonly number[]) => { readonly total: number; readonly order: readonly number[] };

function createCost(away: readonly Float64Array[], groupSizes: readonly number[]): Cost {
  const count = groupSizes.length;
  return (groupOf) => {
    const groups: number[][] = groupSizes.map(() => []);
    for (const [at, group] of groupOf.entries()) groups[group]!.push(at);
    let exchange = 0;
    for (const group of groups) {
      for (const a of group) for (const b of group) exchange = Math.max(exchange, away[a]![b]!);
    }
    const between = groups.map(() => new Float64Array(count));
    for (let a = 0; a < count; a++) {
      for (let b = a + 1; b < count; b++) {
        const [few, many] =
          groups[a]!.length <= groups[b]!.length ? [groups[a]!, groups[b]!] : [groups[b]!, groups[a]!];
        const cost = matchingCost(few, many, (from, to) => away[from]![to]!);
        between[a]![b] = cost;
        between[b]![a] = cost;
      }
    }
    const { length, order } = shortestOrder(between);
    return { total: exchange + length, order };
  };
}

/**
 * Both parents' groups, cut at five points and taken in turns; before it the father's groups are renamed after the
 * mother's that they share most with. Groups that come out too large give peers, drawn at random, to those too small.
 */
function crossover(
  mother: readonly number[],
  father: readonly number[],
  groupSizes: readonly number[],
  draw: Generator,
): number[] {
  const renamed = renamedAfter(mother, father, groupSizes);
  const cuts = Array.from({ length: crossoverPoints }, () => draw.integerBelow(mother.length));
  const child = mother.map((group, at) => {
    const passed = cuts.filter((cut) => cut <= at).length;
    return passed % 2 === 0 ? group : renamed[at]!;
  });
  const room = [...groupSizes];
  for (const group of child) room[group]!--;
  for (const at of draw.shuffle(child.map((_, index) => index))) {
    if (room[child[at]!]! >= 0) continue;
    const to = draw.shuffle(room.flatMap((left, group) => (left > 0 ? [group] : [])))[0]!;
    room[child[at]!]!++;
    room[to]!--;
    child[at] = to;
  }
  return child;
}

/** Group 0 stays; the others take, the closest pair first, the name of the group of their size they share most with. */
function renamedAfter(
  mother: readonly number[],
  father: readonly number[],
  groupSizes: readonly number[],
): number[] {
  const pairs: { readonly from: number; readonly to: number; readonly shared: number }[] = [];
  for (let from = 1; from < groupSizes.length; from++) {
    for (let to = 1; to < groupSizes.length; to++) {
      if (groupSizes[from] !== groupSizes[to]) continue;
      const shared = father.filter((group, at) => group === from && mother[at] === to).length;
      pairs.push({ from, to, shared });
    }
  }
  pairs.sort((a, b) => b.shared - a.shared || a.from - b.from || a.to - b.to);
  const names = new Map([[0, 0]]);
  const taken = new Set([0]);
  for (const { from, to } of pairs) {
    if (names.has(from) || taken.has(to)) continue;
    names.set(from, to);
    taken.add(to);
  }
  return father.map((group) => names.get(group)!);
}

/**
 * Moves one peer after the other around a random cycle of groups, each time the one that gains most, until the last
 * move closes the cycle and sizes are as before; keeps the result if it costs less.
 */
function cyclicPartitioning(
  start: readonly number[],
  away: readonly Float64Array[],
  groupCount: number,
  costOf: Cost,
  draw: Generator,
): number[] {
  let best = [...start];
  let bestCost = costOf(best).total;
  for (let cycle = 0; cycle < mostCycles; cycle++) {
    const groupOf = [...best];
    const groups = draw.shuffle(Array.from({ length: groupCount }, (_, group) => group));
    const length = 2 + draw.integerBelow(groupCount - 1);
    const moved = new Set<number>();
    for (let at = 0; at < length; at++) {
      const from = groups[at]!;
      const to = groups[(at + 1) % length]!;
      let chosen = -1;
      let most = Number.NEGATIVE_INFINITY;
      groupOf.forEach((group, peer) => {
        if (group !== from || moved.has(peer)) return;
        const gain = farthest(peer, from, groupOf, away) - farthest(peer, to, groupOf, away);
        if (gain > most) {
          most = gain;
          chosen = peer;
        }
      });
      if (chosen < 0) break;
      moved.add(chosen);
      groupOf[chosen] = to;
    }
    if (moved.size < length) continue;
    const { total } = costOf(groupOf);
    if (total >= bestCost) continue;
    best = groupOf;
    bestCost = total;
  }
  return best;
}

/** The farthest of a group's peers. */
function farthest(
  peer: number,
  group: number,
  groupOf: readonly number[],
  away: readonly Float64Array[],
): number {
  let most = 0;
  for (let other = 0; other < groupOf.length; other++) {
    if (groupOf[other] === group && away[peer]![other]! > most) most = away[peer]![other]!;
  }
  return most;
}
