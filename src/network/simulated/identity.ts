// The Identity member of simulations: a keyed hash stands for a signature. Keys follow from names, so anyone in the
// simulation could forge; what is tested here is that signatures are made, carried and checked, not their strength.

import { createHash } from 'node:crypto';
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

function keyedHash(name: PeerName, bytes: Uint8Array): Uint8Array {
  return sha256(new TextEncoder().encode(`key of ${name}\0`), bytes);
}

function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}
