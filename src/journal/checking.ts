// Whether an entry is what it says: it follows the one before, matches its hash and is signed by its author.

import type { Identity } from '../seams/identity.ts';
import type { PeerName } from '../seams/network.ts';
import { canonicalBytes, fromHex, type Json, toHex } from './canonical.ts';
import { type Entry, type EntryBody, GENESIS_PREVIOUS, JournalError } from './entry.ts';
import { checkRefounding } from './refounding.ts';

/** Throws a JournalError unless an entry follows the one before (none: it is the first) and is signed by its author. */
export async function checkNext(
  entry: Entry,
  before: EntryPlace | undefined,
  identity: Verifier,
): Promise<void> {
  const { index, author } = entry;
  const where = { index, author };
  const expected = (before?.index ?? -1) + 1;
  if (index !== expected) {
    throw new JournalError(`expected entry ${expected}, this one says ${index}`, where);
  }
  if (entry.previous !== (before?.hash ?? GENESIS_PREVIOUS)) {
    throw new JournalError(`entry ${index} does not follow the one before it`, where);
  }
  if (entry.term < (before?.term ?? 0)) {
    throw new JournalError(`entry ${index} is of term ${entry.term}, before ${before?.term}`, where);
  }
  await checkSigned(entry, identity);
}

/** What the next entry follows. */
export type EntryPlace = Pick<Entry, 'index' | 'term' | 'hash'>;

type Verifier = Pick<Identity, 'digest' | 'verify'>;

/** Entries that cannot change and that match their hashes. */
const hashed = new WeakSet<Entry>();

/** Throws a JournalError unless the entry matches its hash and is signed by its author. */
export async function checkSigned(entry: Entry, identity: Verifier): Promise<void> {
  const { hash, signature, ...unsigned } = entry;
  const { index, author } = unsigned;
  const where = { index, author };
  if (!hashed.has(entry)) {
    const bytes = identity.digest(canonicalBytes(unsigned as unknown as Json));
    if (toHex(bytes) !== hash) throw new JournalError(`entry ${index} does not match its hash`, where);
    if (Object.isFrozen(entry)) hashed.add(entry);
  }
  const proof = fromHex(signature);
  if (proof === undefined || !(await identity.verify(author, fromHex(hash)!, proof))) {
    throw new JournalError(`entry ${index} is not signed by ${author}`, where);
  }
  await checkRefounding(entry, identity);
}

/** Who keeps the journal from an entry on, where it says so. */
export function keepersIn(body: EntryBody): readonly PeerName[] | undefined {
  switch (body.kind) {
    case 'genesis':
      return [body.founder];
    case 'keepers':
    case 'refound':
      return body.keepers;
    default:
      return undefined;
  }
}
