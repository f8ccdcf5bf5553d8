// libp2p as skein uses it: which parts, and the settings without which a swarm of healthy peers would be cut, reset or
// refused.

import type { GossipSub } from '@libp2p/gossipsub';
import { gossipsub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { ComponentLogger, Libp2p } from '@libp2p/interface';
import { ping } from '@libp2p/ping';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import type { Libp2pOptions } from 'libp2p';
import { createLibp2p } from 'libp2p';
import type { PeerName } from '../../seams/network.ts';
import { NetworkError } from '../../seams/network.ts';
import { corkedTcp } from './corked-tcp.ts';
import type { PeerKey } from './identity.ts';
import { quickNoise } from './quick-noise.ts';

/** Largest message that is gossiped. */
export const MAX_GOSSIP_BYTES = 64 * 1024;
/** Around the data of a gossiped message: names, signature, control lists. */
const GOSSIP_OVERHEAD_BYTES = 16 * 1024;
/**
 * How far a stream's window may grow: what a sender can have on its way to a reader that has stopped reading. 4 MB
 * fill a link of 160 Mbit/s at 200 ms. The read buffer must be larger, or a paused stream is reset.
 */
export const MAX_STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
const MAX_READ_BUFFER_BYTES = 2 * MAX_STREAM_WINDOW_BYTES;

export interface Libp2pNetworkOptions {
  /** Whose name this peer has. */
  readonly privateKey: PeerKey;
  /** Multiaddrs to listen at; by default a free TCP port of the loopback interface. An empty list: dial only. */
  readonly listen?: readonly string[];
  /** Multiaddrs to tell others instead of those that are listened at (behind a router that forwards a port). */
  readonly announce?: readonly string[];
  /** Whether a peer whose name is proven may connect to us; by default everyone may. */
  readonly allowPeer?: (peer: PeerName) => boolean | Promise<boolean>;
  /**
   * libp2p's own pings. They measure and keep idle connections open; by default a missed one does not cut the
   * connection, because a loaded peer answers late and silence is judged by the heartbeats above.
   */
  readonly connectionMonitor?: NonNullable<Libp2pOptions['connectionMonitor']>;
  /** The only topics whose subscriptions are kept; without it any, within a limit per peer. */
  readonly gossipTopics?: readonly string[];
  readonly logger?: ComponentLogger;
}

export type Services = { pubsub: GossipSub };

/** Starts a node; it refuses the peers that are in `blocked` at the time. Rejects as `createLibp2pNetwork` does. */
export async function startNode(
  options: Libp2pNetworkOptions,
  blocked: Set<PeerName>,
): Promise<Libp2p<Services>> {
  const listen = [...(options.listen ?? ['/ip4/127.0.0.1/tcp/0'])];
  const isBlocked = (peer: { toString(): string }): boolean => blocked.has(peer.toString());
  try {
    return await createLibp2p<Services & { identify: unknown; ping: unknown }>({
      privateKey: options.privateKey,
      addresses: { listen, ...(options.announce === undefined ? {} : { announce: [...options.announce] }) },
      transports: [
        corkedTcp(),
        // WebSockets tell of room in their buffer only when asked; the default is to ask every 500 ms.
        webSockets({ maxBufferedAmount: 1024 * 1024, bufferedAmountPollInterval: 5 }),
      ],
      connectionEncrypters: [quickNoise()],
      streamMuxers: [
        yamux({
          // Streams that arrive while the connection is still being set up: above 10, the default, the whole
          // connection is given up, and a peer that dials may open many at once.
          maxEarlyStreams: 1000,
          // The initial window must be the same on both ends, so only the maximum is set.
          streamOptions: {
            maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES,
            maxReadBufferLength: MAX_READ_BUFFER_BYTES,
          },
        }),
      ],
      connectionGater: {
        denyDialPeer: isBlocked,
        // The first place where the remote's name is proven.
        denyInboundEncryptedConnection: async (peer) =>
          isBlocked(peer) || (options.allowPeer !== undefined && !(await options.allowPeer(peer.toString()))),
        denyOutboundEncryptedConnection: isBlocked,
        // In browsers the default refuses loopback and private addresses.
        denyDialMultiaddr: () => false,
      },
      connectionManager: {
        // The defaults (5 a second and host, 10 at a time) refuse a swarm on one machine.
        inboundConnectionThreshold: 500,
        maxIncomingPendingConnections: 200,
        maxConnections: 1000,
        connectionCloseTimeout: 1000,
      },
      connectionMonitor: {
        pingInterval: 60_000, // each is a stream of its own; yamux and heartbeats keep connections open already
        abortConnectionOnPingFailure: false,
        ...options.connectionMonitor,
      },
      services: { identify: identify(), ping: ping(), pubsub: gossip(options.gossipTopics) },
      ...(options.logger === undefined ? {} : { logger: options.logger }),
    });
  } catch (error) {
    throw new NetworkError('unreachable', `cannot listen at ${listen.join(', ')}: ${rootMessage(error)}`, {
      cause: error,
    });
  }
}

function gossip(topics: readonly string[] | undefined) {
  return gossipsub({
    allowPublishToZeroTopicPeers: true,
    doPX: false,
    fallbackToFloodsub: false,
    maxInboundDataLength: MAX_GOSSIP_BYTES + GOSSIP_OVERHEAD_BYTES,
    maxOutboundBufferSize: 4 * 1024 * 1024,
    decodeRpcLimits: {
      maxSubscriptions: 256,
      maxMessages: 256,
      maxIhaveMessageIDs: 512,
      maxIwantMessageIDs: 512,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 256,
      maxPeerInfos: 16,
    },
    maxTopicBytesPerPeer: 64 * 1024,
    // Several peers on one machine or behind one router are normal here, not an attack.
    scoreParams: { IPColocationFactorWeight: 0 },
    ...(topics === undefined ? {} : { allowedTopics: [...topics] }),
  });
}

function rootMessage(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(rootMessage).join('; ');
  return error instanceof Error ? error.message : String(error);
}
