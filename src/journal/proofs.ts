// Which certificates of a journal are kept: those by which somebody who lacks its beginning can be shown who has kept
// it, and that the keepers certified the newest summary (skeleton.ts). Of all others only the last matters.

import { keepersIn } from './checking.ts';
import type { Certificate } from './consensus/messages.ts';
import type { Entry } from './entry.ts';

/** A stretch of entries that begins with a change of keepers, up to one with a certificate. */
export interface ProvedChange {
  readonly from: number;
  readonly certificate: Certificate;
}

export class Proofs {
  readonly #changes: ProvedChange[] = [];
  /** The first certain entry that changes keepers and is in no stretch that is proved. */
  #unproved: number | undefined;
  /** The newest commit that certifies a summary, and the first certificate from it on; none after a founding anew. */
  #summary: { readonly index: number; certificate: Certificate | undefined } | undefined;
  /** Whether the journal begins in the middle. */
  readonly #hasStart: boolean;
  /** The first certificate after such a beginning: of those who certified the summary. */
  #startCertificate: Certificate | undefined;
  #isRefounded = false;

  constructor(hasStart: boolean) {
    this.#hasStart = hasStart;
  }

  /** The next entry, which is certain. */
  noteEntry({ index, body }: Entry): void {
    if (index > 0 && keepersIn(body) !== undefined) this.#unproved ??= index;
    if (body.kind === 'refound') this.#isRefounded = true;
    if (body.kind !== 'commit' || body.summary === undefined || this.#isRefounded) return;
    this.#summary = { index, certificate: undefined };
  }

  /** The next certificate, of an entry that was noted. */
  note(certificate: Certificate): void {
    if (this.#hasStart) this.#startCertificate ??= certificate;
    if (this.#summary !== undefined && certificate.index >= this.#summary.index && !this.#isRefounded) {
      this.#summary.certificate ??= certificate;
    }
    const from = this.#unproved;
    if (from === undefined || certificate.index < from) return;
    this.#changes.push({ from, certificate });
    this.#unproved = undefined;
  }

  /** Those that are kept, in order. */
  all(): readonly Certificate[] {
    const kept = new Set(this.#changes.map(({ certificate }) => certificate));
    for (const one of [this.#startCertificate, this.#summary?.certificate])
      if (one !== undefined) kept.add(one);
    return [...kept].sort((a, b) => a.index - b.index);
  }

  /** The first certificate from the newest commit on that certifies a summary, where that stands at an index. */
  ofSummary(index: number): Certificate | undefined {
    return this.#summary?.index === index ? this.#summary.certificate : undefined;
  }

  /** The changes of keepers up to an entry; undefined where one is not proved yet. */
  changesTo(index: number): readonly ProvedChange[] | undefined {
    if (this.#unproved !== undefined && this.#unproved <= index) return undefined;
    return this.#changes.filter(({ from }) => from <= index);
  }
}
