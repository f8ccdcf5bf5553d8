// How a peer makes entries of its own.

import type { Identity } from '../seams/identity.ts';
import { canonicalBytes, canonicalJson, type Json, toHex } from './canonical.ts';
import { type Entry, type EntryBody, parseEntry } from './entry.ts';

/** Makes and signs entries of this peer's that follow one another and the one given; they are not kept yet. */
export async function makeEntries(
  identity: Identity,
  bodies: readonly EntryBody[],
  term: number,
  after: { readonly index: number; readonly hash: string },
): Promise<Entry[]> {
  const made: Entry[] = [];
  let { index, hash: previous } = after;
  for (const body of bodies) {
    index++;
    const unsigned = { index, term, previous, author: identity.self, body };
    const bytes = identity.digest(canonicalBytes(unsigned as unknown as Json));
    const hash = toHex(bytes);
    const signature = toHex(await identity.sign(bytes));
    const line = canonicalJson({ ...unsigned, hash, signature } as unknown as Json);
    made.push(parseEntry(line)); // what others could not read is not written
    previous = hash;
  }
  return made;
}
