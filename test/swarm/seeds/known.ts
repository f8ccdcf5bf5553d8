// What seeds are known to find and nobody has mended yet, with the reason. Anything else that they find is an error.

import type { InvariantName } from '../../../src/replay/invariants.ts';
import type { SeedResult } from './run-seed.ts';

interface Known {
  readonly invariant: InvariantName;
  /** What is said of it, where not everything that breaks this invariant is known. */
  readonly problem?: RegExp;
}

const KNOWN: readonly Known[] = [
  // before its first plan a run waits for everyone whom it was founded for, also for one that left meanwhile
  { invariant: 'nothing waits for ever', problem: /last commit at never s/ },
  // whoever was away at the end finds nobody
  { invariant: 'nothing waits for ever', problem: /do not learn that the run has ended/ },
];

/** Whether a seed failed in one of these ways. */
export function isKnown({ failure }: SeedResult): boolean {
  return KNOWN.some(
    (known) => known.invariant === failure?.invariant && (known.problem?.test(failure.problem) ?? true),
  );
}
