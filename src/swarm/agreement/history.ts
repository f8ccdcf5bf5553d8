// Reading what other peers have of the journal: on from where this one ends, up to what is proved; and whole, in place
// of this one, when the run that lets this peer in has gone another way (it was founded again without most keepers).

import type { Certificate } from '../../journal/consensus/messages.ts';
import { type CertificateMessage, readCertificate } from '../../journal/consensus/wire.ts';
import { parseEntry } from '../../journal/entry.ts';
import type { ControlBody } from '../../network/wire/codec.ts';
import type { Clock } from '../../seams/clock.ts';
import type { PeerName } from '../../seams/network.ts';
import type { Ledger } from './ledger.ts';
import type { Messenger } from '../messenger.ts';
import type { Timing } from '../membership/timing.ts';

const MAX_ENTRIES_PER_ANSWER = 500;
/** Half of what a control message may have. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;
/** Fewer than these took as long as the round trip and say nothing of the link. */
const ENOUGH_BYTES = 256 * 1024;

export interface HistoryParts {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly messenger: Pick<Messenger, 'request'>;
  readonly timing: Pick<Timing, 'timeouts'>;
  readonly isOver: () => boolean;
  /** Another journal has taken the place of this one: what was decided by the old one ends, in the same turn. */
  readonly replaced: () => void;
}

export interface Answer {
  readonly lines: readonly string[];
  readonly certificate: Certificate | undefined;
}

export class History {
  readonly #parts: HistoryParts;
  #busy = false;
  /** Something was missing while an answer was under way that may not have it. */
  #again = false;
  /** Bytes of entries that others sent when asked, and how long they took. */
  #readBytes = 0;
  #readSeconds = 0;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  /** At which other peers' entries came when asked for; undefined while they were too few to tell. */
  get bytesPerSecond(): number | undefined {
    return this.#readBytes < ENOUGH_BYTES ? undefined : this.#readBytes / this.#readSeconds;
  }

  /** Entries of one answer: as many as fit, at least one where there is one. */
  async answerFrom(fromIndex: number): Promise<ControlBody> {
    const { journal } = this.#parts.ledger;
    const { certificate } = journal;
    const entries: Uint8Array[] = [];
    let bytes = 0;
    for (const text of await journal.lines(fromIndex, fromIndex + MAX_ENTRIES_PER_ANSWER)) {
      const line = new TextEncoder().encode(text);
      bytes += line.length;
      if (entries.length > 0 && bytes > MAX_ANSWER_BYTES) break;
      entries.push(line);
    }
    return { kind: 'entries', value: { entries, ...(certificate && { certificate }) } };
  }

  /** A peer's entries from an index on, as many as it sends at once. Rejects when it does not answer. */
  async ask(from: PeerName, fromIndex: number): Promise<Answer> {
    const body: ControlBody = { kind: 'entriesWanted', value: { fromIndex } };
    const { clock, messenger, timing } = this.#parts;
    const asked = clock.now();
    const answer = await messenger.request(from, body, timing.timeouts.work);
    if (answer.kind !== 'entries') return { lines: [], certificate: undefined };
    this.#readSeconds += clock.now() - asked;
    for (const entry of answer.value.entries) this.#readBytes += entry.length;
    return readAnswer(answer.value);
  }

  /** Takes entries that a member sent and follows up what they show to be missing. */
  async take(from: PeerName, { lines, certificate }: Answer): Promise<'ok' | 'fork'> {
    const outcome = await this.#parts.ledger.take(lines, certificate);
    if (outcome !== 'gap') return outcome;
    return this.readOn(from);
  }

  /** Asks for everything after this journal's end, until there is no more that is proved. */
  readOn(from: PeerName): Promise<'ok' | 'fork'> {
    return this.#alone(() => this.#readOn(from), 'ok');
  }

  /** Makes this journal that of the leader which has let this peer in. */
  catchUp(leader: PeerName): Promise<'ok' | 'replaced'> {
    return this.#alone(async () => {
      if (!(await this.#differs(leader)) && (await this.#readOn(leader)) === 'ok') return 'ok';
      return (await this.#replace(leader)) ? 'replaced' : 'ok';
    }, 'ok');
  }

  /** Whether a peer has another entry where this journal ends. */
  async #differs(from: PeerName): Promise<boolean> {
    // entries come in while it asks: where the journal ended then is what the answer is about
    const { length, lastHash } = this.#parts.ledger.journal;
    if (length === 0) return false;
    const { lines } = await this.ask(from, length - 1);
    return lines[0] !== undefined && parseEntry(lines[0]).hash !== lastHash;
  }

  /** One of these at a time; instead of a second, the first asks once more. */
  async #alone<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    if (this.#parts.isOver()) return otherwise;
    if (this.#busy) {
      this.#again = true;
      return otherwise;
    }
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  /**
   * An answer that is proved to its end is all that there was: what came since, members are told, and whoever is let in
   * by it as well.
   */
  async #readOn(from: PeerName): Promise<'ok' | 'fork'> {
    const { ledger, isOver } = this.#parts;
    do {
      this.#again = false;
      const { lines, certificate } = await this.#proved(from, ledger.certainLength);
      if (lines.length === 0 || certificate === undefined || isOver()) continue;
      if ((await ledger.take(lines, certificate)) === 'fork') return 'fork';
      await ledger.inTurn(async () => {}); // what is certain is applied before this says that it is there
    } while (this.#again && !isOver());
    return 'ok';
  }

  /** Entries from an index on, up to one that is proved. */
  async #proved(from: PeerName, fromIndex: number): Promise<Answer> {
    const lines: string[] = [];
    for (;;) {
      const { lines: more, certificate } = await this.ask(from, fromIndex + lines.length);
      lines.push(...more);
      const whole = certificate !== undefined && certificate.index < fromIndex + lines.length;
      if (whole || more.length === 0 || this.#parts.isOver()) {
        return { lines, certificate: whole ? certificate : undefined };
      }
    }
  }

  async #replace(from: PeerName): Promise<boolean> {
    const { ledger, replaced, isOver } = this.#parts;
    const { lines, certificate } = await this.#proved(from, 0);
    if (isOver() || certificate === undefined) return false;
    await ledger.adopt(lines, certificate, replaced);
    return true;
  }
}

/** What a message of entries says. Throws a JournalError when its certificate is no certificate. */
export function readAnswer(value: {
  readonly entries: readonly Uint8Array[];
  readonly certificate?: CertificateMessage | undefined;
}): Answer {
  const decoder = new TextDecoder();
  return {
    lines: value.entries.map((bytes) => decoder.decode(bytes)),
    certificate: value.certificate && readCertificate(value.certificate),
  };
}
