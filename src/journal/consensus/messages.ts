// What keepers say to each other to agree on the journal's order, what goes into the state machine and what comes out
// of it: plain data. The algorithm is Raft (Ongaro, Ousterhout 2014; Ongaro's thesis, chapters 3, 4, 6 and 9): votes,
// terms and log matching as published, with pre-vote and check-quorum because links here fail one way too.

import type { PeerName } from '../../seams/network.ts';

/** What agreement needs to know of a journal entry; the rest of it is none of its business. */
export interface LogEntry {
  readonly index: number;
  /** The term of the leader that made it. */
  readonly term: number;
  readonly hash: string;
  /** Who made and signed it: the leader of its term. */
  readonly author: PeerName;
  /** Hash of the entry before. */
  readonly previous: string;
  /** Who keeps the journal from this very entry on; only where that changes. */
  readonly keepers?: readonly PeerName[];
  /** It begins the journal, or begins it anew without most keepers: its author keeps it alone and was elected by nobody. */
  readonly founds?: boolean;
}

/** Proof that an entry, and with it every entry before it, is in the journal for good. */
export interface Certificate {
  readonly index: number;
  /** The term in which it was acknowledged; the entry's own, else it proves nothing (Raft, figure 8). */
  readonly term: number;
  readonly hash: string;
  /** Of a majority of the keepers in force at the entry, over (run, term, index, hash). */
  readonly signatures: readonly { readonly keeper: PeerName; readonly signature: Uint8Array }[];
}

/** Where a log begins whose older entries were dropped: the last of those, which is certified. */
export interface LogBase {
  readonly index: number;
  readonly term: number;
  readonly hash: string;
  readonly keepers: readonly PeerName[];
  readonly certificate: Certificate | undefined;
}

/** What a keeper must still know after a restart besides its log: without it, it could vote twice in a term. */
export interface Ballot {
  readonly term: number;
  /** Whom it voted for in that term; empty for nobody. */
  readonly votedFor: PeerName;
  /**
   * Entries up to this one may have been signed for in that term and are not in the log any more: a keeper signs one
   * entry for a place in a term, so it signs for none of these.
   */
  readonly signedUpTo?: number;
}

export type KeeperMessage<E extends LogEntry> =
  /** Would you vote for me in `term`, if it came to that? Changes nothing at either end. */
  | { readonly kind: 'preVote'; readonly term: number; readonly lastIndex: number; readonly lastTerm: number }
  | { readonly kind: 'preVoted'; readonly term: number; readonly granted: boolean }
  | {
      readonly kind: 'vote';
      readonly term: number;
      readonly lastIndex: number;
      readonly lastTerm: number;
      /** The leader of before asked for this election. */
      readonly handedOver: boolean;
    }
  | { readonly kind: 'voted'; readonly term: number; readonly granted: boolean }
  /** Entries that follow `previous…`, none for a sign of life; and how far the journal is certain. */
  | {
      readonly kind: 'append';
      readonly term: number;
      readonly previousIndex: number;
      readonly previousHash: string;
      readonly entries: readonly E[];
      readonly certificate: Certificate | undefined;
    }
  /** The log is the leader's up to `index`, on disk; the signature is there where the entry is of this term. */
  | {
      readonly kind: 'appended';
      readonly term: number;
      readonly index: number;
      readonly hash: string;
      readonly signature: Uint8Array | undefined;
    }
  /** The entry before those is not there: `index` is how far the log is certain, so send from there. */
  | { readonly kind: 'refused'; readonly term: number; readonly index: number }
  /** The entries you need are dropped already: take the state at `base` instead. */
  | { readonly kind: 'install'; readonly term: number; readonly base: LogBase }
  /** The leader is leaving: lead in its place, at once. */
  | { readonly kind: 'lead'; readonly term: number };

export type KeeperInput<E extends LogEntry> =
  /** A tick of the caller's clock; a heartbeat and an election last so many of them. */
  | { readonly kind: 'tick' }
  /** A message; the signatures in it have been verified by the caller. */
  | { readonly kind: 'message'; readonly from: PeerName; readonly message: KeeperMessage<E> }
  /** Entries made by this peer as leader of `term`, chained to the end of its log. */
  | { readonly kind: 'propose'; readonly term: number; readonly entries: readonly E[] }
  /** The signature that was asked for. */
  | {
      readonly kind: 'signed';
      readonly term: number;
      readonly index: number;
      readonly hash: string;
      readonly signature: Uint8Array;
    }
  /** Entries that somebody handed on, with the proof; its signatures have been verified by the caller. */
  | { readonly kind: 'certified'; readonly entries: readonly E[]; readonly certificate: Certificate }
  /** Stand for election now, without waiting: a founder, or a peer that was asked to lead. */
  | { readonly kind: 'campaign' }
  /** This leader's connection broke and it does not answer: another is needed soon. */
  | { readonly kind: 'leaderLost'; readonly leader: PeerName }
  /** What a keeper has ordered in this term makes no sense: for DISTRUST_TICKS it is not followed in it, nor voted for. */
  | { readonly kind: 'distrust'; readonly keeper: PeerName }
  /** Have another keeper lead. */
  | { readonly kind: 'handOver'; readonly to: PeerName }
  /** Entries up to this one, or to the certified end, are kept elsewhere: drop them here. */
  | { readonly kind: 'compact'; readonly upTo?: number };

/**
 * What to do, in this order: make `ballot` and `log` durable, then send `messages` and sign `sign` (its result is an
 * input), then act on the rest. A message that leaves before the disk has what it says breaks the algorithm.
 */
export interface KeeperOutputs<E extends LogEntry> {
  readonly ballot?: Ballot;
  /** The log keeps what is before `from` and goes on with `entries`. */
  readonly log?: { readonly from: number; readonly entries: readonly E[] };
  /** The log begins here now and nothing of what was before is left; the state at it comes from elsewhere. */
  readonly installed?: LogBase;
  readonly messages: readonly { readonly to: PeerName; readonly message: KeeperMessage<E> }[];
  readonly sign?: { readonly term: number; readonly index: number; readonly hash: string };
  /** Certain from here on, in order, each once. */
  readonly committed: readonly E[];
  /** The newest proof, where it changed. */
  readonly certificate?: Certificate;
  /** This peer leads `term` now: its first proposal must be an entry of that term. */
  readonly elected?: number;
  /** This peer led and does not any more. */
  readonly deposed?: boolean;
  /** The message that came in is none that its sender could have sent in good faith, however late it is; why. */
  readonly wrong?: string;
  /** Whether a proposal or certified entries were taken, and why not. */
  readonly outcome: KeeperOutcome;
}

export type KeeperOutcome =
  | 'ok'
  | 'not-leader'
  /** too many entries wait to become certain */
  | 'full'
  /** the entries do not follow the end of the log */
  | 'not-next'
  /** keepers may not change now, or not by so many */
  | 'keepers-refused'
  /** entries before these are missing */
  | 'gap'
  /** the proof is none */
  | 'not-certified'
  /** the proof is for another history than the one that is certain here */
  | 'fork';

/** Ticks of a leader between two signs of life. */
export const HEARTBEAT_TICKS = 2;
/** A keeper that has heard no leader for this long, and up to twice that by chance, stands for election. */
export const ELECTION_TICKS = 10;
/** Once a leader is known to be lost: within so many. */
export const SOON_TICKS = 4;
/** A keeper whose orders made no sense is not followed or voted for so long: enough for others to be elected. */
export const DISTRUST_TICKS = 8 * ELECTION_TICKS;
/** What one message may carry. */
export const MAX_APPEND_ENTRIES = 64;
export const MAX_APPEND_BYTES = 1024 * 1024;
/** Messages with entries under way to one keeper that it has not answered. */
export const MAX_IN_FLIGHT = 8;
/** Entries that wait to become certain; proposals beyond are refused. */
export const MAX_UNCERTAIN = 256;
/** More keepers than this cost more than they help. */
export const MAX_KEEPERS = 15;
/**
 * A message of a term further than this beyond that of the last certain entry is not heard. So many elections without
 * an entry between them would take a day; and nobody can use up the terms that there are.
 */
export const MAX_TERM_LEAD = 65_536;
