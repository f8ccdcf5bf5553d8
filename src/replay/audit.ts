// The audit of a run: whoever has the manifest and a journal finds out whether every entry is what the run's rules
// allow, without trusting anyone who took part. Four passes, each over what the ones before found sound: the entries as
// they are chained and signed, the keepers' certificates, the plans, and the commits with the weights they lead to. Of a
// journal that begins with a summary, all that is verified is from there on, and who certified it.

import { emptyBase, KeeperLog } from '../journal/consensus/log.ts';
import type { Certificate } from '../journal/consensus/messages.ts';
import { proves } from '../journal/consensus/proof.ts';
import { consensusRules } from '../journal/consensus/rules.ts';
import { type Entry, GENESIS_PREVIOUS, JournalError, parseEntry } from '../journal/entry.ts';
import { checkNext, signerInName } from '../journal/checking.ts';
import { Journal } from '../journal/journal.ts';
import { logged } from '../journal/logged.ts';
import { checkStretch, type JournalStart } from '../journal/skeleton.ts';
import type { Clock } from '../seams/clock.ts';
import type { Identity } from '../seams/identity.ts';
import type { PeerName } from '../seams/network.ts';
import { certifiesSummary, stateAt } from '../swarm/agreement/beginning.ts';
import type { SignedManifest } from '../swarm/manifest.ts';
import type { GivenWeights } from '../swarm/weights/obtaining.ts';
import { auditPlans } from '../swarm/planning/plan-audit.ts';
import { isForwardOnly, probeBytes } from '../swarm/training/probing.ts';
import { followedWeights, isBorneOut, storedOrigins } from '../swarm/weights/replaying.ts';
import { RunState } from '../swarm/run-state.ts';
import { SnapshotError, type StageSnapshot } from '../swarm/weights/snapshot.ts';
import { auditCommits } from './audit-commits.ts';
import { rememberedWeights } from './audit-weights.ts';

export interface AuditParts {
  /** The journal as it stands in the file. */
  readonly journal: string;
  /** The proofs that lie beside it, in any order. */
  readonly certificates: readonly Certificate[];
  readonly signed: SignedManifest;
  readonly identity: Pick<Identity, 'digest' | 'verify'>;
  readonly clock: Clock;
  /** The weights that the run began with, where they do not come from its seed. */
  readonly given?: GivenWeights | undefined;
  /** Stages as they were after an iteration: theirs are computed again from there on. */
  readonly snapshots?: readonly StageSnapshot[];
  /** What stands for the entries before the journal's first, where it does not begin with the run. */
  readonly start?: JournalStart | undefined;
}

/** What is wrong with an entry. */
export interface Finding {
  /** Where the entry stands or should stand, 0 the first. */
  readonly index: number;
  readonly problem: string;
}

export interface AuditProgress {
  readonly pass: 'entries' | 'certificates' | 'plans' | 'weights';
  readonly done: number;
  readonly of: number;
}

/** A pass gives how many entries it is through with, and in the end what it found. */
export type Pass = AsyncGenerator<number, Finding | undefined> | Generator<number, Finding | undefined>;

export interface Audit {
  /** Entries in the journal, one that is torn included. */
  readonly entries: number;
  /** Commits before the first bad entry. */
  readonly iterations: number;
  readonly verified: boolean;
  readonly firstBadEntry: number | null;
  /** What is wrong with it. */
  readonly problem: string | null;
  readonly runId: string;
  /** Whether the journal's last word is that the run has ended. */
  readonly ended: boolean;
  /** Where the journal does not begin with the run: what was before is taken on the word of these keepers. */
  readonly summary: {
    /** Of the commit that certifies the summary; entries are verified from it on. */
    readonly entry: number;
    /** Committed last before it. */
    readonly iteration: number;
    /** Who signed for it; nobody where the journal is bad before the first certificate. */
    readonly certifiedBy: readonly PeerName[];
  } | null;
  /** Entries that the certificates prove to be in the journal for good. */
  readonly certified: number;
  readonly plans: {
    /** Computed again, and the same. */
    readonly recomputed: number;
    /** Sound, and made by another version of the planner, which is not here to compute them. */
    readonly otherVersion: number;
  };
  /** Whether the weights were computed again from the journal's own updates. */
  readonly replayed: boolean;
  readonly notReplayed: string | null;
  /** Digests of weights in commits that were compared with what they have to be. */
  readonly digestsCompared: number;
  readonly bytes: {
    readonly journal: number;
    readonly manifest: number;
    /** Updates in the journal, each byte once. */
    readonly contributions: number;
  };
}

/** The lines of a journal file, and what stands after the last line's end. */
export function journalLines(text: string): { readonly lines: readonly string[]; readonly torn: string } {
  const lines = text.split('\n');
  const torn = lines.pop()!;
  return { lines, torn };
}

/** Whether a text is a journal at all, sound or not: any of its lines is an entry. */
export function isJournal(text: string): boolean {
  return journalLines(text).lines.some((line) => {
    try {
      parseEntry(line);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Audits a journal; gives its progress, and in the end what it found. Throws a SnapshotError for a snapshot whose weights
 * are not those that the journal has for its stage and iteration.
 */
export async function* audit(parts: AuditParts): AsyncGenerator<AuditProgress, Audit> {
  const { journal, signed } = parts;
  const { manifest, runId } = signed;
  const { lines, torn } = journalLines(journal);
  const total = lines.length + (torn === '' ? 0 : 1);
  const first = firstOf(parts);
  const counts: Counts = { certified: first, certifiedBy: [], recomputed: 0, otherVersion: 0, compared: 0 };
  const sound: Entry[] = [];
  let finding: Finding | undefined;
  async function* run(pass: AuditProgress['pass'], steps: Pass): AsyncGenerator<AuditProgress, void> {
    const of = pass === 'entries' ? total : sound.length;
    for (;;) {
      const step = await steps.next();
      if (step.done === true) {
        if (step.value !== undefined) {
          finding = step.value;
          sound.length = Math.min(sound.length, Math.max(0, finding.index - first));
        }
        return;
      }
      yield { pass, done: step.value - first, of };
    }
  }

  yield* run('entries', chained(parts, lines, torn, sound));
  yield* run('certificates', provedBy(parts, sound, finding === undefined, counts));
  yield* run('plans', plansOf(sound, parts, counts));
  const notReplayed = whyNotReplayed(parts);
  const { identity, clock, given, snapshots = [] } = parts;
  const known = snapshots.filter((snapshot) => isBorneOut(sound, snapshot, identity));
  const other = snapshots.find((snapshot) => !known.includes(snapshot));
  if (other !== undefined && finding === undefined) {
    const { stage, iteration } = other;
    throw new SnapshotError(
      `the journal does not have these weights of stage ${stage} after iteration ${iteration}`,
    );
  }
  const stored = storedOrigins(sound);
  const weights =
    notReplayed === null
      ? followedWeights({ manifest, identity, clock, given, stored, known })
      : rememberedWeights();
  const from = sound.length > 0 ? await stateBefore(parts) : new RunState();
  const { iteration } = from;
  yield* run('weights', auditCommits(sound, manifest, weights, counts, from));

  const commits = sound.flatMap(({ body }) => (body.kind === 'commit' ? [body] : []));
  return {
    entries: total,
    iterations: commits.length,
    verified: finding === undefined,
    firstBadEntry: finding?.index ?? null,
    problem: finding?.problem ?? null,
    runId,
    ended: sound.at(-1)?.body.kind === 'end',
    summary: parts.start === undefined ? null : { entry: first, iteration, certifiedBy: counts.certifiedBy },
    certified: Math.min(counts.certified - first, sound.length),
    plans: { recomputed: counts.recomputed, otherVersion: counts.otherVersion },
    replayed: notReplayed === null,
    notReplayed,
    digestsCompared: counts.compared,
    bytes: {
      journal: new TextEncoder().encode(journal).length,
      manifest: signed.bytes.length,
      contributions: commits.reduce((sum, commit) => sum + probeBytes(commit), 0),
    },
  };
}

interface Counts {
  certified: number;
  certifiedBy: readonly PeerName[];
  recomputed: number;
  otherVersion: number;
  compared: number;
}

/** The journal's first entry. */
const firstOf = ({ start }: AuditParts): number => (start?.index ?? -1) + 1;

/** What is so before the journal's first entry. Throws a JournalError unless it is of those who kept this run. */
async function stateBefore({ start, signed, identity }: AuditParts): Promise<RunState> {
  if (start === undefined) return new RunState(identity.digest);
  return stateAt(start, { runId: signed.runId, founder: signed.manifest.founder }, identity);
}

function whyNotReplayed({ signed: { manifest }, given, snapshots, start }: AuditParts): string | null {
  const { codec } = manifest.training;
  if (start !== undefined) return 'the journal begins with a summary';
  if (!isForwardOnly(manifest)) return `the updates of codec ${codec} are not in the journal`;
  const fromSnapshots = new Set(snapshots?.map(({ stage }) => stage)).size === manifest.training.stages;
  if (manifest.start !== undefined && given === undefined && !fromSnapshots) {
    return 'the run began with the weights of a model, which is not here';
  }
  return null;
}

/** The entries one after another: whole, following each other, signed, and of authors that had the right to them. */
async function* chained(
  parts: AuditParts,
  lines: readonly string[],
  torn: string,
  sound: Entry[],
): AsyncGenerator<number, Finding | undefined> {
  const { signed, identity, start } = parts;
  const first = firstOf(parts);
  let state: RunState | undefined;
  for (const [offset, line] of lines.entries()) {
    const index = first + offset;
    try {
      state ??= await stateBefore(parts);
      const entry = parseEntry(line);
      if (Journal.line(entry) !== line) throw new JournalError('it is not written as skein writes entries');
      await checkNext(entry, sound.at(-1) ?? start, identity);
      const { body } = entry;
      if (start !== undefined && offset === 0 && !certifiesSummary(entry)) {
        throw new JournalError('it comes first and does not certify the summary before it');
      }
      if (
        body.kind === 'genesis' &&
        (body.runId !== signed.runId || body.founder !== signed.manifest.founder)
      ) {
        throw new JournalError(`it begins run ${body.runId}, the manifest is of run ${signed.runId}`);
      }
      state.apply(entry);
      sound.push(entry);
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      return { index, problem: error.message };
    }
    yield index + 1;
  }
  if (torn === '') return undefined;
  return { index: first + lines.length, problem: 'it is cut off, as by a crash while it was written' };
}

/** Each certificate proves an entry that is here: a majority of those who kept the journal then have signed for it. */
async function* provedBy(
  parts: AuditParts,
  sound: readonly Entry[],
  isWhole: boolean,
  counts: Counts,
): AsyncGenerator<number, Finding | undefined> {
  const { certificates, signed, identity, start } = parts;
  const first = firstOf(parts);
  const log = new KeeperLog(start ?? emptyBase(GENESIS_PREVIOUS), sound.map(logged));
  for (const certificate of certificates.toSorted((a, b) => a.index - b.index)) {
    const { index, term, hash, signatures } = certificate;
    const entry = sound[index - first];
    if (entry === undefined) {
      // with a bad entry before it, nothing can be said of this one
      if (!isWhole) return undefined;
      return {
        index: first + sound.length,
        problem: `it is missing: entry ${index} was certified by the keepers`,
      };
    }
    if (entry.hash !== hash || entry.term !== term) {
      return { index, problem: 'the keepers certified another entry in its place' };
    }
    if (!proves(certificate, log.keepersAt(index), consensusRules)) {
      return { index, problem: 'its certificate is not of a majority of its keepers' };
    }
    const inName = await signerInName(certificate, signed.runId, identity);
    if (inName !== undefined) return { index, problem: `its certificate is not signed by ${inName}` };
    if (start !== undefined && counts.certifiedBy.length === 0) {
      // whoever wrote the summary may have written who keeps the journal after it, too
      const problem = await problemOfStart(start, sound.slice(0, index - first + 1), certificate, parts);
      if (problem !== undefined) return { index: first, problem };
      counts.certifiedBy = signatures.map(({ keeper }) => keeper);
    }
    counts.certified = index + 1;
    yield index + 1;
  }
  if (start === undefined || sound.length === 0 || counts.certifiedBy.length > 0) return undefined;
  return { index: first, problem: 'no certificate is here of those who kept the journal before it' };
}

async function problemOfStart(
  { keepers }: JournalStart,
  stretch: readonly Entry[],
  certificate: Certificate,
  { signed: { runId }, identity }: AuditParts,
): Promise<string | undefined> {
  try {
    await checkStretch(stretch, certificate, keepers, runId, identity);
    return undefined;
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    return `those who kept the journal before it have not certified it: ${error.message}`;
  }
}

async function* plansOf(
  entries: readonly Entry[],
  parts: AuditParts,
  counts: { recomputed: number; otherVersion: number },
): AsyncGenerator<number, Finding | undefined> {
  const from = entries.length > 0 ? await stateBefore(parts) : new RunState();
  for (const { index, outcome } of auditPlans(entries, parts.signed.manifest, from)) {
    switch (outcome.kind) {
      case 'equal':
        counts.recomputed++;
        break;
      case 'other-version':
        counts.otherVersion++;
        break;
      case 'different':
        return { index, problem: 'the plan is not the one that its planner computes from this journal' };
      case 'invalid':
        return { index, problem: `the plan is not sound: ${outcome.problem}` };
    }
    yield index + 1;
  }
  return undefined;
}
