// The certificates that lie beside a journal: a line for each, and now and then only those that are still needed.

import type { Store } from '../seams/store.ts';
import type { Certificate } from './consensus/messages.ts';
import { certificateLine, parseCertificate } from './skeleton.ts';
import { CERTIFICATES } from './stored.ts';

const MOST_LINES = 1000;

export class CertificateLog {
  readonly #store: Store;
  #lines = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(store: Store) {
    this.#store = store;
  }

  /** All that are on the disk, in the order in which they came. */
  async read(): Promise<readonly Certificate[]> {
    const certificates = (await this.#store.readLog(CERTIFICATES)).map(parseCertificate);
    this.#lines = certificates.length;
    return certificates;
  }

  /** Adds one; of the others, `kept` are there at least. */
  async add(certificate: Certificate, kept: readonly Certificate[]): Promise<void> {
    const line = certificateLine(certificate);
    this.#turn = this.#turn.then(async () => {
      if (++this.#lines > MOST_LINES + kept.length) {
        const lines = new Set([...kept.map(certificateLine), line]);
        this.#lines = lines.size;
        await this.#store.replaceLog(CERTIFICATES, [...lines]);
      } else await this.#store.appendLog(CERTIFICATES, line);
    });
    await this.#turn;
  }

  async clear(): Promise<void> {
    await this.#store.replaceLog(CERTIFICATES, []);
    this.#lines = 0;
  }
}
