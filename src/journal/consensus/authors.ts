// Whether entries can be what the keepers' leaders have made. A leader makes all entries of its term and nobody else
// makes one, and only a keeper is elected. Keepers are known from the entries before, so whoever was never let in by one
// of them cannot write itself in: neither with entries of its own, nor with a certificate that only it has signed.

import type { KeeperLog } from './log.ts';
import type { LogEntry } from './messages.ts';

/**
 * Why entries, which follow one that the log has, cannot be of the leaders of their terms; undefined where they can. A
 * keeper that one entry takes out may lead until that is certain. Whether a founding was agreed to is not asked here.
 */
export function wrongAuthor<E extends LogEntry>(
  log: Omit<KeeperLog<E>, 'write' | 'dropUpTo' | 'restart'>,
  entries: readonly E[],
): string | undefined {
  const [first] = entries;
  if (first === undefined) return undefined;
  const before = first.index - 1;
  // of the base's author nothing is known: an entry of its term is believed, unless it changes the keepers
  let author = log.at(before)?.author;
  let term = log.termAt(before) ?? 0;
  let keepers = log.keepersAt(before);
  let former = log.keepersBefore(before);
  for (const entry of entries) {
    const { index } = entry;
    if (entry.founds) {
      if (index > 0 && entry.term <= term) return `entry ${index} founds the run again in a term that was`;
      if (entry.keepers?.length !== 1 || entry.keepers[0] !== entry.author) {
        return `entry ${index} founds a run for others than its author`;
      }
    } else {
      const begins = entry.term > term;
      if (!begins && author !== undefined && entry.author !== author) {
        return `entry ${index} of term ${entry.term} is by ${entry.author}, and ${author} leads that term`;
      }
      const mayLead = keepers.includes(entry.author) || former.includes(entry.author);
      if ((begins || entry.keepers) && !mayLead) return `entry ${index} is by ${entry.author}, no keeper`;
    }
    if (entry.keepers) {
      former = entry.founds ? [] : keepers;
      keepers = entry.keepers;
    }
    ({ author, term } = entry);
  }
  return undefined;
}
