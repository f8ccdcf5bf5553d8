// Reading what other peers have of the journal: on from where this one ends, up to what is proved; and in place of this
// one, when the run that lets this peer in has gone another way (it was founded again without most keepers). Who lacks
// much of it need not read all of that: it goes on from a summary that the keepers have certified.

import type { Certificate } from '../../journal/consensus/messages.ts';
import { type CertificateMessage, readCertificate } from '../../journal/consensus/wire.ts';
import { JournalError, parseEntry } from '../../journal/entry.ts';
import { Journal } from '../../journal/journal.ts';
import type { ControlBody } from '../../network/wire/codec.ts';
import type { Clock } from '../../seams/clock.ts';
import type { PeerName } from '../../seams/network.ts';
import type { Ledger } from './ledger.ts';
import type { Messenger } from '../messenger.ts';
import type { Timing } from '../membership/timing.ts';

/** Half of what a control message may have. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;
/** Fewer than these took as long as the round trip and say nothing of the link. */
const ENOUGH_BYTES = 256 * 1024;

export interface HistoryParts {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly messenger: Pick<Messenger, 'request'>;
  readonly timing: Pick<Timing, 'timeouts'>;
  /** As many entries as one answer holds; fewer where they are long. */
  readonly answerEntries: number;
  readonly isOver: () => boolean;
  /** Another journal has taken the place of this one: what was decided by the old one ends, in the same turn. */
  readonly replaced: () => void;
  /** Whether this run's journal may begin with a summary here; where updates stand in it, all of them are wanted. */
  readonly takesSummary: () => boolean;
  /** This journal begins with a summary now, made by a commit of so many bytes' worth of proof. */
  readonly begun: (from: PeerName, index: number, bytes: number) => void;
  /** A peer's summary is not what the keepers have certified. */
  readonly forged: (from: PeerName, problem: Error) => void;
}

type SummaryMessage = NonNullable<Extract<ControlBody, { kind: 'entries' }>['value']['summary']>;

export interface Answer {
  readonly lines: readonly string[];
  readonly certificate: Certificate | undefined;
  /** Of those entries that change the keepers, as far as the sender has them. */
  readonly proofs: readonly Certificate[];
  /** In place of all entries before the first. */
  readonly summary?: SummaryMessage | undefined;
}

export class History {
  readonly #parts: HistoryParts;
  #busy = false;
  /** Something was missing while an answer was under way that may not have it. */
  #again = false;
  /** Bytes of entries that others sent when asked, and how long they took. */
  #readBytes = 0;
  #readSeconds = 0;
  /** Whose summaries were not what they should be: they are asked for entries. */
  readonly #forgers = new Set<PeerName>();

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  /** At which other peers' entries came when asked for; undefined while they were too few to tell. */
  get bytesPerSecond(): number | undefined {
    return this.#readBytes < ENOUGH_BYTES ? undefined : this.#readBytes / this.#readSeconds;
  }

  /** Entries of one answer: as many as fit, at least one where there is one; perhaps with a summary in place of the first. */
  async answerFrom(fromIndex: number, orSummary: boolean): Promise<ControlBody> {
    const { ledger, answerEntries } = this.#parts;
    const { journal } = ledger;
    const asked = { fromIndex, answerEntries, answerBytes: MAX_ANSWER_BYTES };
    const offer = orSummary ? await ledger.summaryFor(asked) : undefined;
    const from = offer?.index ?? fromIndex;
    const { certificate } = journal;
    const entries: Uint8Array[] = [];
    let bytes = 0;
    for (const text of await journal.lines(from, from + answerEntries)) {
      const line = new TextEncoder().encode(text);
      bytes += line.length;
      if (entries.length > 0 && bytes > MAX_ANSWER_BYTES) break;
      entries.push(line);
    }
    const proofs = journal.proofsIn(from, from + entries.length);
    const summary = offer && {
      state: offer.state,
      entries: offer.skeleton.entries.map((entry) => new TextEncoder().encode(Journal.line(entry))),
      proofs: offer.skeleton.certificates,
    };
    const value = { entries, proofs, ...(certificate && { certificate }), ...(summary && { summary }) };
    return { kind: 'entries', value };
  }

  /** A peer's entries from an index on, as many as it sends at once. Rejects when it does not answer. */
  async ask(from: PeerName, fromIndex: number, orSummary = false): Promise<Answer> {
    const body: ControlBody = { kind: 'entriesWanted', value: { fromIndex, orSummary } };
    const { clock, messenger, timing } = this.#parts;
    const asked = clock.now();
    const answer = await messenger.request(from, body, timing.timeouts.work);
    if (answer.kind !== 'entries') return { lines: [], certificate: undefined, proofs: [] };
    this.#readSeconds += clock.now() - asked;
    for (const entry of answer.value.entries) this.#readBytes += entry.length;
    return readAnswer(answer.value);
  }

  /** Asks for everything after this journal's end, until there is no more that is proved. */
  readOn(from: PeerName): Promise<'ok' | 'fork'> {
    return this.#alone(() => this.#readOn(from), 'ok');
  }

  /** Makes this journal that of the leader which has let this peer in. */
  catchUp(leader: PeerName): Promise<'ok' | 'replaced'> {
    return this.#alone(async () => {
      if (!(await this.#differs(leader)) && (await this.#readOn(leader)) === 'ok') return 'ok';
      return this.#replace(leader);
    }, 'ok');
  }

  /** Whether a peer has another entry where this journal ends, or where its own does; or none of this one's founding. */
  async #differs(from: PeerName): Promise<boolean> {
    // entries come in while it asks: where the journal ended then is what the answer is about
    const { journal, state } = this.#parts.ledger;
    const { length, lastHash } = journal;
    if (length === 0) return false;
    const { lines, certificate } = await this.ask(from, length - 1);
    if (lines[0] !== undefined) return parseEntry(lines[0]).hash !== lastHash;
    if (certificate === undefined) return false;
    const { index, hash } = certificate;
    // its journal begins after this one's end, with a summary; of a run founded again there is none
    if (index >= length) return state.refounded.length > 0;
    const [here] = await journal.entries(index, index + 1);
    return here !== undefined && here.hash !== hash;
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
      // who founded the run again, or followed there, has entries that no summary tells of
      const orSummary = this.#takesSummary(from) && ledger.state.refounded.length === 0;
      const answer = await this.#proved(from, ledger.certainLength, orSummary);
      const { lines, certificate } = answer;
      if (lines.length === 0 || certificate === undefined || isOver()) continue;
      if (!(await this.#begin(from, answer))) {
        this.#again = true; // and this time without
        continue;
      }
      if ((await this.#takeAll(answer)) === 'fork') return 'fork';
      await ledger.inTurn(async () => {}); // what is certain is applied before this says that it is there
    } while (this.#again && !isOver());
    return 'ok';
  }

  #takesSummary(from: PeerName): boolean {
    return this.#parts.takesSummary() && !this.#forgers.has(from);
  }

  /** Where an answer has a summary, this journal begins with it; false when it is not what was certified. */
  async #begin(
    from: PeerName,
    { summary, lines, certificate, proofs }: Answer,
    replacing = false,
  ): Promise<boolean> {
    if (summary === undefined) return true;
    const { ledger, begun, forged } = this.#parts;
    try {
      const { index } = parseEntry(lines[0]!);
      const { state } = summary;
      const skeleton = {
        entries: summary.entries.map((bytes) => parseEntry(new TextDecoder().decode(bytes))),
        certificates: summary.proofs.map(readCertificate),
      };
      const certificates = [...proofs, certificate!];
      const offer = { state, skeleton };
      await ledger.begin(offer, lines, certificates, () => begun(from, index, state.length), replacing);
      return true;
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      this.#forgers.add(from);
      forged(from, error);
      return false;
    }
  }

  /** Takes entries up to each proof of who keeps the journal, so that this peer can hand those proofs on. */
  async #takeAll({ lines, certificate, proofs }: Answer): Promise<'ok' | 'gap' | 'fork'> {
    const { ledger } = this.#parts;
    const start = parseEntry(lines[0]!).index;
    let taken = 0;
    for (const proof of [...proofs, certificate!]) {
      const end = proof.index + 1 - start;
      if (proof !== certificate && (end <= taken || proof.index >= certificate!.index)) continue;
      const outcome = await ledger.take(
        proof === certificate ? lines.slice(taken) : lines.slice(taken, end),
        proof,
      );
      if (outcome !== 'ok') return outcome;
      taken = end;
    }
    return 'ok';
  }

  /** Entries from an index on, or from a summary's commit on, up to one that is proved. */
  async #proved(from: PeerName, fromIndex: number, orSummary = false): Promise<Answer> {
    const lines: string[] = [];
    const proofs: Certificate[] = [];
    let start = fromIndex;
    let summary: Answer['summary'];
    for (;;) {
      const first = orSummary && lines.length === 0;
      const answer = await this.ask(from, start + lines.length, first);
      const { lines: more, certificate } = answer;
      if (first && answer.summary !== undefined && more[0] !== undefined) {
        summary = answer.summary;
        start = parseEntry(more[0]).index;
      }
      lines.push(...more);
      proofs.push(...answer.proofs);
      const whole = certificate !== undefined && certificate.index < start + lines.length;
      if (whole || more.length === 0 || this.#parts.isOver()) {
        return { lines, certificate: whole ? certificate : undefined, proofs, summary };
      }
    }
  }

  /** Takes a peer's journal in place of this one, whole or from a summary on. */
  async #replace(from: PeerName): Promise<'ok' | 'replaced'> {
    const { ledger, replaced, isOver } = this.#parts;
    const answer = await this.#proved(from, 0, this.#takesSummary(from));
    const { lines, certificate, summary } = answer;
    if (isOver() || certificate === undefined || lines.length === 0) return 'ok';
    if (summary === undefined) {
      await ledger.adopt(lines, certificate, replaced);
      return 'replaced';
    }
    if (!(await this.#begin(from, answer, true))) return this.#replace(from); // and this time without
    await this.#takeAll(answer);
    return 'ok';
  }
}

/** What a message of entries says. Throws a JournalError when its certificate is no certificate. */
export function readAnswer(value: {
  readonly entries: readonly Uint8Array[];
  readonly certificate?: CertificateMessage | undefined;
  readonly proofs: readonly CertificateMessage[];
  readonly summary?: SummaryMessage | undefined;
}): Answer {
  const decoder = new TextDecoder();
  return {
    lines: value.entries.map((bytes) => decoder.decode(bytes)),
    certificate: value.certificate && readCertificate(value.certificate),
    proofs: value.proofs.map(readCertificate),
    summary: value.summary,
  };
}
