// Runs a long computation in slices, so that whatever else this peer has to do comes in between.

import type { Sliced } from '../../schedule/slices.ts';
import { type Clock, sleep } from '../../seams/clock.ts';

/** A computation under way, as whoever started it sees it. */
export interface Progress {
  /** Set it to have the computation given up before its next slice. */
  cancelled: boolean;
  /** What its slices took so far. */
  seconds: number;
}

/** The result, or undefined when it was cancelled. */
export async function inSlices<Result>(
  sliced: Sliced<Result>,
  clock: Clock,
  progress: Progress,
): Promise<Result | undefined> {
  for (;;) {
    if (progress.cancelled) return undefined;
    const started = clock.now();
    const { done, value } = sliced.next();
    progress.seconds += clock.now() - started;
    if (done === true) return value;
    await sleep(clock, 0);
  }
}
