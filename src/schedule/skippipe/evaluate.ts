// How long a candidate takes: the timeline's event simulation in whole microseconds, small enough to be run tens of
// thousands of times a second, and given up as soon as the candidate cannot come within a limit any more.
//
// The rule by which a peer chooses: heads and backwards (with split backwards their input halves) first, then
// forwards, then weight halves; within these what came first, each micro-batch moved by its bias; equal times: the
// smaller number. A micro-batch marked urgent has its forwards, or the one at its anchor, among the first. A forward
// needs a place in memory. A task may be kept back until another one of its peer has been started, for which the peer
// then stays idle: without that a peer starts whatever waits, and what comes a little later and is needed sooner waits.
// An anchor starts the micro-batches of one wave before those of the next. All events of one moment are handled
// before any peer chooses. What every peer did, in order, is the plan: followed as fixed lists it takes the same time.
//
// What a candidate cannot end before is known long before its end, and grows with every wait. An anchor's w places in
// memory are taken one micro-batch after the other, so its round trips and all their waits are at most w times the
// makespan less what the places stand empty at both ends (the slots bound of slots.ts); and every end is at least its
// start and its round trip.

import { type Candidate, urgentAtAnchor, urgentEverywhere, type Waves } from './candidate.ts';
import { createChains } from './chains.ts';
import { createGroupExchange } from './group-exchange.ts';
import type { Instance } from './instance.ts';

/** What a simulated candidate came to. */
export interface Evaluation {
  /** Microseconds; Infinity when the limit was passed or micro-batches wait for each other. */
  makespan: number;
  /** Microseconds until every group has exchanged, where the search chooses groups that do; else the makespan. */
  whole: number;
  /** The whole and `meanWeight` of the mean time at which a micro-batch's last chain task ends. */
  cost: number;
  /** The micro-batch that ended last. */
  last: number;
}

/** The mean end of micro-batches counts so much beside the last: a slope where the makespan has none. */
export const meanWeight = 0.02;

/** A task as the simulation names it: the micro-batch and its position in the chain; weight halves come after. */
export interface Started {
  readonly peer: number;
  readonly microbatch: number;
  /** 0 … L − 1 forward, L head, L + 1 … 2L backward, 2L + 1 … 3L the weight half of backward minus L. */
  readonly step: number;
}

/** Why a candidate takes as long as it does: the tasks of which each waited for the next, from the last end back. */
export interface Critical {
  /** Tasks as m * steps + step. */
  readonly tasks: Int32Array;
  count: number;
  /** Pairs of tasks: the first waited for the end of the second, which the same peer had started before it. */
  readonly overtaken: Int32Array;
  /** Per pair: 1 where the first was ready already when the second was started; else it came later. */
  readonly waited: Uint8Array;
  /** Per pair: how much later the first was ready, in microseconds; below 0 where it was ready before. */
  readonly later: Float64Array;
  pairs: number;
}

export function createCritical({ microbatches, pathLength }: Instance): Critical {
  const most = microbatches * (2 * pathLength + 1);
  return {
    tasks: new Int32Array(most),
    count: 0,
    overtaken: new Int32Array(2 * most),
    waited: new Uint8Array(most),
    later: new Float64Array(most),
    pairs: 0,
  };
}

export interface Evaluator {
  /** Tasks per micro-batch. */
  readonly steps: number;
  /** Reads micro-batch m's path anew; call it for every micro-batch whose path or whose peers' stages changed. */
  load(candidate: Candidate, m: number): void;
  loadAll(candidate: Candidate): void;
  /** Simulates what is loaded, giving up where the cost is above the limit; the result is reused by the next call. */
  run(candidate: Candidate, limit: number): Evaluation;
  /** Simulates without limit and lists every task in the order of starting. */
  record(candidate: Candidate): Started[];
  /** Follows the last run, which must have come to its end, back from its last event. */
  trace(into: Critical): void;
  /** Microseconds micro-batch m needs alone, every peer and link free. */
  alone(m: number): number;
}

const idle = 0;
const onChain = 1;
const onWeight = 2;
const inGap = 3;

export function createEvaluator(instance: Instance, waves: Waves): Evaluator {
  const { peerCount, stages, pathLength, microbatches, perAnchor, anchorCount, splitBackward } = instance;
  const { forward, backward, weight, gap, memory, holder } = instance;
  const chains = createChains(instance);
  const { steps, node, duration, travel, left, weightOf, headless, load } = chains;
  const last = steps - 1;
  const exchange = createGroupExchange(instance);
  /** When each peer's last gradient was there, where that counts. */
  const gradientAt = new Float64Array(exchange === undefined ? 0 : peerCount);

  const step = new Int32Array(microbatches);
  const running = new Uint8Array(microbatches);
  const readyAt = new Float64Array(microbatches);
  /** Per task (m * steps + step): when it was ready and started, and which task its peer had started before. */
  const wasReadyAt = new Float64Array(microbatches * steps);
  const startedAt = new Float64Array(microbatches * steps);
  const before = new Int32Array(microbatches * steps);
  const lastOn = new Int32Array(peerCount);
  const nextReady = new Int32Array(microbatches);
  const firstReady = new Int32Array(peerCount);
  const state = new Uint8Array(peerCount);
  const free = new Float64Array(peerCount);
  const begun = new Int32Array(peerCount);
  const touched = new Int32Array(peerCount);
  const isTouched = new Uint8Array(peerCount);
  let touchedCount = 0;
  /** How many micro-batches an anchor must have begun before m: all of the waves before. */
  const begunBefore = Int32Array.from(waves.of, (wave) => (wave === 0 ? 0 : wave * waves.perAnchor));
  // Weight halves wait at a peer in the order in which their input halves ended.
  const queued: number[][] = Array.from({ length: peerCount }, () => []);
  const queueAt = new Int32Array(peerCount);

  // What the candidate cannot be below. Per anchor: its places, what they are taken for in sum, its shortest trip, and
  // the least time from one first forward to the next.
  const places = new Float64Array(peerCount);
  const taken = new Float64Array(peerCount);
  const shortest = new Float64Array(peerCount);
  const apart = new Float64Array(peerCount);
  /** No makespan below, and no sum of ends. */
  let floor = 0;
  let floorSum = 0;

  // Events: a binary heap of time * stride + source; the sources are micro-batches, then peers. Unused entries are
  // Infinity.
  let stride = 1;
  while (stride < microbatches + peerCount) stride *= 2;
  const heap = new Float64Array(microbatches + peerCount + 4).fill(Number.POSITIVE_INFINITY);
  let heapSize = 0;
  const evaluation: Evaluation = { makespan: 0, whole: 0, cost: 0, last: -1 };
  let log: Started[] | undefined;

  function push(key: number): void {
    let hole = heapSize++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (heap[parent]! <= key) break;
      heap[hole] = heap[parent]!;
      hole = parent;
    }
    heap[hole] = key;
  }

  function dropFirst(): void {
    const key = heap[--heapSize]!;
    heap[heapSize] = Number.POSITIVE_INFINITY;
    if (heapSize > 0) replaceFirst(key);
  }

  /** The first event is over; another one takes its place in the heap. */
  function replaceFirst(key: number): void {
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= heapSize) break;
      if (heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= key) break;
      heap[hole] = heap[child]!;
      hole = child;
    }
    heap[hole] = key;
  }

  function touch(peer: number): void {
    if (isTouched[peer] === 1) return;
    isTouched[peer] = 1;
    touched[touchedCount++] = peer;
  }

  function enqueue(m: number, peer: number, now: number): void {
    readyAt[m] = now;
    nextReady[m] = firstReady[peer]!;
    firstReady[peer] = m;
  }

  /** Starts what goes first at an idle peer, if anything may; raises the floors by what it waited. */
  function startNext(candidate: Candidate, peer: number, now: number): void {
    const { bias, urgent, path, after } = candidate;
    let best = -1;
    let bestBefore = -1;
    let bestClass = 2;
    let bestKey = 0;
    const full = free[peer]! < 1;
    for (let m = firstReady[peer]!, previous = -1; m >= 0; previous = m, m = nextReady[m]!) {
      const at = step[m]!;
      let rank = 0;
      if (at < pathLength) {
        if (full) continue;
        if (at === 0 && begun[peer]! < begunBefore[m]!) continue;
        if (after[m * steps + at]! >= 0 && mustWait(after[m * steps + at]!, peer)) continue;
        rank = urgent[m] === urgentEverywhere || (at === 0 && urgent[m] === urgentAtAnchor) ? 0 : 1;
      } else if (after[m * steps + at]! >= 0 && mustWait(after[m * steps + at]!, peer)) continue;
      if (rank > bestClass) continue;
      const key = readyAt[m]! + bias[m]!;
      if (rank < bestClass || key < bestKey || (key === bestKey && m < best)) {
        best = m;
        bestBefore = previous;
        bestClass = rank;
        bestKey = key;
      }
    }
    if (best < 0) {
      if (splitBackward) startWeight(peer, now);
      return;
    }
    if (bestBefore < 0) firstReady[peer] = nextReady[best]!;
    else nextReady[bestBefore] = nextReady[best]!;
    const at = step[best]!;
    if (at < pathLength) free[peer]!--;
    state[peer] = onChain;
    running[best] = 1;
    push((now + duration[best * steps + at]!) * stride + best);
    log?.push({ peer, microbatch: best, step: at });
    note(best * steps + at, peer, readyAt[best]!, now);
    if (at === 0) {
      const th = begun[peer]!++;
      const round = Math.floor(th / places[peer]!);
      floorSum += now - round * shortest[peer]! - (th - round * places[peer]!) * apart[peer]!;
    } else {
      const wait = now - readyAt[best]!;
      if (wait === 0) return;
      floorSum += wait;
      const anchor = path[best * pathLength]!;
      taken[anchor]! += wait;
      const need = taken[anchor]! / places[anchor]!;
      if (need > floor) floor = need;
    }
    const end = now + left[best * steps + at]!;
    if (end > floor) floor = end;
  }

  /** Whether a task that goes first at this peer has not been started yet. */
  function mustWait(first: number, peer: number): boolean {
    const m = Math.floor(first / steps);
    const at = first - m * steps;
    if (node[first] !== peer) return false;
    return step[m]! < at || (step[m] === at && running[m] === 0);
  }

  function note(task: number, peer: number, ready: number, now: number): void {
    wasReadyAt[task] = ready;
    startedAt[task] = now;
    before[task] = lastOn[peer]!;
    lastOn[peer] = task;
  }

  function trace(into: Critical): void {
    into.count = 0;
    into.pairs = 0;
    let task = evaluation.last * steps + last;
    for (;;) {
      into.tasks[into.count++] = task;
      const ready = wasReadyAt[task]!;
      const other = before[task]!;
      if (startedAt[task] === ready || other < 0) {
        const at = task % steps;
        if (at === 0) return;
        task -= at === pathLength + 1 && headless[Math.floor(task / steps)] === 1 ? 2 : 1;
        continue;
      }
      into.overtaken[2 * into.pairs] = task;
      into.overtaken[2 * into.pairs + 1] = other;
      into.waited[into.pairs] = ready <= startedAt[other]! ? 1 : 0;
      into.later[into.pairs++] = ready - wasReadyAt[other]!;
      task = other;
    }
  }

  function startWeight(peer: number, now: number): void {
    const queue = queued[peer]!;
    if (queueAt[peer]! === queue.length) return;
    const code = queue[queueAt[peer]!++]!; // m * pathLength + position
    state[peer] = onWeight;
    const end = now + weightOf[code]!;
    push(end * stride + microbatches + peer);
    const microbatch = Math.floor(code / pathLength);
    log?.push({ peer, microbatch, step: 3 * pathLength - (code % pathLength) });
    if (end > floor) floor = end;
  }

  /** The floors before anything has started. */
  function layFloors({ path }: Candidate): void {
    floor = 0;
    floorSum = 0;
    for (let a = 0; a < anchorCount; a++) {
      const anchor = path[a * pathLength]!;
      const own = anchor * stages;
      const room = Math.min(memory[anchor]!, perAnchor);
      let sum = 0;
      let least = Number.POSITIVE_INFINITY;
      for (let m = a; m < microbatches; m += anchorCount) {
        const trip = left[m * steps]!;
        sum += trip;
        if (trip < least) least = trip;
      }
      places[anchor] = room;
      shortest[anchor] = least;
      apart[anchor] = forward[own]! + gap[anchor]!;
      // A split backward gives its memory back after the weight half.
      const ends = (splitBackward ? weight[own]! : backward[own]!) + gap[anchor]!;
      taken[anchor] = sum + perAnchor * weight[own]! + ((room * (room - 1)) / 2) * (apart[anchor]! + ends);
      const need = taken[anchor]! / room;
      if (need > floor) floor = need;
      const rounds = Math.floor(perAnchor / room);
      const rest = perAnchor - rounds * room;
      floorSum +=
        sum +
        ((rounds * (rounds - 1)) / 2) * room * least +
        rest * rounds * least +
        ((rounds * (room * (room - 1))) / 2 + (rest * (rest - 1)) / 2) * apart[anchor]!;
    }
  }

  function run(candidate: Candidate, limit: number): Evaluation {
    evaluation.makespan = Number.POSITIVE_INFINITY;
    evaluation.whole = Number.POSITIVE_INFINITY;
    evaluation.cost = Number.POSITIVE_INFINITY;
    if (microbatches === 0) return evaluation;
    const { after } = candidate;
    const meanPart = meanWeight / microbatches;
    layFloors(candidate);
    if (floor + meanPart * floorSum > limit) return evaluation;
    heap.fill(Number.POSITIVE_INFINITY, 0, heapSize);
    heapSize = 0;
    touchedCount = 0;
    isTouched.fill(0);
    firstReady.fill(-1);
    lastOn.fill(-1);
    gradientAt.fill(0);
    state.fill(idle);
    begun.fill(0);
    free.set(memory);
    step.fill(0);
    running.fill(0);
    if (splitBackward) {
      queueAt.fill(0);
      for (const queue of queued) queue.length = 0;
    }
    let now = 0;
    let makespan = 0;
    let sum = 0;
    let ended = 0;
    let latest = -1;
    for (let m = microbatches - 1; m >= 0; m--) {
      enqueue(m, node[m * steps]!, 0);
      touch(node[m * steps]!);
    }
    for (;;) {
      if (touchedCount > 0) {
        for (let i = 0; i < touchedCount; i++) {
          const peer = touched[i]!;
          isTouched[peer] = 0;
          if (state[peer] === idle) startNext(candidate, peer, now);
        }
        touchedCount = 0;
        if (floor + meanPart * floorSum > limit) return evaluation;
      }
      if (heapSize === 0) break;
      const first = heap[0]!;
      now = Math.floor(first / stride);
      const until = (now + 1) * stride;
      const alone = heap[1]! >= until && heap[2]! >= until;
      let source = first - now * stride;
      if (alone && source < microbatches && running[source] === 0) {
        // The usual case, without detours: one micro-batch arrives and nothing else happens now.
        const at = step[source]!;
        const peer = node[source * steps + at]!;
        const first = after[source * steps + at]!;
        if (
          state[peer] === idle &&
          firstReady[peer]! < 0 &&
          (at >= pathLength || free[peer]! >= 1) &&
          (first < 0 || !mustWait(first, peer))
        ) {
          if (at < pathLength) free[peer]!--;
          state[peer] = onChain;
          running[source] = 1;
          replaceFirst((now + duration[source * steps + at]!) * stride + source);
          log?.push({ peer, microbatch: source, step: at });
          note(source * steps + at, peer, now, now);
          continue;
        }
        dropFirst();
        enqueue(source, peer, now);
        if (state[peer] === idle) touch(peer);
        continue;
      }
      for (;;) {
        if (source >= microbatches) {
          dropFirst();
          const peer = source - microbatches;
          if (state[peer] === onWeight) {
            free[peer]!++;
            if (exchange !== undefined) gradientAt[peer] = now;
            if (now > makespan) makespan = now;
            freePeer(peer, now);
          } else {
            state[peer] = idle;
            touch(peer);
          }
        } else if (running[source] === 0) {
          dropFirst();
          const peer = node[source * steps + step[source]!]!;
          enqueue(source, peer, now);
          touch(peer);
        } else {
          running[source] = 0;
          const at = step[source]!;
          const peer = node[source * steps + at]!;
          if (at > pathLength) {
            if (exchange !== undefined) gradientAt[peer] = now;
            if (splitBackward) queued[peer]!.push(source * pathLength + 2 * pathLength - at);
            else free[peer]!++;
          }
          const hop = travel[source * steps + at]!;
          if (hop > 0) replaceFirst((now + hop) * stride + source);
          else dropFirst();
          freePeer(peer, now);
          if (at === last) {
            ended++;
            sum += now;
            latest = source;
            if (now > makespan) makespan = now;
          } else {
            step[source] = at === pathLength - 1 && headless[source] === 1 ? at + 2 : at + 1;
            if (hop === 0) {
              const next = node[source * steps + step[source]!]!;
              enqueue(source, next, now);
              touch(next);
            }
          }
        }
        if (heap[0]! >= until) break;
        source = heap[0]! - now * stride;
      }
    }
    if (ended < microbatches) return evaluation;
    const whole = exchange === undefined ? makespan : wholeOf(makespan, candidate.stageOf);
    const cost = whole + meanPart * sum;
    if (cost > limit) return evaluation;
    evaluation.makespan = makespan;
    evaluation.whole = whole;
    evaluation.cost = cost;
    evaluation.last = latest;
    return evaluation;
  }

  /** A group exchanges when all its gradients are there. */
  function wholeOf(makespan: number, stageOf: Int32Array): number {
    const after = exchange!.of(stageOf);
    let whole = makespan;
    for (let peer = 0; peer < peerCount; peer++) {
      const stage = stageOf[peer]!;
      if (stage >= 0) whole = Math.max(whole, gradientAt[holder[peer]!]! + after[stage]!);
    }
    return whole;
  }

  function freePeer(peer: number, now: number): void {
    if (gap[peer]! > 0) {
      state[peer] = inGap;
      push((now + gap[peer]!) * stride + microbatches + peer);
      return;
    }
    state[peer] = idle;
    touch(peer);
  }

  return {
    steps,
    trace,
    load,
    run,
    loadAll(candidate) {
      for (let m = 0; m < microbatches; m++) load(candidate, m);
    },
    record(candidate) {
      const started: Started[] = [];
      log = started;
      for (let m = 0; m < microbatches; m++) load(candidate, m);
      run(candidate, Number.POSITIVE_INFINITY);
      log = undefined;
      return started;
    },
    alone: (m) => left[m * steps]!,
  };
}
