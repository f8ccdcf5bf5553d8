// What a peer tells whoever watches it, as plain data: a terminal, a report, a test. Each has the time it happened
// at, in seconds of the peer's clock.

import type { CommitBody } from '../journal/entry.ts';
import type { PeerName } from '../seams/network.ts';
import type { LeaderNote } from './leading/leader.ts';
import type { SentBytes } from './messenger.ts';
import type { PathNote } from './training/paths.ts';
import type { ComputedTask } from './training/repeated-work.ts';
import type { RoundTrip, Timeouts } from './membership/timeouts.ts';

export type PeerEvent = { readonly at: number } & PeerEventBody;

export type PeerEventBody =
  | {
      readonly kind: 'running';
      readonly runId: string;
      readonly name: string;
      readonly peer: PeerName;
      readonly role: 'founder' | 'joiner';
    }
  | { readonly kind: 'trying'; readonly contact: PeerName; readonly problem: string }
  | {
      readonly kind: 'entered';
      readonly peer: PeerName;
      readonly name: string;
      readonly stage: number;
      readonly origin: string;
    }
  | { readonly kind: 'active'; readonly peer: PeerName; readonly name: string; readonly stage: number }
  /** A member keeps an exact copy of another stage beside its own, or is about to; `stage` -1: keeps none any more. */
  | {
      readonly kind: 'shadow';
      readonly peer: PeerName;
      readonly name: string;
      readonly stage: number;
      readonly inPlace: boolean;
    }
  | {
      readonly kind: 'gone';
      readonly peer: PeerName;
      readonly name: string;
      readonly stage: number;
      readonly how: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'suspected';
      readonly peer: PeerName;
      readonly how: 'broken' | 'silent';
      readonly reason: string;
    }
  | { readonly kind: 'leader'; readonly peer: PeerName; readonly term: number }
  | { readonly kind: 'keepers'; readonly keepers: readonly PeerName[] }
  /** after how many seconds what is done (timeouts.ts): at the start, and when any has changed noticeably */
  | {
      readonly kind: 'timeouts';
      readonly seconds: Timeouts;
      readonly roundTrips: readonly ({ readonly peer: PeerName } & RoundTrip)[];
    }
  /**
   * this peer's journal begins with a summary that the commit at `index` certifies: nothing of before it is told, but
   * who belongs to the run
   */
  | {
      readonly kind: 'summary';
      readonly from: PeerName;
      readonly index: number;
      /** Committed before it. */
      readonly iteration: number;
      /** Of the summary. */
      readonly bytes: number;
      readonly members: readonly { readonly peer: PeerName; readonly name: string; readonly stage: number }[];
    }
  /** survivors go on without most of the keepers: from here on it is another run, whose name says so */
  | {
      readonly kind: 'refounded';
      readonly peer: PeerName;
      readonly lost: readonly PeerName[];
      readonly run: string;
    }
  | {
      readonly kind: 'plan';
      readonly iteration: number;
      readonly attempt: number;
      readonly microbatches: number;
    }
  | {
      readonly kind: 'commit';
      readonly commit: CommitBody;
      readonly sent: SentBytes;
      readonly contributionBytes: number;
      /** Memory that the codec's error feedback takes at this peer. */
      readonly feedbackBytes: number;
    }
  | {
      readonly kind: 'repair';
      readonly stage: number;
      readonly rule: string;
      readonly peer: PeerName;
      readonly iteration: number;
    }
  /** where a newcomer's weights come from when it could fetch or compute them, and what each would cost */
  | {
      readonly kind: 'weights';
      readonly stage: number;
      readonly iteration: number;
      readonly way: 'replay' | 'download';
      /** Computed from the weights of this iteration on. */
      readonly fromIteration: number;
      readonly bytes: { readonly entries: number; readonly snapshot: number };
      readonly seconds: { readonly replay: number; readonly download: number };
    }
  | {
      readonly kind: 'path';
      readonly iteration: number;
      readonly attempt: number;
      readonly note: PathNote;
    }
  /** What was computed of an iteration in which a peer was lost or a path broke, said when it is over. */
  | {
      readonly kind: 'computed';
      readonly iteration: number;
      readonly attempt: number;
      readonly tasks: readonly ComputedTask[];
    }
  | { readonly kind: 'leading'; readonly note: LeaderNote }
  | {
      readonly kind: 'left-out';
      readonly iteration: number;
      readonly stage: number;
      readonly peer: PeerName;
      readonly reason: string;
    }
  /** Weights or text have come here: payload bytes by who sent them, and of chunks that had to come again. */
  | {
      readonly kind: 'fetched';
      readonly what: string;
      readonly sources: readonly { readonly peer: PeerName; readonly bytes: number }[];
      readonly againBytes: number;
    }
  | { readonly kind: 'out-of-step'; readonly iteration: number; readonly problem: string }
  | { readonly kind: 'misbehaved'; readonly peer: PeerName; readonly problem: string }
  | { readonly kind: 'ended'; readonly iteration: number; readonly divergences: number }
  | { readonly kind: 'failed'; readonly problem: string };
