// How long a candidate takes: the timeline's event simulation in whole microseconds, small enough to be run tens of
// thousands of times a second, and given up as soon as the candidate cannot end within a limit any more.
//
// The rule by which a peer chooses: heads and backwards (with split backwards their input halves) first, then
// forwards, then weight halves; within these what came first, each micro-batch moved by its bias; equal times: the
// smaller number. A micro-batch marked urgent has its forwards among the first. A forward needs a place in memory.
// An anchor starts the micro-batches of one wave before those of the next. All events of one moment are handled
// before any peer chooses. What every peer did, in order, is the plan: followed as fixed lists it takes the same time.

import type { Candidate, Waves } from './candidate.ts';
import type { Instance } from './instance.ts';

/** What a simulated candidate came to. */
export interface Evaluation {
  /** Microseconds; Infinity when the limit was passed or micro-batches wait for each other. */
  makespan: number;
  /** Mean time at which a micro-batch's last chain task ends. */
  mean: number;
  /** The micro-batch that ended last. */
  last: number;
}

/** A task as the simulation names it: the micro-batch and its position in the chain; weight halves come after. */
export interface Started {
  readonly peer: number;
  readonly microbatch: number;
  /** 0 … L − 1 forward, L head, L + 1 … 2L backward, 2L + 1 … 3L the weight half of backward minus L. */
  readonly step: number;
}

export interface Evaluator {
  /** Reads micro-batch m's path anew; call it for every micro-batch whose path or whose peers' stages changed. */
  load(candidate: Candidate, m: number): void;
  loadAll(candidate: Candidate): void;
  /** Simulates what is loaded; the result object is reused by the next call. */
  run(candidate: Candidate, limit: number): Evaluation;
  /** Simulates without limit and lists every task in the order of starting. */
  record(candidate: Candidate): Started[];
  /** Microseconds micro-batch m needs alone, every peer and link free. */
  alone(m: number): number;
}

const idle = 0;
const onChain = 1;
const onWeight = 2;
const inGap = 3;

export function createEvaluator(instance: Instance, waves: Waves): Evaluator {
  const { peerCount, stages, pathLength, microbatches, splitBackward, headAtAnchor } = instance;
  const { transfer, forward, backward, weight, head, gap, memory } = instance;
  const steps = 2 * pathLength + 1;
  /** Per chain step: its peer, its duration, the transfer after it, and what is left when it starts. */
  const node = new Int32Array(microbatches * steps);
  const duration = new Float64Array(microbatches * steps);
  const travel = new Float64Array(microbatches * steps);
  const left = new Float64Array(microbatches * steps);
  /** Duration of the weight half that follows a backward step. */
  const weightOf = new Float64Array(microbatches * pathLength);
  /** Whether a micro-batch has no head of its own: at the last peer one that takes no time is left out. */
  const headless = new Uint8Array(microbatches);

  const step = new Int32Array(microbatches);
  const running = new Uint8Array(microbatches);
  const readyAt = new Float64Array(microbatches);
  const nextReady = new Int32Array(microbatches);
  const firstReady = new Int32Array(peerCount);
  const state = new Uint8Array(peerCount);
  const free = new Float64Array(peerCount);
  const begun = new Int32Array(peerCount);
  const slot = new Float64Array(peerCount);
  const touched = new Int32Array(peerCount);
  const isTouched = new Uint8Array(peerCount);
  let touchedCount = 0;
  // Weight halves wait at a peer in the order in which their input halves ended.
  const queued: number[][] = Array.from({ length: peerCount }, () => []);
  const queueAt = new Int32Array(peerCount);

  // Events: a binary heap of time * stride + source; the sources are micro-batches, then peers.
  let stride = 1;
  while (stride < microbatches + peerCount) stride *= 2;
  const heap = new Float64Array(microbatches + peerCount + 1);
  let heapSize = 0;
  const evaluation: Evaluation = { makespan: 0, mean: 0, last: -1 };
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
    replaceFirst(heap[--heapSize]!);
  }

  /** The first event is over; another one takes its place in the heap. */
  function replaceFirst(key: number): void {
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= heapSize) break;
      if (child + 1 < heapSize && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= key) break;
      heap[hole] = heap[child]!;
      hole = child;
    }
    heap[hole] = key;
  }

  function load(candidate: Candidate, m: number): void {
    const { path, stageOf } = candidate;
    const base = m * steps;
    const at = m * pathLength;
    for (let i = 0; i < pathLength; i++) {
      const peer = path[at + i]!;
      const cost = peer * stages + stageOf[peer]!;
      const back = base + 2 * pathLength - i;
      node[base + i] = peer;
      duration[base + i] = forward[cost]!;
      node[back] = peer;
      duration[back] = backward[cost]!;
      weightOf[at + i] = weight[cost]!;
    }
    const top = headAtAnchor ? path[at]! : path[at + pathLength - 1]!;
    node[base + pathLength] = top;
    duration[base + pathLength] = head[top]!;
    headless[m] = !headAtAnchor && head[top] === 0 ? 1 : 0;
    let rest = 0;
    for (let i = steps - 1; i >= 0; i--) {
      const from = node[base + i]!;
      if (i < steps - 1) {
        const to = node[base + i + 1]!;
        const hop = from === to ? 0 : transfer[from * peerCount + to]!;
        travel[base + i] = hop;
        rest += hop;
      }
      rest += duration[base + i]!;
      left[base + i] = rest;
    }
  }

  function touch(peer: number): void {
    if (isTouched[peer] === 1) return;
    isTouched[peer] = 1;
    touched[touchedCount++] = peer;
  }

  function makeReady(m: number, now: number): void {
    const peer = node[m * steps + step[m]!]!;
    readyAt[m] = now;
    nextReady[m] = firstReady[peer]!;
    firstReady[peer] = m;
    touch(peer);
  }

  /** Starts what goes first at an idle peer; the time by which all that follows it must have passed, or 0. */
  function startNext(candidate: Candidate, peer: number, now: number): number {
    const { bias, urgent } = candidate;
    let best = -1;
    let bestBefore = -1;
    let bestClass = 2;
    let bestKey = 0;
    const full = free[peer]! < 1;
    for (let m = firstReady[peer]!, before = -1; m >= 0; before = m, m = nextReady[m]!) {
      const at = step[m]!;
      let rank = 0;
      if (at < pathLength) {
        if (full) continue;
        if (at === 0 && waves.of[m]! > 0 && begun[peer]! < waves.of[m]! * waves.perAnchor) continue;
        rank = urgent[m] === 1 ? 0 : 1;
      }
      if (rank > bestClass) continue;
      const key = readyAt[m]! + bias[m]!;
      if (rank < bestClass || key < bestKey || (key === bestKey && m < best)) {
        best = m;
        bestBefore = before;
        bestClass = rank;
        bestKey = key;
      }
    }
    if (best < 0) {
      const queue = queued[peer]!;
      if (queueAt[peer]! === queue.length) return 0;
      const code = queue[queueAt[peer]!++]!; // m * pathLength + position
      state[peer] = onWeight;
      const end = now + weightOf[code]!;
      push(end * stride + microbatches + peer);
      log?.push({
        peer,
        microbatch: Math.floor(code / pathLength),
        step: 3 * pathLength - (code % pathLength),
      });
      return end;
    }
    if (bestBefore < 0) firstReady[peer] = nextReady[best]!;
    else nextReady[bestBefore] = nextReady[best]!;
    const at = step[best]!;
    if (at < pathLength) {
      free[peer]!--;
      if (at === 0) begun[peer]!++;
    }
    state[peer] = onChain;
    running[best] = 1;
    push((now + duration[best * steps + at]!) * stride + best);
    log?.push({ peer, microbatch: best, step: at });
    return now + left[best * steps + at]!;
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

  function run(candidate: Candidate, limit: number): Evaluation {
    evaluation.makespan = Number.POSITIVE_INFINITY;
    const { path } = candidate;
    // Each place in an anchor's memory is taken by one micro-batch after the other, from its start to its end.
    if (limit !== Number.POSITIVE_INFINITY) {
      slot.fill(0);
      for (let m = 0; m < microbatches; m++) slot[path[m * pathLength]!]! += left[m * steps]!;
      for (let peer = 0; peer < peerCount; peer++) {
        if (slot[peer]! / memory[peer]! > limit) return evaluation;
      }
    }
    heapSize = 0;
    touchedCount = 0;
    isTouched.fill(0);
    firstReady.fill(-1);
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
    let last = -1;
    for (let m = 0; m < microbatches; m++) makeReady(m, 0);
    for (;;) {
      const count = touchedCount;
      touchedCount = 0;
      for (let i = 0; i < count; i++) {
        const peer = touched[i]!;
        isTouched[peer] = 0;
        if (state[peer] === idle && startNext(candidate, peer, now) > limit) return evaluation;
      }
      if (heapSize === 0) break;
      now = Math.floor(heap[0]! / stride);
      const until = (now + 1) * stride;
      while (heapSize > 0 && heap[0]! < until) {
        const source = heap[0]! - now * stride;
        if (source >= microbatches) {
          dropFirst();
          const peer = source - microbatches;
          if (state[peer] === onWeight) {
            free[peer]!++;
            if (now > makespan) makespan = now;
            freePeer(peer, now);
          } else {
            state[peer] = idle;
            touch(peer);
          }
          continue;
        }
        const m = source;
        if (running[m] === 0) {
          dropFirst();
          makeReady(m, now);
          continue;
        }
        running[m] = 0;
        const at = step[m]!;
        const peer = node[m * steps + at]!;
        if (at > pathLength) {
          if (splitBackward) queued[peer]!.push(m * pathLength + 2 * pathLength - at);
          else free[peer]!++;
        }
        const hop = travel[m * steps + at]!;
        if (hop > 0) replaceFirst((now + hop) * stride + m);
        else dropFirst();
        freePeer(peer, now);
        if (at === steps - 1) {
          ended++;
          sum += now;
          last = m;
          if (now > makespan) makespan = now;
          continue;
        }
        step[m] = at === pathLength - 1 && headless[m] === 1 ? at + 2 : at + 1;
        if (hop === 0) makeReady(m, now);
      }
    }
    if (ended < microbatches) return evaluation;
    evaluation.makespan = makespan;
    evaluation.mean = microbatches > 0 ? sum / microbatches : 0;
    evaluation.last = last;
    return evaluation;
  }

  return {
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
