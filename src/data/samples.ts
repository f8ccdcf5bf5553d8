// Which windows a micro-batch is made of. Samples are numbered through the whole run; sample n is position n mod count
// of epoch ⌊n / count⌋, and each epoch has an order of its own, a permutation that needs no memory. So every window
// is used once an epoch, every peer can tell what any micro-batch holds, and nobody sends data indices. Windows that
// are drawn together change places as one.

import { permute, stream } from '../random/index.ts';
import type { Windows } from './windows.ts';

export interface SampleRequest {
  readonly runSeed: number;
  /** The run's iteration, from 0. */
  readonly iteration: number;
  /** Which micro-batch of the iteration, from 0, counted over all anchors. */
  readonly microbatch: number;
  /** Samples per micro-batch. */
  readonly samples: number;
  /** Micro-batches per iteration, over all anchors. */
  readonly microbatches: number;
  /** The training windows. */
  readonly windows: Windows;
}

/** The window indices of one micro-batch's samples, in order. */
export function drawSamples(request: SampleRequest): number[] {
  const { runSeed, iteration, microbatch, samples, microbatches, windows } = request;
  if (!Number.isInteger(microbatch) || microbatch < 0 || microbatch >= microbatches) {
    throw new RangeError(`micro-batch ${microbatch} is not one of the iteration's ${microbatches}`);
  }
  const { together = 1 } = windows;
  const first = (iteration * microbatches + microbatch) * samples;
  return Array.from({ length: samples }, (_, i) => {
    const epoch = Math.floor((first + i) / windows.count);
    const position = (first + i) % windows.count;
    const within = position % together;
    const order = stream({ runSeed, purpose: 'data-order', iteration: epoch });
    return together * permute((position - within) / together, windows.count / together, order) + within;
  });
}
