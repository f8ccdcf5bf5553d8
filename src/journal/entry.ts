// What stands in a run's journal, and how an entry's bytes are checked when they come from another peer.

import { z } from 'zod';
import type { PeerName } from '../seams/network.ts';
import { frozen, remembering } from './recent.ts';

export const peer = z.string().min(1).max(128);
export const digest = z.string().regex(/^[0-9a-f]{64}$/);
export const count = z.number().int().min(0).max(4_294_967_295);
const text = z.string().max(1000);
const signature = z
  .string()
  .regex(/^[0-9a-f]*$/)
  .max(1024);
/** an hour at most: a peer that claims more is not believed */
const microseconds = z.number().int().min(0).max(3_600_000_000);

/** Where the weights of a peer that enters a stage come from. */
export const origin = z.discriminatedUnion('kind', [
  /** the initial weights, from the run's seed */
  z.object({ kind: z.literal('initial') }),
  /** a replica's frozen snapshot */
  z.object({ kind: z.literal('donor'), donor: peer }),
  /** the peer's own snapshot on its disk */
  z.object({ kind: z.literal('stored'), iteration: count }),
  /** the exact copies that these members keep outside the stage */
  z.object({ kind: z.literal('shadow'), sources: z.array(peer).min(1).max(16) }),
  /** computed from the run's first weights and the updates, which stand in this journal (forward passes alone) */
  z.object({ kind: z.literal('replay') }),
  /** rebuilt from other stages because nobody holds this one any more */
  z.object({
    kind: z.literal('rebuild'),
    rule: z.string().max(40),
    sources: z.array(z.object({ stage: count, peer, gradientNorm: z.number().min(0) })).max(64),
  }),
]);

const memberChange = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('enter'),
    peer,
    name: z.string().min(1).max(64),
    addresses: z.array(z.string().max(300)).max(16),
    stage: count,
    origin,
    /** micro-batches whose activations fit there; without it, as many as come */
    memoryMicrobatches: z.number().int().min(1).max(1_000_000).optional(),
    /** whether it said that it has the run's text */
    hasText: z.boolean().optional(),
  }),
  /** its weights are in place: it counts from the next plan on */
  z.object({ kind: z.literal('active'), peer }),
  /** beside its own stage it keeps an exact copy of another one from here on */
  z.object({ kind: z.literal('shadow'), peer, stage: count, origin }),
  /** that copy is in place */
  z.object({ kind: z.literal('shadowing'), peer }),
  /** it keeps none any more */
  z.object({ kind: z.literal('unshadowed'), peer, reason: text }),
  z.object({
    kind: z.literal('gone'),
    peer,
    how: z.enum(['left', 'broken', 'silent', 'failed']),
    reason: text,
    /** it sent what no sound peer sends, and no leader lets it in again */
    barred: z.literal(true).optional(),
  }),
]);

const weightReports = z
  .array(z.object({ stage: count, digest, replicas: count, divergent: z.array(peer).max(10_000) }))
  .max(10_000);

const peerTimes = z.object({
  peer,
  /** means per micro-batch; 0 where nothing was measured */
  forward: microseconds,
  backward: microseconds,
  head: microseconds,
  /** one activation, by receiver, and the part of that which an empty message takes too */
  links: z.array(z.object({ to: peer, microseconds, latency: microseconds })).max(1024),
});

const planner = z.object({
  version: count,
  policy: z.string().max(40),
  seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  /** of the search; 0 where the policy does not search */
  steps: count,
  /** the iteration up to whose commit the measurements were used; 0 for none */
  measuredUpTo: count,
});

const body = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('genesis'), runId: digest, founder: peer }),
  z.object({ kind: z.literal('leader'), peer, reason: text }),
  /** who keeps the journal from this entry on; one more or one less than before */
  z.object({ kind: z.literal('keepers'), keepers: z.array(peer).min(1).max(15) }),
  /** most keepers are gone for good: the run goes on from the longest journal that the survivors have */
  z.object({
    kind: z.literal('refound'),
    /** the run's id */
    run: digest,
    peer,
    keepers: z.array(peer).min(1).max(15),
    lost: z.array(peer).max(15),
    /** who agreed, the author among them, each with its signature (refounding.ts) */
    agreed: z.array(z.object({ peer, signature })).min(1).max(10_000),
  }),
  z.object({ kind: z.literal('members'), changes: z.array(memberChange).max(10_000) }),
  z.object({
    kind: z.literal('plan'),
    iteration: count,
    attempt: count,
    plan: z.unknown(),
    /** what the plan was computed from, beside the members: with it anyone gets the same bytes */
    planner: planner.optional(),
  }),
  z.object({
    kind: z.literal('commit'),
    iteration: count,
    attempt: count,
    /** mean loss over the micro-batches that reached their head; null when none did */
    loss: z.number().nullable(),
    stages: z
      .array(
        z.object({
          stage: count,
          round: count,
          microbatches: z.array(count).max(100_000),
          contributors: z.array(peer).max(10_000),
          sumDigest: digest.optional(),
          gradientNorm: z.number().min(0),
          leftOut: z.array(z.object({ peer, reason: text })).max(10_000),
        }),
      )
      .max(10_000),
    dropped: z.array(z.object({ microbatch: count, reason: text })).max(100_000),
    visitsComputed: count,
    visitsCounted: count,
    /** forward passes alone: per direction of a micro-batch what its samples' losses differ by, a byte each, in hexadecimal */
    probes: z
      .array(
        z.object({
          probe: count,
          differences: z
            .string()
            .regex(/^([0-9a-f]{2})*$/)
            .max(100_000),
        }),
      )
      .max(100_000)
      .optional(),
    /** weights after the iteration before, as each stage's replicas reported them */
    weights: weightReports,
    /** what each participant measured in this iteration; there where the run's policy plans from it */
    measurements: z.array(peerTimes).max(10_000).optional(),
    /** digest of the run's state before this entry (swarm/summary.ts): with this commit, keepers certify it */
    summary: digest.optional(),
  }),
  z.object({
    kind: z.literal('repair'),
    stage: count,
    rule: z.string().max(40),
    peer,
    iteration: count,
    lostAfter: count,
    sources: z.array(z.object({ stage: count, peer })).max(64),
    digest,
  }),
  z.object({ kind: z.literal('end'), iteration: count, weights: weightReports }),
]);

const entrySchema = z.object({
  index: count,
  term: count,
  /** hash of the entry before; 64 zeros for the first */
  previous: digest,
  author: peer,
  body,
  hash: digest,
  /** the author's, over the hash's bytes */
  signature,
});

export type Origin = z.infer<typeof origin>;
export type MemberChange = z.infer<typeof memberChange>;
export type EntryBody = z.infer<typeof body>;
export type CommitBody = Extract<EntryBody, { kind: 'commit' }>;
export type Planner = z.infer<typeof planner>;
export type WeightReport = z.infer<typeof weightReports>[number];
export type Entry = z.infer<typeof entrySchema>;

export const GENESIS_PREVIOUS = '0'.repeat(64);

export class JournalError extends Error {
  override readonly name = 'JournalError';
  /** Index of the entry that is wrong, where known. */
  readonly index: number | undefined;
  readonly author: PeerName | undefined;
  constructor(message: string, where: { index?: number; author?: PeerName } = {}) {
    super(message);
    this.index = where.index;
    this.author = where.author;
  }
}

/** Characters of lines whose entries are remembered. */
const RECENT_CHARACTERS = 4_000_000;

/**
 * An entry out of one line of text, the same for the same line; it cannot be changed. Throws a JournalError that says
 * what is wrong. Hash and signature are not checked here.
 */
export const parseEntry: (line: string) => Entry = remembering(
  (line) => frozen(parse(line)),
  (line) => line.length,
  RECENT_CHARACTERS,
);

function parse(line: string): Entry {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new JournalError(`not JSON: ${line.slice(0, 60)}`);
  }
  const parsed = entrySchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const at = (value as { index?: unknown } | null)?.index;
  throw new JournalError(
    `not a journal entry: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
    typeof at === 'number' ? { index: at } : {},
  );
}
