// What seeds are known to find and nobody has mended yet, with the reason. Anything else that they find is an error.

import type { InvariantName } from '../../../src/replay/invariants.ts';

/**
 * The journal is ordered by succession: whoever reaches half of the others leads. A leader that is cut off goes on
 * until it hears of another, and two halves may each elect one, so that entries that most peers have acted on are
 * replaced. Agreement among keepers will end this, and with it this list.
 */
const KNOWN: readonly InvariantName[] = ['committed history is one chain'];

export function isKnown({ invariant }: { readonly invariant: InvariantName }): boolean {
  return KNOWN.includes(invariant);
}
