// A run's journal summed up: all that its entries up to a commit have led to and that later ones build on. The commit
// says its digest, everyone who reads the commit compares it with their own, and the keepers' certificate of the commit
// so vouches for it. Whoever has the summary and that commit goes on as if it had read everything (Ongaro's thesis,
// chapter 5, has the snapshots; the digest in an entry takes the place of trust in who sends one).

import { z } from 'zod';
import { canonicalBytes, type Json, toHex } from '../journal/canonical.ts';
import { MAX_KEEPERS } from '../journal/consensus/messages.ts';
import { count, digest, JournalError, origin, peer } from '../journal/entry.ts';
import { type Measurements, mostMicroseconds } from '../schedule/skippipe/measured.ts';
import type { Identity } from '../seams/identity.ts';
import type { PeerName } from '../seams/network.ts';
import type { Member } from './members.ts';

/** Commits whose iteration is a multiple of this certify a summary. */
export const SUMMARY_EVERY = 64;
const MOST_MEMBERS = 100_000;

const shadow = z.strictObject({
  stage: count,
  status: z.enum(['entering', 'active']),
  origin,
  enteredAfter: count,
  enteredBy: count,
});

const member = z.strictObject({
  peer,
  name: z.string().min(1).max(64),
  addresses: z.array(z.string().max(300)).max(16),
  stage: count,
  status: z.enum(['entering', 'active', 'gone']),
  origin,
  memoryMicrobatches: z.number().int().min(1).max(1_000_000).optional(),
  hasText: z.boolean().optional(),
  enteredAfter: count,
  enteredBy: count,
  how: z.enum(['left', 'broken', 'silent', 'failed']).optional(),
  barred: z.literal(true).optional(),
  shadow: shadow.optional(),
});

const microseconds = z.number().int().min(0).max(mostMicroseconds);
/** Halves of a backward are averaged on their own. */
const times = z.strictObject({
  forward: microseconds,
  backwardInput: microseconds,
  backwardWeight: microseconds,
  head: microseconds,
});

const summary = z.strictObject({
  runId: digest,
  founder: peer,
  leader: peer,
  term: count,
  iteration: count,
  attempt: count,
  keepers: z.array(peer).min(1).max(MAX_KEEPERS),
  refounded: z.array(digest).max(10_000),
  measured: z.strictObject({
    compute: z.record(peer, times),
    transfer: z.record(
      peer,
      z.record(peer, z.strictObject({ activation: microseconds, bytes: microseconds })),
    ),
  }),
  stages: z
    .array(z.strictObject({ stage: count, updatedAt: count, gradientNorm: z.number().min(0).optional() }))
    .max(10_000),
  members: z.array(member).max(MOST_MEMBERS),
});

export interface RunSummary {
  readonly runId: string;
  readonly founder: PeerName;
  readonly leader: PeerName;
  readonly term: number;
  /** Committed last before the commit that certifies this. */
  readonly iteration: number;
  /** Of the plan that is about to be committed. */
  readonly attempt: number;
  readonly keepers: readonly PeerName[];
  readonly refounded: readonly string[];
  readonly measured: Measurements;
  /** Stages that were changed: the commit or repair that did so last, and the norm of the last gradient. */
  readonly stages: readonly {
    readonly stage: number;
    readonly updatedAt: number;
    readonly gradientNorm?: number | undefined;
  }[];
  /** Everyone who ever belonged, in the order of entering. */
  readonly members: readonly Member[];
}

/** The summary's bytes, the same for everyone who has read the same entries. */
export function encodeSummary(of: RunSummary): Uint8Array {
  return canonicalBytes(of as unknown as Json);
}

/** A summary out of bytes that somebody sent. Throws a JournalError; whether it is true, its digest says. */
export function decodeSummary(bytes: Uint8Array): RunSummary {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new JournalError('a summary that is not JSON');
  }
  const parsed = summary.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new JournalError(`not a summary: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  }
  for (const names of [parsed.data.members.map((one) => one.peer), parsed.data.keepers]) {
    if (new Set(names).size < names.length) throw new JournalError('a summary that names somebody twice');
  }
  return parsed.data as RunSummary;
}

/**
 * SHA-256 in hexadecimal, members apart: most of a summary, and often the same.
 * @param members SHA-256 of the members, likewise
 */
export function digestOfSummary(of: RunSummary, members: string, sha256: Identity['digest']): string {
  return toHex(sha256(canonicalBytes({ ...of, members } as unknown as Json)));
}
