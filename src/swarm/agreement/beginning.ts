// Beginning a journal in the middle of its run, or anew with somebody else's: what is offered to somebody who lacks what
// comes before, and how whoever takes it, or finds it on a disk, sees that it is this run's and that those who kept the
// run have certified it.

import { checkNext, checkSignatures, type EntryPlace, keepersIn } from '../../journal/checking.ts';
import type { Certificate } from '../../journal/consensus/messages.ts';
import { proves } from '../../journal/consensus/proof.ts';
import { consensusRules } from '../../journal/consensus/rules.ts';
import { type Entry, JournalError, parseEntry } from '../../journal/entry.ts';
import { Journal } from '../../journal/journal.ts';
import { checkStretch, type JournalStart, keepersBy, type Skeleton } from '../../journal/skeleton.ts';
import type { Identity } from '../../seams/identity.ts';
import type { PeerName } from '../../seams/network.ts';
import { RunState } from '../run-state.ts';
import { decodeSummary, encodeSummary } from '../summary.ts';

/** What stands in place of the entries before a commit, for somebody who lacks them. */
export interface SummaryOffer {
  /** Where the commit stands that certifies it. */
  readonly index: number;
  /** As canonical JSON. */
  readonly state: Uint8Array;
  readonly skeleton: Skeleton;
}

/** A summary, and who kept the journal until then, are no more than this each: they go in one message. */
const MOST_SUMMARY_BYTES = 1024 * 1024;
const MOST_SKELETON_ENTRIES = 2048;

type Run = Pick<RunState, 'runId' | 'founder'>;
type Verifier = Pick<Identity, 'digest' | 'verify'>;

/** Who asks for a part of a journal, and how much of it one answer holds. */
export interface Asked {
  /** It has the entries before this one. */
  readonly fromIndex: number;
  readonly answerEntries: number;
  readonly answerBytes: number;
}

/**
 * What a peer may read in place of the entries before the newest summary; undefined when it is to read entries. A
 * summary is for one that asks for entries which are not here, for one that has none at all where it is fewer bytes, and
 * for one that has some where it is fewer bytes and what it lacks is more than one answer. That one's journal is whole
 * no more: it is asked to only by a peer whose own is, so that somebody's always is. After the run was founded again, it
 * is the last summary of before: half of the members have agreed, and who they were, the entries since then show.
 */
export async function offerFor(
  { fromIndex, answerEntries, answerBytes }: Asked,
  journal: Journal,
  { summarised, runId, founder }: Pick<RunState, 'summarised'> & Run,
  identity: Pick<Identity, 'digest'>,
): Promise<SummaryOffer | undefined> {
  if (summarised === undefined || fromIndex >= summarised.index) return undefined;
  const { index, summary } = summarised;
  const isNeeded = fromIndex < journal.first;
  const missing = index - fromIndex;
  const missingBytes = (journal.bytes * missing) / (journal.length - journal.first);
  if (!isNeeded && fromIndex > 0) {
    const isMuch = missing > answerEntries || missingBytes > answerBytes;
    if (journal.first > 0 || !isMuch) return undefined;
  }
  const state = encodeSummary(summary);
  const skeleton = await journal.skeleton(index - 1, MOST_SKELETON_ENTRIES);
  const certificate = journal.summaryCertificate(index);
  if (skeleton === undefined || certificate === undefined) return undefined;
  const skeletonBytes = skeleton.entries.reduce((sum, entry) => sum + Journal.line(entry).length, 0);
  if (Math.max(state.length, skeletonBytes) > MOST_SUMMARY_BYTES) return undefined;
  if (!isNeeded && state.length + skeletonBytes >= missingBytes) return undefined;
  try {
    const stretch = await journal.entries(index, certificate.index + 1);
    // signatures on one's own disk have been checked
    const verifier = { digest: identity.digest, verify: async () => true };
    const keepers = await keepersBy(skeleton, { runId, founder }, index - 1, verifier);
    await checkStretch(stretch, certificate, keepers, runId, verifier);
  } catch (error) {
    if (error instanceof JournalError) return undefined; // keepers changed faster than there are certificates here
    throw error;
  }
  return { index, state, skeleton };
}

/** What a journal begins with in its middle, once it is proved. */
export interface Beginning {
  readonly start: JournalStart;
  readonly state: RunState;
  /** From the summary's commit on, up to the first that is certified. */
  readonly stretch: readonly Entry[];
  readonly certificate: Certificate;
}

/**
 * What somebody offers in place of a journal's beginning, checked. Throws a JournalError when it is not proved.
 * @param lines from the summary's commit on
 * @param certificates of some of them, in order
 */
export async function checkOffer(
  { state: summary, skeleton }: Pick<SummaryOffer, 'state' | 'skeleton'>,
  lines: readonly string[],
  certificates: readonly Certificate[],
  run: Run,
  identity: Verifier,
): Promise<Beginning> {
  const entries = lines.map(parseEntry);
  const [first] = entries;
  if (first === undefined || !certifiesSummary(first)) {
    throw new JournalError('a summary without the commit that certifies it', first);
  }
  const [index, term, hash] = [first.index - 1, first.term, first.previous];
  let before: EntryPlace = { index, term, hash };
  for (const entry of entries) {
    await checkNext(entry, before, identity);
    before = entry;
  }
  const certificate = certificates.find((one) => one.index > index);
  if (certificate === undefined) throw new JournalError('a summary without a certificate', first);
  const { keepers } = decodeSummary(summary);
  const start = { index, term, hash, keepers, certificate: undefined, summary, skeleton };
  const state = await stateAt(start, run, identity);
  state.check(first);
  const stretch = entries.filter((entry) => entry.index <= certificate.index);
  await checkStretch(stretch, certificate, keepers, run.runId, identity);
  return { start, state, stretch, certificate };
}

/**
 * What is so where a journal begins. Throws a JournalError unless its summary is of this run, and of those who kept it
 * then; whether they have certified it, the first certificate after it says.
 */
export async function stateAt(start: JournalStart, run: Run, identity: Verifier): Promise<RunState> {
  const state = RunState.from(decodeSummary(start.summary), identity.digest);
  const keepers = await keepersBy(start.skeleton, run, start.index, identity);
  const where = { index: start.index + 1 };
  const isOfKeepers = isSame(keepers, start.keepers) && isSame(keepers, state.keepers);
  if (!isOfKeepers || state.runId !== run.runId || state.founder !== run.founder) {
    throw new JournalError('the summary before it is not of those who kept this run', where);
  }
  if (state.refounded.length > 0) {
    throw new JournalError(
      'the summary before it is of a run founded again, of which only entries tell',
      start,
    );
  }
  return state;
}

/** Throws a JournalError unless the last of a whole journal's entries is certified by those who keep it there. */
export async function checkEnd(
  entries: readonly Entry[],
  certificate: Certificate,
  runId: string,
  identity: Pick<Identity, 'verify'>,
): Promise<void> {
  const last = entries.at(-1);
  const keepers = entries.map(({ body }) => keepersIn(body)).findLast((one) => one !== undefined);
  if (keepers === undefined || last?.hash !== certificate.hash || last.term !== certificate.term) {
    throw new JournalError('a journal that does not end where its certificate says', last);
  }
  if (!proves(certificate, keepers, consensusRules)) {
    throw new JournalError('a journal whose end is not certified by its keepers', last);
  }
  await checkSignatures(certificate, runId, identity);
}

/** Whether an entry may come first after a summary. */
export function certifiesSummary({ body }: Entry): boolean {
  return body.kind === 'commit' && body.summary !== undefined;
}

function isSame(one: readonly PeerName[], other: readonly PeerName[]): boolean {
  return one.length === other.length && one.every((peer, place) => peer === other[place]);
}
