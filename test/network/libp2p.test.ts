import { generateKey, peerNameOf } from '../../src/network/libp2p/identity.ts';
import type { Libp2pNetwork, Libp2pNetworkOptions } from '../../src/network/libp2p/network.ts';
import { createLibp2pNetwork } from '../../src/network/libp2p/network.ts';
import type { NetworkPair } from './compliance.ts';
import { networkCompliance } from './compliance.ts';

type Options = Omit<Libp2pNetworkOptions, 'privateKey'>;

async function createPair(
  options: Options = {},
): Promise<NetworkPair & { a: Libp2pNetwork; b: Libp2pNetwork }> {
  const start = async (): Promise<Libp2pNetwork> =>
    createLibp2pNetwork({ privateKey: await generateKey(), ...options });
  const [a, b] = await Promise.all([start(), start()]);
  a.learn(b.self, b.addresses());
  b.learn(a.self, a.addresses());
  return {
    a,
    b,
    stranger: peerNameOf(await generateKey()),
    now: () => performance.now() / 1000,
    settle: (promise) => promise,
    openStreams: () => a.statistics().streams + b.statistics().streams,
    close: async () => {
      await Promise.all([a.close(), b.close()]);
    },
  };
}

networkCompliance('libp2p over tcp', () => createPair());
