// Every micro-batch's chain of tasks as flat tables, which the simulation reads: at which peer a step runs, how long
// it takes, how long the way to the next step is, and what is left when it starts.

import type { Candidate } from './candidate.ts';
import type { Instance } from './instance.ts';

/** Tables of 2 pathLength + 1 steps a micro-batch: [m * steps + step]; forwards, the head, backwards. */
export interface Chains {
  readonly steps: number;
  /** The peer of the description. */
  readonly node: Int32Array;
  readonly duration: Float64Array;
  /** Of the transfer after the step; 0 where the next step is at the same peer. */
  readonly travel: Float64Array;
  /** From the step's start to the end of the last one, every peer and link free. */
  readonly left: Float64Array;
  /** [m * pathLength + position]: the weight half of the backward there. */
  readonly weightOf: Float64Array;
  /** Whether a micro-batch has no head of its own: at the last peer one that takes no time is left out. */
  readonly headless: Uint8Array;
  /** Reads micro-batch m's path anew. */
  load(candidate: Candidate, m: number): void;
}

export function createChains(instance: Instance): Chains {
  const { holder, place, placeCount, stages, pathLength, microbatches, headAtAnchor } = instance;
  const { transfer, forward, backward, weight, head } = instance;
  const steps = 2 * pathLength + 1;
  const node = new Int32Array(microbatches * steps);
  const duration = new Float64Array(microbatches * steps);
  const travel = new Float64Array(microbatches * steps);
  const left = new Float64Array(microbatches * steps);
  const weightOf = new Float64Array(microbatches * pathLength);
  const headless = new Uint8Array(microbatches);

  function load({ path, stageOf }: Candidate, m: number): void {
    const base = m * steps;
    const at = m * pathLength;
    for (let i = 0; i < pathLength; i++) {
      const peer = path[at + i]!;
      const cost = peer * stages + stageOf[peer]!;
      const back = base + 2 * pathLength - i;
      node[base + i] = holder[peer]!;
      duration[base + i] = forward[cost]!;
      node[back] = holder[peer]!;
      duration[back] = backward[cost]!;
      weightOf[at + i] = weight[cost]!;
    }
    const top = headAtAnchor ? path[at]! : path[at + pathLength - 1]!;
    node[base + pathLength] = holder[top]!;
    duration[base + pathLength] = head[top]!;
    headless[m] = !headAtAnchor && head[top] === 0 ? 1 : 0;
    let rest = 0;
    for (let i = steps - 1; i >= 0; i--) {
      const from = node[base + i]!;
      if (i < steps - 1) {
        const to = node[base + i + 1]!;
        const hop = from === to ? 0 : transfer[place[from]! * placeCount + place[to]!]!;
        travel[base + i] = hop;
        rest += hop;
      }
      rest += duration[base + i]!;
      left[base + i] = rest;
    }
  }

  return { steps, node, duration, travel, left, weightOf, headless, load };
}
