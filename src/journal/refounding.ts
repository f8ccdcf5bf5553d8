// Founding a run again: what a member signs that agrees to it, and how anyone who reads the entry checks that it did.

import type { Identity } from '../seams/identity.ts';
import type { PeerName } from '../seams/network.ts';
import { canonicalBytes, fromHex } from './canonical.ts';
import { type Entry, JournalError } from './entry.ts';

/** Who founds which run again, and after which entry. */
export interface RefoundingProposal {
  /** The run's id. */
  readonly run: string;
  readonly term: number;
  /** Where the entry will stand. */
  readonly index: number;
  /** Hash of the entry before it, and so of all of them. */
  readonly previous: string;
  readonly peer: PeerName;
}

/** What a member signs that agrees. */
export function refoundingAgreement({ run, term, index, previous, peer }: RefoundingProposal): Uint8Array {
  return canonicalBytes({ purpose: 'skein refounding', run, term, index, previous, peer });
}

/** Throws a JournalError unless everyone whom a `refound` entry names has signed for it; other entries pass. */
export async function checkRefounding(
  { index, term, previous, author, body }: Entry,
  identity: Pick<Identity, 'verify'>,
): Promise<void> {
  if (body.kind !== 'refound') return;
  const said = refoundingAgreement({ run: body.run, term, index, previous, peer: body.peer });
  for (const { peer, signature } of body.agreed) {
    const proof = fromHex(signature);
    if (proof !== undefined && (await identity.verify(peer, said, proof))) continue;
    throw new JournalError(`entry ${index} (refound): ${peer} has not signed that it agrees`, {
      index,
      author,
    });
  }
}
