// What a file of this folder exports as `soak`, and what memory soaks share.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface SoakMember {
  readonly name: string;
  /**
   * One turn, seconds to minutes long; everything random in it follows from the iteration's number. Rejects when
   * what it looks after does not hold; may resolve to a line about what was seen.
   */
  readonly run: (iteration: number) => Promise<string | undefined>;
  /** It measures its process, so it has one of its own: what others left behind there is none of its matter. */
  readonly ownProcess?: boolean;
  /** Runs one seed of its turns alone, with everything that happens in it on standard output. */
  readonly again?: (seed: number) => Promise<string | undefined>;
}

export interface MemorySoakOptions {
  /** Counted after as many steps have warmed up caches and pools as `warmUpSteps` says. */
  readonly steps: number;
  readonly warmUpSteps: number;
  /** Most growth of the process between the first and the last quarter of the steps. */
  readonly allowedBytes: number;
}

/**
 * Runs the steps one after another and rejects when the process grows: compared are the smallest resident sizes seen
 * in the first and in the last quarter, so that a moment before a garbage collection does not count.
 */
export async function checkGrowth(
  { steps, warmUpSteps, allowedBytes }: MemorySoakOptions,
  step: (index: number) => Promise<void>,
): Promise<string> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  for (let index = 0; index < warmUpSteps; index++) await step(index);
  const sizes: number[] = [];
  const sampleEvery = Math.max(1, Math.floor(steps / 40));
  for (let index = 0; index < steps; index++) {
    await step(warmUpSteps + index);
    if (index % sampleEvery !== 0) continue;
    collectGarbage();
    sizes.push(process.memoryUsage.rss());
  }
  const quarter = Math.floor(sizes.length / 4);
  const before = Math.min(...sizes.slice(0, quarter));
  const growthBytes = Math.min(...sizes.slice(-quarter)) - before;
  const seen = `${megabytes(before)} grew by ${megabytes(growthBytes)} over ${steps} steps`;
  if (growthBytes > allowedBytes) throw new Error(`${seen}; at most ${megabytes(allowedBytes)} are allowed`);
  return seen;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
