// What a journal has in its store, by name, and how it is read: whatever is not readable is a JournalError.

import type { Store } from '../seams/store.ts';
import type { Ballot } from './consensus/messages.ts';
import { type Entry, JournalError, parseEntry } from './entry.ts';
import { decodeStart, type JournalStart } from './skeleton.ts';

/** One entry a line. */
export const LOG = 'journal';
/**
 * One line for each proof. The last says how far the journal is certain, and those of changes of keepers are a
 * skeleton's; of the others it is cleared now and then.
 */
export const CERTIFICATES = 'certificates';
export const BALLOT = 'ballot';
/** Lines that are read from the store at once. */
export const PORTION = 256;
/** What stands for the entries before the log's first, where that is not the run's; found by the first entry's index. */
export const startName = (firstIndex: number): string => `${LOG}-start-${firstIndex}`;
/** Where a log lies, or its certificates, that one beginning with that entry has taken the place of. */
export const beforeName = (log: string, firstIndex: number): string => `${log}-before-${firstIndex}`;

/** What stands for the entries before the first that a store holds; undefined where that is the run's, or there is none. */
export async function storedStart(store: Store): Promise<JournalStart | undefined> {
  const [line] = await store.readLog(LOG, 0, 1);
  const { index } = line === undefined ? { index: 0 } : storedEntry(line, 0);
  const bytes = index === 0 ? undefined : await store.readBlob(startName(index));
  return bytes && startBefore(index, bytes);
}

/** What lies beside a log for the entries before its first. Throws a JournalError. */
export function startBefore(firstIndex: number, bytes: Uint8Array): JournalStart {
  const start = decodeStart(bytes);
  if (start.index + 1 === firstIndex) return start;
  throw new JournalError(
    `what stands for the entries before ${firstIndex} is of those before ${start.index + 1}`,
  );
}

/** The entry on a line of the log. */
export function storedEntry(line: string, index: number): Entry {
  try {
    return parseEntry(line);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new JournalError(`entry ${index} (line ${index + 1}): ${problem}`, { index });
  }
}

/** For whom this peer has voted last; undefined where it never has. */
export async function storedBallot(store: Store): Promise<Ballot | undefined> {
  const bytes = await store.readBlob(BALLOT);
  if (bytes === undefined) return undefined;
  try {
    const { term, votedFor, signedUpTo } = JSON.parse(new TextDecoder().decode(bytes)) as Ballot;
    if (!Number.isSafeInteger(term) || term < 0 || typeof votedFor !== 'string') throw new Error('no ballot');
    if (signedUpTo === undefined) return { term, votedFor };
    if (!Number.isSafeInteger(signedUpTo)) throw new Error('no ballot');
    return { term, votedFor, signedUpTo };
  } catch {
    throw new JournalError('the ballot on the disk is not readable; without it this peer could vote twice');
  }
}

/** Puts a copy of a log under another name, in place of what is there. */
export async function copyLog(store: Store, name: string, to: string): Promise<void> {
  await store.replaceLog(to, []);
  for (let from = 0; ; from += PORTION) {
    const lines = await store.readLog(name, from, PORTION);
    if (lines.length > 0) await store.appendLog(to, ...lines);
    if (lines.length < PORTION) return;
  }
}
