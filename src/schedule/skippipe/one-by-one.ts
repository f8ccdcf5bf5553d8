// One micro-batch after the other: slow, and nobody ever waits for memory, so it completes wherever one micro-batch
// fits. It is what the search begins with where peers hold several stages and its first paths wait for each other.

import type { Candidate } from './candidate.ts';
import { createChains } from './chains.ts';
import type { Started } from './evaluate.ts';
import type { Instance } from './instance.ts';

/** Every task in order, and by when all are done at the latest, in microseconds. */
export function oneByOne(
  instance: Instance,
  candidate: Candidate,
): { readonly started: readonly Started[]; readonly makespan: number } {
  const { microbatches, pathLength, splitBackward, gap } = instance;
  const { steps, node, left, weightOf, headless, load } = createChains(instance);
  const started: Started[] = [];
  let makespan = 0;
  for (let microbatch = 0; microbatch < microbatches; microbatch++) {
    load(candidate, microbatch);
    makespan += left[microbatch * steps]!;
    for (let step = 0; step < steps; step++) {
      if (step === pathLength && headless[microbatch] === 1) continue;
      const peer = node[microbatch * steps + step]!;
      started.push({ peer, microbatch, step });
      makespan += gap[peer]!;
      if (!splitBackward || step <= pathLength) continue;
      started.push({ peer, microbatch, step: step + pathLength });
      makespan += weightOf[microbatch * pathLength + 2 * pathLength - step]! + gap[peer]!;
    }
  }
  return { started, makespan };
}
