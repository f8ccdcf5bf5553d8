// The published instance of SkipPipe's scheduler as its time model states it: 20 peers, forward 0.44 s, backward
// 0.66 s, head 0.11 s, fixed transfer times, memory for three micro-batches, six of them per anchor.

import { readFileSync } from 'node:fs';
import { uniformDescription } from '../../../src/schedule/closed-forms.ts';
import type { SwarmDescription } from '../../../src/schedule/description.ts';
import { linksOf } from '../build.ts';

const data = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../scenarios/data/${name}`, import.meta.url), 'utf8'));

interface Published {
  readonly publishedPartition: number[][];
  /** Per anchor: each peer's next. */
  readonly publishedPaths: Record<string, Record<string, number>>;
}

export const published: Published = data('geo20-published.json');
const transfers = data('geo20-transfers.json');
const matrix: number[][] = transfers.transferSeconds ?? transfers;

export function geo20(
  options: { free?: boolean; splitBackward?: boolean; microbatchesPerAnchor?: number } = {},
): SwarmDescription {
  const stage = (seconds: number) => new Array<number>(6).fill(seconds);
  return {
    ...uniformDescription(6, options.microbatchesPerAnchor ?? 6),
    peers: Array.from({ length: 20 }, (_, peer) => ({
      name: `p${peer}`,
      forwardSeconds: stage(0.44),
      backwardInputSeconds: stage(0.33),
      backwardWeightSeconds: stage(0.33),
      headSeconds: 0.11,
      gapSeconds: 0,
      memoryMicrobatches: 3,
    })),
    assignment: options.free ? undefined : published.publishedPartition,
    stageSizes: [5, 3, 3, 3, 3, 3],
    pathLength: 4,
    swapBudget: 2,
    largestJump: 4,
    headAt: 'anchor',
    splitBackward: options.splitBackward ?? false,
    chunks: 1,
    links: { ...linksOf(20), latencySeconds: matrix },
  };
}
