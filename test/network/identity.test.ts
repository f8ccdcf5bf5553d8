import { describe, expect, it } from 'vitest';
import {
  createKeyIdentity,
  generateKey,
  keyFromBytes,
  keyToBytes,
  peerNameOf,
} from '../../src/network/libp2p/identity.ts';

const text = new TextEncoder().encode('a contribution');

describe('an identity from an ed25519 key', () => {
  it('signs what anyone can check by its name alone', async () => {
    const key = await generateKey();
    const [alice, bob] = [createKeyIdentity(key), createKeyIdentity(await generateKey())];
    const signature = await alice.sign(text);
    expect(await bob.verify(alice.self, text, signature)).toBe(true);
    expect(signature).toEqual(new Uint8Array(await key.sign(text))); // what libp2p would say
    expect(await bob.verify(bob.self, text, signature)).toBe(false);
    expect(await bob.verify(alice.self, text.subarray(1), signature)).toBe(false);
  });

  it.each(['', 'p0', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', '12D3KooW', '../..'])(
    'calls a signature by "%s" false instead of throwing',
    async (name) => {
      const alice = createKeyIdentity(await generateKey());
      expect(await alice.verify(name, text, await alice.sign(text))).toBe(false);
    },
  );

  it('calls a signature of the wrong length false', async () => {
    const alice = createKeyIdentity(await generateKey());
    expect(await alice.verify(alice.self, text, new Uint8Array(3))).toBe(false);
    expect(await alice.verify(alice.self, text, new Uint8Array(0))).toBe(false);
  });

  it('keeps its name when the key goes through bytes', async () => {
    const key = await generateKey();
    expect(peerNameOf(keyFromBytes(keyToBytes(key)))).toBe(peerNameOf(key));
    expect(() => keyFromBytes(Uint8Array.of(1, 2, 3))).toThrow(/not a private key/);
  });

  it('digests the parts as one text, by SHA-256', async () => {
    const alice = createKeyIdentity(await generateKey());
    // FIPS 180-2, appendix B.1: the digest of "abc".
    const digest = alice.digest(new TextEncoder().encode('a'), new TextEncoder().encode('bc'));
    expect(Buffer.from(digest).toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});
