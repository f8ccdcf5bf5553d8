// What both processes of the transport benchmark share: the protocol, the messages between them, and the bare node,
// which has the same libp2p stack and settings as skein's network and nothing of skein on top.

import { noise } from '@chainsafe/libp2p-noise';
import type { Libp2p } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { MAX_STREAM_WINDOW_BYTES } from '../src/network/libp2p/node.ts';
import type { Protocol } from '../src/seams/network.ts';

export const MESSAGE_BYTES = 1024 * 1024;

/** skein's frames; the bare streams have ids of their own. */
export const TENSORS: Protocol = {
  id: '/skein-bench/tensors/1',
  traffic: 'bulk',
  maxHeaderBytes: 1024,
  maxPayloadBytes: 32 * 1024 * 1024,
  maxInboundStreams: 4,
};
/** A bare stream whose receiver puts every message together in an array, as whoever wants a tensor must. */
export const BARE_MESSAGES = '/skein-bench/bare-messages/1';
/** A bare stream whose receiver only counts bytes. */
export const BARE_BYTES = '/skein-bench/bare-bytes/1';

export type ReceiverMessage =
  | {
      readonly kind: 'ready';
      readonly bareAddresses: readonly string[];
      readonly peer: string;
      readonly addresses: readonly string[];
    }
  | { readonly kind: 'received'; readonly bytes: number; readonly cpuSeconds: number };

export function createBareNode(): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        streamOptions: {
          maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES,
          maxReadBufferLength: 2 * MAX_STREAM_WINDOW_BYTES,
        },
      }),
    ],
    connectionMonitor: { enabled: false },
  });
}
