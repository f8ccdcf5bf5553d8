// What a store's journal says when a peer starts: its entries one after another, from the run's beginning or from what
// stands for it.

import { type Entry, JournalError } from '../../journal/entry.ts';
import { Journal, type JournalOptions } from '../../journal/journal.ts';
import type { JournalStart } from '../../journal/skeleton.ts';
import type { Identity } from '../../seams/identity.ts';
import type { Store } from '../../seams/store.ts';
import { RunState } from '../run-state.ts';
import { decodeSummary } from '../summary.ts';

/** A store's journal, and what it says; throws a JournalError when it is not sound. */
export async function openJournal(
  identity: Identity,
  store: Store,
  senseless: (problem: JournalError) => void,
  options: Omit<JournalOptions, 'begin' | 'replay'> = {},
): Promise<{ journal: Journal; state: RunState }> {
  let state = new RunState(identity.digest);
  const begin = ({ summary }: JournalStart) => {
    state = RunState.from(decodeSummary(summary), identity.digest);
  };
  const replay = (entry: Entry) => {
    applyTo(state, entry, senseless);
  };
  const journal = await Journal.open(identity, store, { ...options, begin, replay });
  return { journal, state };
}

/** Applies the next entry; whether it made sense. The state is as it was when it did not. */
export function applyTo(state: RunState, entry: Entry, senseless: (problem: JournalError) => void): boolean {
  try {
    state.apply(entry);
    return true;
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    senseless(error);
    return false;
  }
}
