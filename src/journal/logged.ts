// An entry as agreement sees it, with the entry itself.

import { keepersIn } from './checking.ts';
import type { LogEntry } from './consensus/messages.ts';
import type { Entry } from './entry.ts';

export interface LoggedEntry extends LogEntry {
  readonly entry: Entry;
}

export function logged(entry: Entry): LoggedEntry {
  const { index, term, hash, author, previous } = entry;
  const keepers = keepersIn(entry.body);
  const founds = entry.body.kind === 'genesis' || entry.body.kind === 'refound';
  return {
    index,
    term,
    hash,
    author,
    previous,
    entry,
    ...(keepers && { keepers }),
    ...(founds && { founds }),
  };
}
