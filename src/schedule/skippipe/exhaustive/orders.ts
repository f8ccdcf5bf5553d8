// The least makespan of given paths over all orders of work, by branch and bound.
//
// Every schedule whose tasks cannot be moved forward starts each task when something ends or arrives. So time goes
// from event to event, and at each an idle peer starts one of the tasks that wait there, or stays idle. Staying idle
// is given up when a task that was passed over, and that nobody waits for memory of, would have been through by then
// (the argument of Giffler and Thompson, "Algorithms for solving production-scheduling problems", 1960).

import type { Sliced } from '../../slices.ts';
import type { Chains } from '../chains.ts';
import type { Started } from '../evaluate.ts';
import type { Instance } from '../instance.ts';

/** One task of a chain. */
export interface Step {
  /** As the simulation numbers it. */
  readonly step: number;
  readonly peer: number;
  readonly duration: number;
  /** Transfer to the next step's peer. */
  readonly travel: number;
  readonly takes: boolean;
  readonly gives: boolean;
  /** From its start to the end of the chain. */
  readonly tail: number;
}

export interface LeastOrder {
  /** Microseconds; the given limit where nothing shorter was found. */
  readonly makespan: number;
  /** What is started, in order of time, where something shorter was found. */
  readonly started?: readonly Started[];
  /** Tasks placed. */
  readonly nodes: number;
}

/** Tasks placed between two slices: some milliseconds. */
const sliceNodes = 1_000;

/** The chains of all micro-batches as they are loaded; a head that is nobody's task is left out. */
export function stepsOfChains({ microbatches, pathLength }: Instance, chains: Chains): Step[][] {
  const { steps, node, duration, travel, left, headless } = chains;
  return Array.from({ length: microbatches }, (_, m) =>
    Array.from({ length: steps }, (_, step): Step => {
      const at = m * steps + step;
      return {
        step,
        peer: node[at]!,
        duration: duration[at]!,
        travel: travel[at]!,
        takes: step < pathLength,
        gives: step > pathLength,
        tail: left[at]!,
      };
    }).filter(({ step }) => step !== pathLength || headless[m] === 0),
  );
}

/** What no order can be below: each peer's work between its first arrival and the shortest way home. */
export function leastOfAnyOrder({ peerCount }: Instance, chains: readonly (readonly Step[])[]): number {
  let bound = 0;
  const heads = new Float64Array(peerCount).fill(Number.POSITIVE_INFINITY);
  const tails = new Float64Array(peerCount).fill(Number.POSITIVE_INFINITY);
  const work = new Float64Array(peerCount);
  for (const chain of chains) {
    const whole = chain[0]!.tail;
    bound = Math.max(bound, whole);
    for (const { peer, duration, tail } of chain) {
      heads[peer] = Math.min(heads[peer]!, whole - tail);
      tails[peer] = Math.min(tails[peer]!, tail - duration);
      work[peer]! += duration;
    }
  }
  for (let peer = 0; peer < peerCount; peer++) {
    if (work[peer]! > 0) bound = Math.max(bound, heads[peer]! + work[peer]! + tails[peer]!);
  }
  return bound;
}

/** The least makespan below `limit` for given chains; every task must take some time. */
export function* leastOrder(
  { peerCount, memory, gap }: Instance,
  chains: readonly (readonly Step[])[],
  limit: number,
  mostNodes: number,
): Sliced<LeastOrder> {
  const count = chains.length;
  const keys = chains.map((chain) => chain.map(({ peer }) => peer).join(' '));
  const visitors = new Int32Array(peerCount);
  for (const chain of chains) for (const { peer, takes } of chain) if (takes) visitors[peer]!++;
  let best = limit;
  let bestStarted: readonly Started[] | undefined;
  let nodes = 0;
  const started: Started[] = [];

  const next = new Int32Array(count); // the chain's next step
  const readyAt = new Float64Array(count); // when its input is there
  const freeAt = new Float64Array(peerCount);
  // A peer that runs a backward starts nothing before its end, so its memory may count as given back at its start.
  const held = new Int32Array(peerCount);
  const work = new Float64Array(peerCount);
  /** A peer that stayed idle must start before this. */
  const patience = new Float64Array(peerCount).fill(Number.POSITIVE_INFINITY);
  for (const chain of chains) for (const { peer, duration } of chain) work[peer]! += duration;
  /** By what is done: moments from which all was tried. What comes later with no less time left is no better. */
  const tried = new Map<string, Float64Array[]>();

  yield* decide(0, 0);
  return { makespan: best, nodes, ...(bestStarted === undefined ? {} : { started: bestStarted }) };

  /** Decides for the peers from `first` on at this moment, then goes on to the next event. */
  function* decide(now: number, first: number): Sliced<void> {
    if (nodes >= mostNodes) return;
    let peer = first;
    while (peer < peerCount && (freeAt[peer]! > now || work[peer] === 0)) peer++;
    if (peer === peerCount) {
      yield* advance(now);
      return;
    }
    const waiting = waitingAt(peer, now);
    const before = patience[peer]!;
    for (const m of waiting) {
      if (++nodes % sliceNodes === 0) yield;
      const step = chains[m]![next[m]!]!;
      const readyBefore = readyAt[m]!;
      const freeBefore = freeAt[peer]!;
      const change = (step.takes ? 1 : 0) - (step.gives ? 1 : 0);
      patience[peer] = Number.POSITIVE_INFINITY;
      next[m]!++;
      readyAt[m] = now + step.duration + step.travel;
      freeAt[peer] = now + step.duration + gap[peer]!;
      work[peer]! -= step.duration;
      held[peer]! += change;
      started.push({ peer, microbatch: m, step: step.step });
      yield* decide(now, peer + 1);
      started.pop();
      held[peer]! -= change;
      work[peer]! += step.duration;
      freeAt[peer] = freeBefore;
      readyAt[m] = readyBefore;
      next[m]!--;
      patience[peer] = before;
    }
    // Stay idle, if something else may come in time.
    for (const m of waiting) {
      const step = chains[m]![next[m]!]!;
      if (step.takes && visitors[peer]! > memory[peer]!) continue;
      patience[peer] = Math.min(patience[peer]!, now + step.duration + gap[peer]!);
    }
    yield* decide(now, peer + 1);
    patience[peer] = before;
  }

  /** Micro-batches whose next task a peer could start now. */
  function waitingAt(peer: number, now: number): number[] {
    const waiting: number[] = [];
    for (let m = 0; m < count; m++) {
      const step = chains[m]![next[m]!];
      if (step === undefined || step.peer !== peer || readyAt[m]! > now) continue;
      if (step.takes && held[peer]! >= memory[peer]!) continue;
      // Of micro-batches with one and the same path the first goes first.
      if (next[m] === 0 && keys.some((key, other) => other < m && key === keys[m] && next[other] === 0)) {
        continue;
      }
      waiting.push(m);
    }
    return waiting;
  }

  function* advance(now: number): Sliced<void> {
    let last = 0;
    let moment = Number.POSITIVE_INFINITY;
    let done = true;
    for (let m = 0; m < count; m++) {
      const step = chains[m]![next[m]!];
      if (step === undefined) {
        last = Math.max(last, readyAt[m]!);
        continue;
      }
      done = false;
      last = Math.max(last, Math.max(now, readyAt[m]!, freeAt[step.peer]!) + step.tail);
      if (readyAt[m]! > now) moment = Math.min(moment, readyAt[m]!);
    }
    if (last >= best) return;
    if (done) {
      best = last;
      bestStarted = [...started];
      return;
    }
    for (let peer = 0; peer < peerCount; peer++) {
      if (workBound(peer, now) >= best) return;
      if (freeAt[peer]! > now) moment = Math.min(moment, freeAt[peer]!);
    }
    if (moment === Number.POSITIVE_INFINITY) return;
    for (let peer = 0; peer < peerCount; peer++) {
      if (freeAt[peer]! <= now && moment >= patience[peer]!) return;
    }
    const times = timesAt(now);
    const key = next.join(' ');
    if (tried.get(key)?.some((earlier) => earlier.every((time, at) => time <= times[at]!)) === true) return;
    yield* decide(moment, 0);
    // Only now: while it was being tried, its own continuations were not to be measured by it.
    const others = tried.get(key)?.filter((old) => !times.every((time, at) => time <= old[at]!)) ?? [];
    tried.set(key, [...others, times]);
  }

  /** What a peer still has to do, after the first of it can arrive and before the shortest way home. */
  function workBound(peer: number, now: number): number {
    if (work[peer] === 0) return 0;
    let tail = Number.POSITIVE_INFINITY;
    let head = Number.POSITIVE_INFINITY;
    for (let m = 0; m < count; m++) {
      let at = readyAt[m]!;
      for (let s = next[m]!; s < chains[m]!.length; s++) {
        const step = chains[m]![s]!;
        if (step.peer === peer) {
          head = Math.min(head, at);
          tail = Math.min(tail, step.tail - step.duration);
        }
        at += step.duration + step.travel;
      }
    }
    return Math.max(head, freeAt[peer]!, now) + work[peer]! + tail;
  }

  function timesAt(now: number): Float64Array {
    const times = new Float64Array(1 + count + 2 * peerCount);
    times[0] = now;
    for (let m = 0; m < count; m++) times[1 + m] = Math.max(now, readyAt[m]!);
    for (let peer = 0; peer < peerCount; peer++) {
      times[1 + count + peer] = Math.max(now, freeAt[peer]!);
      times[1 + count + peerCount + peer] = -patience[peer]!;
    }
    return times;
  }
}
