// What a leader knows of the other keepers' logs, and what it sends them: entries are streamed ahead of the answers
// within limits, and what was lost on the way is sent again with the next sign of life.

import type { PeerName } from '../../seams/network.ts';
import type { KeeperLog } from './log.ts';
import {
  type Certificate,
  type KeeperMessage,
  type LogEntry,
  MAX_APPEND_BYTES,
  MAX_APPEND_ENTRIES,
  MAX_IN_FLIGHT,
} from './messages.ts';

interface Progress {
  /** The entry to send next. */
  next: number;
  /** Its log is this one's up to here, on its disk. */
  match: number;
  inFlight: number;
  /** Where the logs meet is not known yet: one message at a time. */
  probing: boolean;
  /** An answer came since the last sign of life. */
  answered: boolean;
  /** Something was sent to it since the last beat: that was a sign of life. */
  told: boolean;
  /** Something came from it since the last count of who is there. */
  heard: boolean;
}

export interface LeadingParts<E extends LogEntry> {
  readonly self: PeerName;
  readonly term: number;
  readonly log: KeeperLog<E>;
  readonly entryBytes: (entry: E) => number;
  readonly send: (to: PeerName, message: KeeperMessage<E>) => void;
  /** How far the journal is certain. */
  readonly certificate: () => Certificate | undefined;
}

export class Leading<E extends LogEntry> {
  ticks = 0;
  readonly #parts: LeadingParts<E>;
  readonly #progress = new Map<PeerName, Progress>();
  /** Per index: who has acknowledged the entry in this term. */
  readonly #signatures = new Map<number, Map<PeerName, Uint8Array>>();

  constructor(parts: LeadingParts<E>) {
    this.#parts = parts;
    this.follow(parts.log.lastIndex + 1);
  }

  /**
   * Takes the keepers as the log has them now: those gone are not written to any more, and newcomers are from `next`
   * on. One that was just let in has most likely followed so far, and lacks the entry that lets it in.
   */
  follow(next: number): void {
    const { self, log } = this.#parts;
    for (const keeper of log.keepers) {
      if (keeper === self || this.#progress.has(keeper)) continue;
      this.#progress.set(keeper, {
        next,
        match: -1,
        inFlight: 0,
        probing: true,
        answered: true,
        told: false,
        heard: true,
      });
    }
    for (const keeper of this.#progress.keys()) {
      if (!log.keepers.includes(keeper)) this.#progress.delete(keeper);
    }
  }

  /** Which keepers have said anything since this was asked last, this peer among them. */
  heard(): PeerName[] {
    const heard = [this.#parts.self];
    for (const [keeper, progress] of this.#progress) {
      if (progress.heard) heard.push(keeper);
      progress.heard = false;
    }
    return heard;
  }

  hears(keeper: PeerName): void {
    const progress = this.#progress.get(keeper);
    if (progress) progress.heard = true;
  }

  /** Whether a keeper has everything. */
  isUpToDate(keeper: PeerName): boolean {
    return this.#progress.get(keeper)?.match === this.#parts.log.lastIndex;
  }

  /** A sign of life, with what they lack, to all who have not had one since the last beat and answered. */
  beat(): void {
    for (const [keeper, progress] of this.#progress) {
      if (progress.told && progress.answered) {
        progress.told = false;
        continue;
      }
      if (!progress.answered) {
        progress.next = progress.match + 1;
        progress.probing = true;
      }
      progress.answered = false;
      progress.inFlight = 0;
      if (!this.#stream(keeper, progress)) this.#append(keeper, progress, []);
      progress.told = false;
    }
  }

  /** Sends what is new to those who can take it now. */
  stream(): void {
    for (const [keeper, progress] of this.#progress) this.#stream(keeper, progress);
  }

  /** Tells everyone how far the journal is certain now. */
  tellCertain(): void {
    for (const [keeper, progress] of this.#progress) {
      if (!this.#stream(keeper, progress) && !progress.probing) this.#append(keeper, progress, []);
    }
  }

  appended(keeper: PeerName, index: number): void {
    const progress = this.#progress.get(keeper);
    if (progress === undefined) return;
    progress.match = Math.max(progress.match, index);
    progress.next = Math.max(progress.next, progress.match + 1);
    progress.probing = false;
    progress.answered = true;
    progress.inFlight = Math.max(0, progress.inFlight - 1);
    this.#stream(keeper, progress);
  }

  /** It lacks the entry before; it is certain of everything up to `index`. */
  refused(keeper: PeerName, index: number): void {
    const progress = this.#progress.get(keeper);
    if (progress === undefined) return;
    const next = Math.min(Math.max(progress.match, index) + 1, this.#parts.log.lastIndex + 1);
    progress.answered = true;
    if (progress.probing && progress.inFlight > 0 && progress.next === next) return; // an old answer, said again
    progress.next = next;
    progress.probing = true;
    progress.inFlight = 0;
    if (!this.#stream(keeper, progress)) this.#append(keeper, progress, []);
  }

  /** Counts an acknowledgement of an entry of this term; gives the certificate when it was the one that was missing. */
  signed(
    keeper: PeerName,
    index: number,
    signature: Uint8Array,
    isMajority: (peers: Iterable<PeerName>, keepers: readonly PeerName[]) => boolean,
  ): Certificate | undefined {
    const { log, term } = this.#parts;
    const keepers = log.keepersAt(index);
    if (!keepers.includes(keeper)) return undefined;
    const signatures = this.#signatures.get(index) ?? new Map<PeerName, Uint8Array>();
    this.#signatures.set(index, signatures);
    signatures.set(keeper, signature);
    if (!isMajority(signatures.keys(), keepers)) return undefined;
    for (const older of this.#signatures.keys()) if (older <= index) this.#signatures.delete(older);
    return {
      index,
      term,
      hash: log.hashAt(index)!,
      signatures: [...signatures].map(([name, bytes]) => ({ keeper: name, signature: bytes })),
    };
  }

  /** Sends entries from `next` on; false when there was nothing to send. */
  #stream(keeper: PeerName, progress: Progress): boolean {
    const { log, term, send } = this.#parts;
    let sent = false;
    while (progress.next <= log.lastIndex && progress.inFlight < (progress.probing ? 1 : MAX_IN_FLIGHT)) {
      progress.inFlight++;
      sent = true;
      if (progress.next <= log.base.index) {
        send(keeper, { kind: 'install', term, base: log.base });
        return true;
      }
      const entries = this.#batch(progress.next);
      this.#append(keeper, progress, entries);
      if (progress.probing) return true;
      progress.next += entries.length;
    }
    return sent;
  }

  #append(keeper: PeerName, progress: Progress, entries: readonly E[]): void {
    const { next } = progress;
    progress.told = true;
    const { log, term, send, certificate } = this.#parts;
    const previousIndex = Math.max(next - 1, log.base.index);
    const previousHash = log.hashAt(previousIndex)!;
    send(keeper, {
      kind: 'append',
      term,
      previousIndex,
      previousHash,
      entries,
      certificate: certificate(),
    });
  }

  /** As many entries as one message may carry, at least one. */
  #batch(from: number): readonly E[] {
    const { log, entryBytes } = this.#parts;
    const entries = log.slice(from, from + MAX_APPEND_ENTRIES);
    let bytes = 0;
    const end = entries.findIndex((entry, i) => {
      bytes += entryBytes(entry);
      return i > 0 && bytes > MAX_APPEND_BYTES;
    });
    return end === -1 ? entries : entries.slice(0, end);
  }
}
