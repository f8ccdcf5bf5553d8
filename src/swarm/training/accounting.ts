// Every micro-batch of a plan is accounted for in the commit that ends its iteration: it counts in a stage, or is named
// as given up. With forward passes alone that holds of each two passes that are compared.

import type { CommitBody } from '../../journal/entry.ts';
import { passNumber, passOf } from '../../schedule/forward-only.ts';
import { type Manifest, microbatchesPerIteration } from '../manifest.ts';
import { isForwardOnly } from './probing.ts';

/** The number that a micro-batch of the plan counts under: of two passes that are compared, that of the first. */
function countedAs(manifest: Manifest, number: number): number {
  if (!isForwardOnly(manifest)) return number;
  const microbatches = microbatchesPerIteration(manifest);
  const { microbatch, pass } = passOf(number, microbatches);
  return passNumber({ microbatch, pass: pass - (pass % 2) }, microbatches);
}

/** The numbers of a plan that a commit neither counts nor names as given up, each once, in the plan's order. */
export function unaccounted(
  manifest: Manifest,
  planned: Iterable<number>,
  { stages, dropped }: Pick<CommitBody, 'stages' | 'dropped'>,
): number[] {
  const settled = new Set(dropped.map(({ microbatch }) => countedAs(manifest, microbatch)));
  for (const { microbatches } of stages) for (const number of microbatches) settled.add(number);
  const missing = new Set<number>();
  for (const number of planned) {
    const counted = countedAs(manifest, number);
    if (!settled.has(counted)) missing.add(counted);
  }
  return [...missing];
}
