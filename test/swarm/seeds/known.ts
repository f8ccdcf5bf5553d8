// What seeds are known to find and nobody has mended yet, with the reason. Anything else that they find is an error.

import type { InvariantName } from '../../../src/replay/invariants.ts';

/**
 * The journal is ordered by succession: whoever reaches half of the others leads. A leader that is cut off goes on
 * until it hears of another, two halves may each elect one, and a founder that starts again within seconds begins a
 * history of its own, so that entries that most peers have acted on are replaced. Whoever reads such entries from a
 * peer that its own journal does not know calls it misbehaving. Agreement among keepers will end this, and with it
 * this list.
 */
const KNOWN: readonly { readonly invariant: InvariantName; readonly problem?: RegExp }[] = [
  { invariant: 'committed history is one chain' },
  {
    invariant: 'no honest peer is called misbehaving',
    problem: /it sends entries and is not in the run|does not follow|leads$/,
  },
];

export function isKnown(failure: { readonly invariant: InvariantName; readonly problem: string }): boolean {
  return KNOWN.some(
    ({ invariant, problem }) => invariant === failure.invariant && (problem?.test(failure.problem) ?? true),
  );
}
