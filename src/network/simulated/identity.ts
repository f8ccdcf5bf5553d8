// The Identity member of simulations: a keyed hash stands for a signature. Keys follow from names, so anyone in the
// simulation could forge; what is tested here is that signatures are made, carried and checked, not their strength.

import { hash } from 'node:crypto';
import type { Identity } from '../../seams/identity.ts';
import type { PeerName } from '../../seams/network.ts';

export function createSimulatedIdentity(self: PeerName): Identity {
  return {
    self,
    sign: async (bytes) => keyedHash(self, bytes),
    verify: async (peer, bytes, signature) => {
      const expected = keyedHash(peer, bytes);
      return expected.length === signature.length && expected.every((byte, i) => byte === signature[i]);
    },
    digest: sha256,
  };
}

const SIGNATURE_WORDS = 4;

/** Four times FNV-1a (Fowler, Noll, Vo; 32 bits), each begun otherwise, over the name and the bytes: quick, and no proof of anything. */
function keyedHash(name: PeerName, bytes: Uint8Array): Uint8Array {
  const words = new Uint32Array(SIGNATURE_WORDS);
  for (let word = 0; word < SIGNATURE_WORDS; word++) {
    let state = 2_166_136_261 ^ word;
    for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 16_777_619);
    state = Math.imul(state, 16_777_619);
    for (let i = 0; i < bytes.length; i++) state = Math.imul(state ^ bytes[i]!, 16_777_619);
    words[word] = state;
  }
  return new Uint8Array(words.buffer);
}

function sha256(...parts: Uint8Array[]): Uint8Array {
  const whole = parts.length === 1 ? parts[0]! : concatenated(parts);
  return new Uint8Array(hash('sha256', whole, 'buffer'));
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
