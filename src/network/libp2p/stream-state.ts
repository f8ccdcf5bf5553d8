// What both halves of a frame stream know of its life, and the errors they make of it.

import type { NetworkErrorCode, PeerName, Protocol } from '../../seams/network.ts';
import { NetworkError } from '../../seams/network.ts';

export class StreamState {
  readonly protocol: Protocol;
  readonly remote: PeerName;
  /** The remote closed its writing side cleanly. */
  remoteEnded = false;
  /** Nothing can be sent or received any more. */
  closed = false;
  /** Why nothing more is delivered, even if frames are held: our own abort, or a broken limit. */
  failure: NetworkError | undefined;
  /** What the libp2p stream said when it closed. */
  closeCause: unknown;
  readonly #isLeaving: () => boolean;

  constructor(protocol: Protocol, remote: PeerName, isLeaving: () => boolean) {
    this.protocol = protocol;
    this.remote = remote;
    this.#isLeaving = isLeaving;
  }

  /** Why a closed stream gives and takes nothing. */
  brokenError(): NetworkError {
    if (this.failure !== undefined) return this.failure;
    if (this.#isLeaving()) return this.error('closed', 'this side has left the network');
    const detail = this.closeCause instanceof Error ? ` (${this.closeCause.message})` : '';
    return this.error('reset', `the stream broke${detail}`, this.closeCause);
  }

  error(code: NetworkErrorCode, problem: string, cause?: unknown): NetworkError {
    const message = `${this.protocol.id} with ${this.remote}: ${problem}`;
    return new NetworkError(code, message, { peer: this.remote, cause });
  }
}
