// Who kept a run's journal, without the rest of it: its first entry and those that changed its keepers, each with a
// certificate of those whom it names. Changes are by one, so a majority after a change has somebody of before it in it,
// and whoever trusts the founder's keeper at the beginning comes to the keepers at the end, link by link. With them a
// journal can begin in its middle: they have certified the commit that it begins with, and that a summary.

import type { Identity } from '../seams/identity.ts';
import type { PeerName } from '../seams/network.ts';
import { canonicalJson, fromHex, type Json, toHex } from './canonical.ts';
import type { Certificate, LogBase } from './consensus/messages.ts';
import { proves } from './consensus/proof.ts';
import { consensusRules } from './consensus/rules.ts';
import { readCertificate } from './consensus/wire.ts';
import { checkNext, checkSignatures, checkSigned, type EntryPlace, keepersIn } from './checking.ts';
import { type Entry, JournalError, parseEntry } from './entry.ts';

export interface Skeleton {
  /** The genesis; then stretches, each from a change of keepers on up to an entry of which there is a certificate. */
  readonly entries: readonly Entry[];
  /** Of the last entry of each stretch, in order. */
  readonly certificates: readonly Certificate[];
}

/** What stands in place of the entries before a journal's first. */
export interface JournalStart extends LogBase {
  /** What those entries have led to, as JSON (swarm/summary.ts). */
  readonly summary: Uint8Array;
  readonly skeleton: Skeleton;
}

type Verifier = Pick<Identity, 'digest' | 'verify'>;

interface Change {
  readonly index: number;
  readonly keepers: readonly PeerName[];
}

/**
 * The changes of keepers in entries that follow each other, of the last of which there is a certificate. Throws a
 * JournalError unless whoever trusts the keepers before them has reason to trust the certificate.
 */
export async function checkStretch(
  stretch: readonly Entry[],
  certificate: Certificate,
  before: readonly PeerName[],
  runId: string,
  identity: Pick<Identity, 'verify'>,
): Promise<readonly Change[]> {
  const signers = new Set(certificate.signatures.map(({ keeper }) => keeper));
  const changes: Change[] = [];
  let keepers = before;
  for (const entry of stretch) {
    const { index, author, body } = entry;
    const wrong = (why: string) =>
      new JournalError(`entry ${index}, before a summary, ${why}`, { index, author });
    const changed = keepersIn(body);
    if (changed === undefined) continue;
    if (body.kind !== 'keepers') throw wrong('founds the run again: only the whole journal shows who agreed');
    if (!consensusRules.mayFollow(keepers, changed)) throw wrong('changes more than one keeper');
    if (!keepers.includes(author)) throw wrong(`is by ${author}, who was no keeper`);
    if (!keepers.some((keeper) => signers.has(keeper)))
      throw wrong('is certified by none of the keepers before');
    keepers = changed;
    changes.push({ index, keepers });
  }
  const last = stretch.at(-1);
  const { index, hash, term } = certificate;
  const isOfLast = last?.index === index && last.hash === hash && last.term === term;
  if (!isOfLast || !proves(certificate, keepers, consensusRules)) {
    throw new JournalError(`the certificate of entry ${index} does not prove it`, { index });
  }
  await checkSignatures(certificate, runId, identity);
  return changes;
}

/**
 * Who kept the journal at an entry, by a skeleton that somebody sent. Throws a JournalError where it proves nothing.
 * @param index the last entry that counts; a stretch may go on after it
 */
export async function keepersBy(
  { entries, certificates }: Skeleton,
  run: { readonly runId: string; readonly founder: PeerName },
  index: number,
  identity: Verifier,
): Promise<readonly PeerName[]> {
  const [genesis, ...rest] = entries;
  if (genesis?.body.kind !== 'genesis') throw new JournalError('a skeleton without a first entry');
  if (genesis.body.runId !== run.runId || genesis.author !== run.founder) {
    throw new JournalError('a skeleton of another run', { index: 0, author: genesis.author });
  }
  await checkNext(genesis, undefined, identity);
  const changes: Change[] = [{ index: 0, keepers: [run.founder] }];
  let last: EntryPlace = genesis;
  let at = 0;
  for (const certificate of certificates) {
    const begin = at;
    for (; at < rest.length && rest[at]!.index <= certificate.index; at++) {
      const entry = rest[at]!;
      if (at > begin) await checkNext(entry, last, identity);
      else if (entry.index > last.index) await checkSigned(entry, identity);
      else throw new JournalError(`entry ${entry.index} of a skeleton comes too late`, entry);
      last = entry;
    }
    const { keepers } = changes.at(-1)!;
    changes.push(...(await checkStretch(rest.slice(begin, at), certificate, keepers, run.runId, identity)));
  }
  if (at < rest.length) throw new JournalError('entries of a skeleton without a certificate', rest[at]!);
  return changes.findLast((change) => change.index <= index)!.keepers;
}

/** A certificate as one line of text. */
export function certificateLine({ signatures, ...rest }: Certificate): string {
  return canonicalJson({
    ...rest,
    signatures: signatures.map(({ keeper, signature }) => ({ keeper, signature: toHex(signature) })),
  });
}

/** A certificate out of such a line. Throws a JournalError. */
export function parseCertificate(line: string): Certificate {
  try {
    const value = JSON.parse(line) as { index: number; term: number; hash: string; signatures: unknown[] };
    const signatures = (value.signatures as { keeper: string; signature: string }[]).map((one) => ({
      keeper: one.keeper,
      signature: fromHex(one.signature)!,
    }));
    return readCertificate({ index: value.index, term: value.term, hash: value.hash, signatures });
  } catch (error) {
    throw new JournalError(`not a certificate: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** As it lies beside a journal that begins there. */
export function encodeStart({ index, term, hash, keepers, summary, skeleton }: JournalStart): Uint8Array {
  const entries = skeleton.entries.map((entry) => canonicalJson(entry as unknown as Json));
  const certificates = skeleton.certificates.map(certificateLine);
  return new TextEncoder().encode(
    canonicalJson({
      index,
      term,
      hash,
      keepers,
      summary: new TextDecoder().decode(summary),
      skeleton: { entries, certificates },
    }),
  );
}

/** What lies beside a journal. Throws a JournalError. */
export function decodeStart(bytes: Uint8Array): JournalStart {
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as {
      readonly [Key in keyof JournalStart]: unknown;
    };
    const { index, term, hash, keepers, summary } = value;
    const { entries, certificates } = value.skeleton as Record<'entries' | 'certificates', unknown>;
    if (!Number.isSafeInteger(index) || !Number.isSafeInteger(term)) throw new Error('it begins nowhere');
    if (typeof hash !== 'string' || typeof summary !== 'string') throw new Error('it has no summary');
    return {
      index: index as number,
      term: term as number,
      hash,
      keepers: texts(keepers),
      certificate: undefined,
      summary: new TextEncoder().encode(summary),
      skeleton: {
        entries: texts(entries).map(parseEntry),
        certificates: texts(certificates).map(parseCertificate),
      },
    };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new JournalError(`what stands for the beginning of the journal is not readable: ${problem}`);
  }
}

function texts(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw new Error('a list of texts is something else');
}
