// The cheapest round trips that one anchor can make within a given time, each visit having its price: the part of the
// schedules bound (schedules.ts) that is solved for each anchor apart. Other peers are free whenever somebody comes.
//
// An anchor with room for w micro-batches has w places, and each place is taken by one after the other: a micro-batch
// takes one that was never taken if there is one, so the first on each place are the first w to start. What is asked of
// the trips holds for every order in which an anchor can work; F, B with the pause after each:
//  - the first starts are F apart: the i-th place is taken at i F or later (i = 0, 1, …);
//  - the last ends are B apart: in some order the places are empty at T, T - B, T - 2 B, …;
//  - with e the first end of all, number w + k to start (k = 1, 2, …) does so at e + (k - 1)(F + B) or later: k have ended
//    by then, and since e the anchor has run the k - 1 others' ends and the k - 1 starts before. So in some order the
//    second starts on the places are no earlier than e, e + (F + B), e + 2 (F + B), …;
//  - on each place the trips follow each other.
// Two trips for equal trips, and the mean over the places of slots.ts, both follow from these.

import { permutations } from './combinations.ts';
import type { Instance } from './instance.ts';
import type { Tour } from './tours.ts';

/** Beyond these there are too many ways to share out trips among places. */
const mostPlaces = 3;
const mostTrips = 12;

export interface AnchorSchedule {
  readonly price: number;
  readonly tours: readonly Tour[];
}

/** Trips of which none is both longer and dearer than another one. */
interface Trips {
  readonly length: number;
  readonly price: number;
  readonly tours: readonly Tour[];
}

/** Finds the cheapest tours (in sum, by prices of visits) with which an anchor can be done by `until` microseconds. */
export type Cheapest = (
  tours: readonly Tour[],
  prices: Float64Array,
  until: number,
) => AnchorSchedule | undefined;

/** Undefined where the anchor has too many places or trips. */
export function cheapestSchedule(instance: Instance, anchor: number): Cheapest | undefined {
  const { perAnchor, stages, forward, backward, weight, gap, memory, splitBackward } = instance;
  const at = anchor * stages;
  const places = Math.min(memory[anchor]!, perAnchor);
  if (places > mostPlaces || perAnchor > mostTrips) return undefined;
  const first = forward[at]! + gap[anchor]!;
  const last = (splitBackward ? weight[at]! : backward[at]!) + gap[anchor]!;
  const each = first + last;
  const shares = compositions(perAnchor, places);
  const orders = permutations(places);
  const most = perAnchor - places + 1;

  const size = places * (most + 1) * places * places;
  const known = new Float64Array(size);

  return (tours, prices, until) => {
    const single = staircase(tours, prices);
    if (single.length === 0) return undefined;
    /** By how many: that many trips one after the other. */
    const inSum: Trips[][] = [[{ length: 0, price: 0, tours: [] }], single];
    for (let count = 2; count <= most; count++) inSum.push(sums(inSum[count - 1]!, single, until));
    const possible = shares.filter((share) => share.every((count) => inSum[count]!.length > 0));

    /** What place p is used for at least price, when its second start is of this rank and its last end of that one. */
    function onPlace({ earliest, trip }: FirstEnd, p: number, count: number, rank: number, ending: number) {
      const end = until - ending * last;
      const restart = earliest * first + trip.length + rank * each;
      let price = Number.POSITIVE_INFINITY;
      let used: readonly Trips[] = [];
      for (const before of p === earliest ? [trip] : single) {
        const ended = p * first + before.length;
        if (ended > end) break;
        const after =
          count === 1 ? inSum[0]![0]! : cheapestWithin(inSum[count - 1]!, end - Math.max(ended, restart));
        if (after === undefined) break;
        if (before.price + after.price >= price) continue;
        price = before.price + after.price;
        used = [before, after];
      }
      return { price, used };
    }

    let least = Number.POSITIVE_INFINITY;
    let tell: (() => Tour[]) | undefined;
    for (let earliest = 0; earliest < places; earliest++) {
      for (const trip of single) {
        const firstEnd = { earliest, trip };
        known.fill(Number.NaN);
        for (const share of possible) {
          for (const ranks of orders) {
            for (const endings of orders) {
              let price = 0;
              for (let p = 0; p < places && price < Number.POSITIVE_INFINITY; p++) {
                const key = ((p * (most + 1) + share[p]!) * places + ranks[p]!) * places + endings[p]!;
                if (Number.isNaN(known[key]!)) {
                  known[key] = onPlace(firstEnd, p, share[p]!, ranks[p]!, endings[p]!).price;
                }
                price += known[key]!;
              }
              if (price >= least) continue;
              least = price;
              tell = () =>
                share.flatMap((count, p) =>
                  onPlace(firstEnd, p, count, ranks[p]!, endings[p]!).used.flatMap((trips) => trips.tours),
                );
            }
          }
        }
      }
    }
    return tell && { price: least, tours: tell() };
  };
}

/** The place where a micro-batch ends first of all, and that one's trip. */
interface FirstEnd {
  readonly earliest: number;
  readonly trip: Trips;
}

/** Of tours in ascending order of length those that are cheaper than all before. */
function staircase(tours: readonly Tour[], prices: Float64Array): Trips[] {
  const steps: Trips[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (const tour of tours) {
    let price = 0;
    for (const peer of tour.peers) price += prices[peer]!;
    if (price >= least) continue;
    least = price;
    steps.push({ length: tour.length, price, tours: [tour] });
  }
  return steps;
}

/** One of each, within a length. */
function sums(some: readonly Trips[], single: readonly Trips[], within: number): Trips[] {
  const all: Trips[] = [];
  for (const a of some) {
    for (const b of single) {
      const length = a.length + b.length;
      if (length > within) break;
      all.push({ length, price: a.price + b.price, tours: [...a.tours, ...b.tours] });
    }
  }
  all.sort((a, b) => a.length - b.length || a.price - b.price);
  let least = Number.POSITIVE_INFINITY;
  return all.filter(({ price }) => {
    if (price >= least) return false;
    least = price;
    return true;
  });
}

function cheapestWithin(trips: readonly Trips[], length: number): Trips | undefined {
  let low = 0;
  let high = trips.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (trips[middle]!.length <= length) low = middle + 1;
    else high = middle;
  }
  return trips[low - 1];
}

/** Every way to share out so many trips among places, each having one at least. */
function compositions(trips: number, places: number): number[][] {
  if (places === 1) return [[trips]];
  const all: number[][] = [];
  for (let here = 1; here <= trips - places + 1; here++) {
    for (const others of compositions(trips - here, places - 1)) all.push([here, ...others]);
  }
  return all;
}
