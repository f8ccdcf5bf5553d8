// A volunteer's peer: the real members of the seams joined to the peer code. `skein found` and `skein join` start
// it, `skein demo` starts several of them as processes.

import { createOnnxEngine } from '../src/engine/onnx/index.ts';
import { createDiskStore } from '../src/journal/disk-store.ts';
import { createKeyIdentity, type PeerKey } from '../src/network/libp2p/identity.ts';
import { createLibp2pNetwork } from '../src/network/libp2p/network.ts';
import { createRealClock } from '../src/network/real-clock.ts';
import { Peer, type PeerParts } from '../src/swarm/peer.ts';

export interface VolunteerOptions {
  readonly key: PeerKey;
  /** Folder of its journal and snapshots. */
  readonly folder: string;
  readonly name: string;
  /** Multiaddrs to listen at. */
  readonly listen: readonly string[];
  /** Threads to compute with. */
  readonly threads: number;
  readonly text: Uint8Array | undefined;
  readonly memoryMicrobatches?: PeerParts['memoryMicrobatches'];
  readonly given?: PeerParts['given'];
  readonly deliver?: PeerParts['deliver'];
  readonly observe: PeerParts['observe'];
  readonly start: (addresses: readonly string[]) => PeerParts['start'] | Promise<PeerParts['start']>;
}

/** Starts a peer on this machine. Rejects with a NetworkError when it cannot listen, an EngineError when it cannot compute. */
export async function startVolunteer(
  options: VolunteerOptions,
): Promise<{ peer: Peer; addresses: string[] }> {
  const { key, folder, name, listen, threads, text, memoryMicrobatches, given, deliver, observe, start } =
    options;
  const network = await createLibp2pNetwork({ privateKey: key, listen });
  try {
    const engine = await createOnnxEngine({ threads });
    const addresses = network.addresses();
    const peer = await Peer.start({
      network,
      clock: createRealClock(),
      identity: createKeyIdentity(key),
      store: createDiskStore(folder),
      engine,
      name,
      text,
      memoryMicrobatches,
      given,
      start: await start(addresses),
      ...(deliver && { deliver }),
      observe,
    });
    return { peer, addresses };
  } catch (error) {
    await network.close();
    throw error;
  }
}
