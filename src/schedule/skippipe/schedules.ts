// The schedules bound: the least time T in which all anchors together could be done, where each follows a schedule of
// its own that anchor-schedules.ts allows, and the peers have as many visits as the shares say. Schedules may be mixed:
// an anchor follows one by half and another one by half. Unlike in the slots program (slots.ts) a mean is not enough:
// every single schedule has to be done by T.
//
// That T is too little is shown by prices of visits. Whatever schedules the anchors follow, what their visits cost at
// these prices is at least what the cheapest schedules cost; and no more than what the visits cost that peers may have.
// Where the former is more, there is no plan within T, whatever the prices are and wherever they come from: here from a
// linear program over the schedules found so far, to which the cheapest ones at its prices are added (column
// generation; Dantzig and Wolfe, Operations Research 8, 1960). T is found by halving.
//
// With free assignment this is done for sets of anchors, and the least over all sets is the bound; most sets are
// dismissed by prices found for others.

import { type AnchorSchedule, type Cheapest, cheapestSchedule } from './anchor-schedules.ts';
import { thereAndBack } from './round-trips.ts';
import { equalLoadsPossible, type Instance } from './instance.ts';
import { microsecondsPerSecond } from './microseconds.ts';
import { type Column, dualPrices } from './simplex.ts';
import { fixedProblem, freeProblems, type Problem, type Seat } from './tours.ts';
import { allVisits } from './visit-prices.ts';

const mostRounds = 200;
const mostPivots = 3_000;
/** Sums of prices are of the size of one: what is less above zero may be rounding. */
const margin = 1e-6;
/** The first time tried is so many times the bound that is known already. */
const growth = 1.1;
/** Halving ends here, as a part of T. */
const precision = 2e-4;
/** Of prices found for other sets of anchors, so many are kept. */
const mostKnown = 100;
/** After so many sets with prices of their own the bound counts as too costly. */
const mostSetsPriced = 1_000;

/** Seconds, at least `atLeast`, which is proven already; undefined where the instance is too large. */
export function schedulesBound(instance: Instance, atLeast: number): number | undefined {
  if (instance.microbatches === 0 || instance.pathLength < 2 || !equalLoadsPossible(instance))
    return undefined;
  const schedules = Array.from({ length: instance.peerCount }, (_, peer) => cheapestSchedule(instance, peer));
  const anchors = instance.free ? instance.assignment.flat() : instance.assignment[0]!;
  if (anchors.some((anchor) => schedules[anchor] === undefined)) return undefined;
  const cheapest = (anchor: number) => schedules[anchor]!;
  const from = Math.max(1, Math.floor(atLeast * microsecondsPerSecond));
  const bound = instance.free ? freeBound(instance, cheapest, from) : fixedBound(instance, cheapest, from);
  if (bound === undefined) return undefined;
  // Where halving begins, at a microsecond at least, need not be proven.
  return bound > from ? Math.max(atLeast, bound / microsecondsPerSecond) : atLeast;
}

function fixedBound(
  instance: Instance,
  cheapest: (anchor: number) => Cheapest,
  from: number,
): number | undefined {
  const problem = fixedProblem(instance);
  return problem && halved(instance, problem, cheapest, from).time;
}

function freeBound(
  instance: Instance,
  cheapest: (anchor: number) => Cheapest,
  from: number,
): number | undefined {
  const problems = freeProblems(instance);
  if (problems === undefined) return undefined;
  const { problemOf, ranked } = problems;
  let least = Number.POSITIVE_INFINITY;
  let known: KnownPrices[] = [];
  let priced = 0;
  for (const { anchors, twoTrips } of ranked) {
    if (twoTrips >= least || least <= from) break;
    const problem = problemOf(anchors);
    const worths = known.map((prices) => worth(problem, prices));
    if (worths.some((value) => value > margin)) continue;
    if (++priced > mostSetsPriced) return undefined;
    const nearest = known[worths.indexOf(Math.max(...worths))]?.prices;
    let prices: Float64Array | undefined;
    if (least < Number.POSITIVE_INFINITY) prices = tooLittle(instance, problem, cheapest, least, nearest);
    if (prices === undefined) {
      const halves = halved(instance, problem, cheapest, from, least);
      least = halves.time;
      prices = halves.prices;
    }
    if (prices !== undefined) {
      known = [knownPrices(instance, problem, problemOf, cheapest, prices, least), ...known].slice(
        0,
        mostKnown,
      );
    }
  }
  return least;
}

/** Prices that were found for a set of anchors, for use with others. */
interface KnownPrices {
  /** Per peer, what a visit costs. */
  readonly prices: Float64Array;
  /** What the cheapest schedule of an anchor costs, through any others. */
  readonly schedule: (anchor: number) => number;
}

function knownPrices(
  instance: Instance,
  { anchors, visits }: Problem,
  problemOf: (anchors: readonly number[]) => Problem,
  cheapest: (anchor: number) => Cheapest,
  found: Float64Array,
  until: number,
): KnownPrices {
  // Anchors are not visited and have no price: where they are none, they are priced like their neighbour.
  const prices = found.slice();
  for (const anchor of anchors) {
    const away = (peer: number) => thereAndBack(instance, anchor, peer);
    const neighbour = visits.reduce((near, next) => (away(next.peer) < away(near.peer) ? next : near));
    prices[anchor] = found[neighbour.peer]!;
  }
  const known = new Map<number, number>();
  return {
    prices,
    schedule(anchor) {
      let price = known.get(anchor);
      if (price === undefined) {
        const [tours] = problemOf([anchor]).tours;
        price = cheapest(anchor)(tours!, prices, until)?.price ?? Number.POSITIVE_INFINITY;
        known.set(anchor, price);
      }
      return price;
    },
  };
}

/** By how much the cheapest schedules cost more than all visits that peers may have, at least. */
function worth(problem: Problem, { prices, schedule }: KnownPrices): number {
  let sum = -allVisits(problem, prices);
  for (const anchor of problem.anchors) sum += schedule(anchor);
  return sum;
}

interface Halved {
  /** Microseconds that are proven too little, or where it began. */
  readonly time: number;
  readonly prices: Float64Array | undefined;
}

/** The most time that is shown to be too little, between one that is and, if it is given, one that is not. */
function halved(
  instance: Instance,
  problem: Problem,
  cheapest: (anchor: number) => Cheapest,
  from: number,
  to = Number.POSITIVE_INFINITY,
): Halved {
  let low = from;
  let high = to;
  let prices: Float64Array | undefined;
  while (high - low > Math.max(1, precision * low)) {
    const middle = Math.ceil(high < Number.POSITIVE_INFINITY ? (low + high) / 2 : low * growth);
    const shown = tooLittle(instance, problem, cheapest, middle, prices);
    if (shown === undefined) high = middle;
    else {
      low = middle;
      prices = shown;
    }
  }
  return { time: low, prices };
}

/** Prices which show that no schedules end by `until`, if they are found; those given are tried first. */
function tooLittle(
  instance: Instance,
  problem: Problem,
  cheapest: (anchor: number) => Cheapest,
  until: number,
  given?: Float64Array,
): Float64Array | undefined {
  const { anchors, tours } = problem;
  let prices = given ?? new Float64Array(instance.peerCount);
  const found: Scheduled[] = [];
  for (let round = 0; round < mostRounds; round++) {
    let sum = -allVisits(problem, prices);
    for (const [a, anchor] of anchors.entries()) {
      const schedule = cheapest(anchor)(tours[a]!, prices, until);
      if (schedule === undefined) return prices;
      sum += schedule.price;
      found.push({ a, ...schedule });
    }
    if (sum > margin) return prices;
    const next = pricesOf(instance, problem, found);
    if (next === undefined) return undefined;
    prices = next;
  }
  return undefined;
}

interface Scheduled extends AnchorSchedule {
  /** Which of the anchors. */
  readonly a: number;
}

/**
 * Minimise the visits that are too many or too few when every anchor follows the schedules found so far; the prices of
 * visits, or undefined where none are.
 */
function pricesOf(
  instance: Instance,
  { anchors, visits, better, stages, more }: Problem,
  found: readonly Scheduled[],
): Float64Array | undefined {
  const kinds = anchors.length;
  const stageRows = kinds + better.length;
  const ahead = stageRows + (stages.length > 0 ? stages.length + 1 : 0);
  /** What limits visits from above; the row after it limits them from below. */
  const limits: Seat[] = stages.length > 0 ? [] : [...visits];
  const rowsOf: number[][] = Array.from({ length: instance.peerCount }, () => []);
  const columns: Column[] = better.map((_, kind) => ({ cost: 0, rows: [kinds + kind], values: [1] }));
  stages.forEach(({ peers, load, oneMore }, at) => {
    // One visit more by a part of one, at most one; by how many stages all together is known.
    const rows = [stageRows + at, ahead - 1];
    const values = [1, 1];
    const limit = (few: Seat, many: Seat, of: readonly number[]): void => {
      const row = ahead + 2 * limits.length;
      limits.push(few);
      for (const peer of of) rowsOf[peer]!.push(row);
      rows.push(row, row + 1);
      values.push(few.most - many.most, few.least - many.least);
    };
    for (const peer of peers) limit(load, oneMore, [peer]);
    const exactly = (visits: number) => ({ most: visits, least: visits });
    limit(exactly(load.visits), exactly(oneMore.visits), peers);
    columns.push({ cost: 0, rows, values }, { cost: 0, rows: [stageRows + at], values: [1] });
  });
  if (stages.length === 0) {
    visits.forEach(({ peer }, at) => {
      rowsOf[peer]!.push(ahead + 2 * at);
    });
  }
  limits.forEach((_, at) => {
    const row = ahead + 2 * at;
    columns.push(
      { cost: 0, rows: [row], values: [1] },
      { cost: 1, rows: [row], values: [-1] },
      { cost: 0, rows: [row + 1], values: [-1] },
      { cost: 1, rows: [row + 1], values: [1] },
    );
  });
  for (const { peer } of visits) {
    const row = rowsOf[peer]![0]!;
    better.forEach(({ most, least }, kind) => {
      columns.push({ cost: 0, rows: [kinds + kind, row, row + 1], values: [1, -most, -least] });
    });
  }
  for (const { a, tours } of found) {
    const counts = new Map<number, number>();
    for (const peer of tours.flatMap(({ peers }) => peers)) {
      for (const row of rowsOf[peer]!) counts.set(row, (counts.get(row) ?? 0) + 1);
    }
    const visited = [...counts];
    columns.push({
      cost: 0,
      rows: [a, ...visited.flatMap(([row]) => [row, row + 1])],
      values: [1, ...visited.flatMap(([, count]) => [count, count])],
    });
  }
  const rhs = [
    ...anchors.map(() => 1),
    ...better.map(({ peers }) => peers),
    ...(stages.length > 0 ? [...stages.map(() => 1), more] : []),
    ...limits.flatMap(({ most, least }) => [most, least]),
  ];
  const dual = dualPrices(columns, rhs, mostPivots);
  const wrong = rhs.reduce((sum, amount, row) => sum + amount * dual[row]!, 0);
  if (wrong <= margin) return undefined;
  const prices = new Float64Array(instance.peerCount);
  for (const { peer } of visits) {
    for (const row of rowsOf[peer]!) prices[peer]! -= dual[row]! + dual[row + 1]!;
  }
  return prices;
}
