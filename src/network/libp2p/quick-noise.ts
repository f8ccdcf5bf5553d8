// libp2p's Noise without the exceptions it meets on the way of every message, each of which records a stack. Node's
// ciphers look by one whether a key of raw bytes is a key object: here the bytes of a key become an object once. And
// the decoder of lengths learns by another that a message was the last: here it is the same error every time. Together
// they were a twentieth of what a peer's main thread does.

import { createSecretKey, type KeyObject } from 'node:crypto';
import { type ICryptoInterface, noise } from '@chainsafe/libp2p-noise';
import { asCrypto, defaultCrypto, nodeCrypto } from '@chainsafe/libp2p-noise/crypto';
import type { Uint8ArrayList } from 'uint8arraylist';

type NoiseFactory = ReturnType<typeof noise>;

/** Below so many bytes the library's WebAssembly is faster than a call of Node's cipher, whose key is an object. */
const SMALL_BYTES = 512;

const LENGTH_BYTES = 2;
const UNFINISHED = new RangeError('the next message has not begun');

/** The Noise encryption of libp2p: the same bytes on the wire, in less time. */
export function quickNoise(): NoiseFactory {
  const create = noise({ crypto: keyedCrypto() });
  return (components) => {
    const encrypter = create(components);
    const secureInbound = encrypter.secureInbound.bind(encrypter);
    const secureOutbound = encrypter.secureOutbound.bind(encrypter);
    encrypter.secureInbound = async (connection, options) =>
      withQuickLengths(await secureInbound(connection, options));
    encrypter.secureOutbound = async (connection, options) =>
      withQuickLengths(await secureOutbound(connection, options));
    return encrypter;
  };
}

function keyedCrypto(): ICryptoInterface {
  const keys = new WeakMap<Uint8Array, KeyObject>();
  // Node's ciphers, to which the library hands the key as it is, take an object as well as bytes.
  const keyed = (key: Uint8Array): Uint8Array => {
    const object = keys.get(key) ?? createSecretKey(key);
    keys.set(key, object);
    return object as unknown as Uint8Array;
  };
  return {
    ...defaultCrypto,
    chaCha20Poly1305Encrypt: (plaintext, nonce, ad, key) =>
      plaintext.byteLength < SMALL_BYTES
        ? asCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key)
        : nodeCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, keyed(key)),
    chaCha20Poly1305Decrypt: (ciphertext, nonce, ad, key, into) =>
      ciphertext.byteLength < SMALL_BYTES
        ? asCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key, into)
        : nodeCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, keyed(key)),
  };
}

/** What the streams of @chainsafe/libp2p-noise have beside their interface. */
interface DecodingStream {
  readonly decoder: { lengthDecoder: (bytes: Uint8ArrayList) => number };
}

/** Streams of another version of the library stay as they are. */
function withQuickLengths<Secured extends { readonly connection: object }>(secured: Secured): Secured {
  const { decoder } = secured.connection as Partial<DecodingStream>;
  if (typeof decoder?.lengthDecoder === 'function') {
    decoder.lengthDecoder = (bytes) => {
      // A range error is how the decoder hears that it has to wait for more.
      if (bytes.byteLength < LENGTH_BYTES) throw UNFINISHED;
      return bytes.getUint16(0);
    };
  }
  return secured;
}
