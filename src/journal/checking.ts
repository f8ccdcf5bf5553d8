// Whether an entry is what it says: it follows the one before, matches its hash and is signed by its author; and whether
// a certificate is signed by those whom it names.

import type { Identity } from '../seams/identity.ts';
import type { PeerName } from '../seams/network.ts';
import { canonicalBytes, fromHex, type Json, toHex } from './canonical.ts';
import type { Certificate } from './consensus/messages.ts';
import { acknowledgement } from './consensus/wire.ts';
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

/** Throws a JournalError unless everyone whom a certificate names has signed it. */
export async function checkSignatures(
  certificate: Certificate,
  runId: string,
  identity: Pick<Identity, 'verify'>,
): Promise<void> {
  const { index } = certificate;
  const keeper = await signerInName(certificate, runId, identity);
  if (keeper === undefined) return;
  throw new JournalError(`the certificate of entry ${index} is not signed by ${keeper}`, { index });
}

/** A keeper whom a certificate names and who has not signed it; undefined where all have. */
export async function signerInName(
  certificate: Certificate,
  runId: string,
  identity: Pick<Identity, 'verify'>,
): Promise<PeerName | undefined> {
  const said = acknowledgement(runId, certificate);
  for (const { keeper, signature } of certificate.signatures) {
    if (!(await identity.verify(keeper, said, signature))) return keeper;
  }
  return undefined;
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
