// The lower level of SkipPipe's path search (arXiv 2502.19913, section on conflict-based search): A* for one
// micro-batch over the peers, with forward, backward and transfers as the cost, under what the upper level forbids it:
// stages, peers, and times at which a peer is taken. What stands between a partial path and its end is never less than
// without those, and that is computed once per anchor, exactly, so little is searched that is not on the way.

import type { Instance } from '../instance.ts';
import { popFrom, pushTo } from '../../heap.ts';

/** A peer is taken from (inclusive) until (exclusive), microseconds. */
export interface Occupation {
  readonly peer: number;
  readonly from: number;
  readonly until: number;
}

export interface Forbidden {
  readonly stages: readonly number[];
  readonly peers: readonly number[];
  readonly times: readonly Occupation[];
}

export const nothingForbidden: Forbidden = { stages: [], peers: [], times: [] };

export interface Route {
  /** Peers in the order visited, the anchor first. */
  readonly path: readonly number[];
  /** When its last backward ends, microseconds. */
  readonly end: number;
  /** Every task on the way there and back. */
  readonly occupied: readonly Occupation[];
}

export interface Router {
  /** The path that ends soonest for a micro-batch that its anchor may start at `start`; undefined if none is allowed. */
  route(anchor: number, start: number, forbidden: Forbidden): Route | undefined;
}

/** A partial path: what may follow depends on the highest stage, whether the one below it is unseen, and the steps back. */
interface Partial {
  readonly parent: Partial | undefined;
  readonly peer: number;
  readonly highest: number;
  readonly open: 0 | 1;
  readonly swaps: number;
  readonly visits: number;
  /** When the forward at `peer` ends. */
  readonly time: number;
  /** Backwards and transfers back of what was visited. */
  readonly back: number;
}

interface Entry {
  /** At least when the whole path ends; exactly that where `route` is given. */
  readonly bound: number;
  readonly partial: Partial;
  readonly route: Route | undefined;
}

interface Step {
  readonly to: number;
  readonly highest: number;
  readonly open: 0 | 1;
  readonly swaps: number;
}

export function createRouter(instance: Instance): Router {
  const { peerCount, stages, pathLength, live, assignment, largestJump, headAtAnchor } = instance;
  const { place, placeCount, transfer, roundTrip, forward, backward, head } = instance;
  const link = (from: number, to: number) => place[from]! * placeCount + place[to]!;
  const budget = Math.min(instance.swapBudget, pathLength);
  const stageOf = new Int32Array(peerCount).fill(-1);
  assignment.forEach((group, stage) => {
    for (const peer of group) stageOf[peer] = stage;
  });
  const rests = new Map<number, readonly Float64Array[]>();

  function stateOf(peer: number, highest: number, open: number, swaps: number): number {
    return ((highest * 2 + open) * (budget + 1) + swaps) * peerCount + peer;
  }

  /** Every lawful next visit. */
  function* stepsFrom(highest: number, open: number, swaps: number): Generator<Step> {
    for (const stage of live) {
      const onward = stage > highest && stage <= highest + largestJump;
      const back = stage === highest - 1 && open === 1 && swaps < budget;
      if (!onward && !back) continue;
      for (const to of assignment[stage]!) {
        if (onward) yield { to, highest: stage, open: highest < stage - 1 ? 1 : 0, swaps };
        else yield { to, highest, open: 0, swaps: swaps + 1 };
      }
    }
  }

  /** [visits to come][state]: the least that they, the head and the way back need when nothing is forbidden. */
  function restsOf(anchor: number): readonly Float64Array[] {
    const known = rests.get(anchor);
    if (known !== undefined) return known;
    const size = stages * 2 * (budget + 1) * peerCount;
    const all: Float64Array[] = [];
    for (let toCome = 0; toCome < pathLength; toCome++) {
      const least = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
      for (let highest = 0; highest < stages; highest++) {
        for (let open = 0; open < 2; open++) {
          for (let swaps = 0; swaps <= budget; swaps++) {
            const steps = toCome === 0 ? [] : [...stepsFrom(highest, open, swaps)];
            for (let peer = 0; peer < peerCount; peer++) {
              if (stageOf[peer]! < 0 || stageOf[peer]! > highest) continue;
              let best = Number.POSITIVE_INFINITY;
              if (toCome === 0) {
                best = headAtAnchor ? roundTrip[link(peer, anchor)]! + head[anchor]! : head[peer]!;
              }
              for (const step of steps) {
                const at = step.to * stages + stageOf[step.to]!;
                const after = all[toCome - 1]![stateOf(step.to, step.highest, step.open, step.swaps)]!;
                best = Math.min(best, roundTrip[link(peer, step.to)]! + forward[at]! + backward[at]! + after);
              }
              least[stateOf(peer, highest, open, swaps)] = best;
            }
          }
        }
      }
      all.push(least);
    }
    rests.set(anchor, all);
    return all;
  }

  function route(anchor: number, start: number, forbidden: Forbidden): Route | undefined {
    const { times } = forbidden;
    const rest = restsOf(anchor);
    const heap: Entry[] = [];
    const seen = new Set<number>();
    const first = earliest(times, anchor, start, forward[anchor * stages]!);
    const offer = (partial: Partial): void => {
      const { peer, highest, open, swaps, visits, time, back } = partial;
      const toCome = rest[pathLength - visits]![stateOf(peer, highest, open, swaps)]!;
      if (toCome < Number.POSITIVE_INFINITY) {
        pushTo(heap, { bound: time + back + toCome, partial, route: undefined }, sooner);
      }
    };
    offer({
      parent: undefined,
      peer: anchor,
      highest: 0,
      open: 0,
      swaps: 0,
      visits: 1,
      time: first + forward[anchor * stages]!,
      back: backward[anchor * stages]!,
    });
    for (let entry = popFrom(heap, sooner); entry !== undefined; entry = popFrom(heap, sooner)) {
      if (entry.route !== undefined) return entry.route;
      const { partial } = entry;
      if (partial.visits === pathLength) {
        const whole = wayBack(partial, anchor, start, times);
        pushTo(heap, { bound: whole.end, partial, route: whole }, sooner);
        continue;
      }
      if (times.length === 0) {
        // Without waits what follows is the same for all ways to here, and this is the shortest.
        const key =
          stateOf(partial.peer, partial.highest, partial.open, partial.swaps) * (pathLength + 1) +
          partial.visits;
        if (seen.has(key)) continue;
        seen.add(key);
      }
      for (const { to, highest, open, swaps } of stepsFrom(partial.highest, partial.open, partial.swaps)) {
        if (forbidden.stages.includes(stageOf[to]!) || forbidden.peers.includes(to)) continue;
        const at = to * stages + stageOf[to]!;
        const arrival = partial.time + transfer[link(partial.peer, to)]!;
        offer({
          parent: partial,
          peer: to,
          highest,
          open,
          swaps,
          visits: partial.visits + 1,
          time: earliest(times, to, arrival, forward[at]!) + forward[at]!,
          back: partial.back + backward[at]! + transfer[link(to, partial.peer)]!,
        });
      }
    }
    return undefined;
  }

  /** The whole trip over the visited peers, head and backwards with their waits. */
  function wayBack(last: Partial, anchor: number, start: number, times: readonly Occupation[]): Route {
    const path: number[] = [];
    for (let at: Partial | undefined = last; at !== undefined; at = at.parent) path.push(at.peer);
    path.reverse();
    const occupied: Occupation[] = [];
    let now = start;
    let before = anchor;
    const visit = (peer: number, seconds: number): void => {
      if (peer !== before) now += transfer[link(before, peer)]!;
      const from = earliest(times, peer, now, seconds);
      now = from + seconds;
      if (seconds > 0) occupied.push({ peer, from, until: now });
      before = peer;
    };
    for (const peer of path) visit(peer, forward[peer * stages + stageOf[peer]!]!);
    visit(headAtAnchor ? anchor : last.peer, head[headAtAnchor ? anchor : last.peer]!);
    for (const peer of path.toReversed()) visit(peer, backward[peer * stages + stageOf[peer]!]!);
    return { path, end: now, occupied };
  }

  return { route };
}

/** The first moment from `ready` on at which the peer is not taken for `duration`. */
function earliest(times: readonly Occupation[], peer: number, ready: number, duration: number): number {
  let start = ready;
  for (let moved = true; moved; ) {
    moved = false;
    for (const taken of times) {
      if (taken.peer !== peer || taken.from >= start + duration || taken.until <= start) continue;
      start = taken.until;
      moved = true;
    }
  }
  return start;
}

/** By bound; of equal ones the later, which is further along. */
function sooner(a: Entry, b: Entry): boolean {
  return a.bound <= b.bound;
}
