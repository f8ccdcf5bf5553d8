// Whether entries in which the run is founded again may be taken: half of the members that there are by the entries
// before must have agreed. Without that, anyone could certify alone that it keeps the journal alone.

import { type Entry, JournalError } from '../../journal/entry.ts';
import type { RunState } from '../run-state.ts';

/** Throws a JournalError where too few agreed. `state` is what the first `length` entries say. */
export function checkFoundings(entries: readonly Entry[], state: RunState, length: number): void {
  let after = state;
  for (const { index, author, body } of entries) {
    if (index < length) continue;
    if (body.kind === 'members') {
      after = after.with(body.changes.filter(({ kind, peer }) => kind === 'enter' || after.member(peer)));
    }
    if (body.kind !== 'refound') continue;
    const problem = after.refoundingProblem(body);
    if (problem !== undefined) throw new JournalError(`entry ${index}: ${problem}`, { index, author });
  }
}
