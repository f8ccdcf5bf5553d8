// The live Identity: an ed25519 key; its libp2p PeerId, which holds the public key itself, is the peer's name, so
// that anyone who knows the name can check a signature.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signWith,
  verify as verifySignature,
} from 'node:crypto';
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id';
import type { Identity } from '../../seams/identity.ts';
import type { PeerName } from '../../seams/network.ts';

/** The private key of a peer; whoever has it is that peer. */
export type PeerKey = Ed25519PrivateKey;

/** A new key from the platform's random generator. */
export function generateKey(): Promise<PeerKey> {
  return generateKeyPair('Ed25519');
}

/** The key as bytes for a file (libp2p's protobuf form); keep them secret. */
export function keyToBytes(key: PeerKey): Uint8Array {
  return privateKeyToProtobuf(key);
}

/** The key that `keyToBytes` wrote; throws an Error that says so when the bytes are not an ed25519 key. */
export function keyFromBytes(bytes: Uint8Array): PeerKey {
  let key: ReturnType<typeof privateKeyFromProtobuf>;
  try {
    key = privateKeyFromProtobuf(bytes);
  } catch (error) {
    throw new Error('these bytes are not a private key; delete the key file to get a new identity', {
      cause: error,
    });
  }
  if (key.type !== 'Ed25519') throw new Error(`a peer's key is ed25519, this one is ${key.type}`);
  return key;
}

/** The name of the peer that holds the key. */
export function peerNameOf(key: PeerKey): PeerName {
  return peerIdFromPrivateKey(key).toString();
}

/** An ed25519 private key in PKCS #8 starts with these bytes (RFC 8410, section 7), the seed follows. */
const PKCS8_PREFIX = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]);
const SEED_BYTES = 32;
/** An ed25519 public key as SubjectPublicKeyInfo starts with these bytes (RFC 8410, section 4). */
const SPKI_PREFIX = Uint8Array.from([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]);
/** Keys that are kept parsed: parsing one costs as much as checking a signature with it. */
const MOST_KEYS_KEPT = 1024;

/** Public keys by the name that holds them. */
function createKeyRing(): (peer: PeerName) => KeyObject | undefined {
  const keys = new Map<PeerName, KeyObject>();
  return (peer) => {
    const known = keys.get(peer);
    if (known !== undefined) return known;
    const raw = peerIdFromString(peer).publicKey?.raw;
    if (raw?.length !== 32) return undefined;
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
    if (keys.size >= MOST_KEYS_KEPT) keys.clear();
    keys.set(peer, key);
    return key;
  };
}

/** The Identity of the peer that holds the key. */
export function createKeyIdentity(privateKey: PeerKey): Identity {
  const keyOf = createKeyRing();
  const seed = privateKey.raw.subarray(0, SEED_BYTES);
  // parsed once: libp2p parses a key each time that it signs, which takes as long as signing
  const own = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  return {
    self: peerNameOf(privateKey),
    async sign(bytes: Uint8Array): Promise<Uint8Array> {
      return new Uint8Array(signWith(null, bytes, own));
    },
    async verify(peer: PeerName, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
      try {
        const key = keyOf(peer);
        return key !== undefined && verifySignature(null, bytes, key, signature);
      } catch {
        return false;
      }
    },
    digest(...parts: Uint8Array[]): Uint8Array {
      const hash = createHash('sha256');
      for (const part of parts) hash.update(part);
      return new Uint8Array(hash.digest());
    },
  };
}
