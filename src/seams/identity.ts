// Who a peer is: it signs what it says, and anyone can check. Live this is ed25519 under the libp2p PeerId; in a
// simulation a keyed hash. Digests (SHA-256) stand here too, because the fast ones belong to the platform.

import type { PeerName } from './network.ts';

export interface Identity {
  readonly self: PeerName;
  /** Signature of this peer over the bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
  /** Whether `signature` is the named peer's over the bytes; a malformed name or signature is simply false. */
  verify(peer: PeerName, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /** SHA-256 of the concatenated parts, 32 bytes, computed synchronously. */
  digest(...parts: Uint8Array[]): Uint8Array;
}
