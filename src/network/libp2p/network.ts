// The live Network: libp2p over TCP and WebSockets, encrypted by Noise, multiplexed by Yamux, with gossipsub for
// presence. What libp2p gives is used as it is; what it leaves open (waiting senders, held readers, which connection
// a stream goes on, what an error means) is in the files beside this one.

import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import type { ConnectionEvent, FrameStream, Network, PeerName, Protocol } from '../../seams/network.ts';
import { NetworkError } from '../../seams/network.ts';
import { PeerConnections, sever } from './connections.ts';
import { Libp2pFrameStream } from './frame-stream.ts';
import type { Libp2pNetworkOptions, Services } from './node.ts';
import { MAX_GOSSIP_BYTES, startNode } from './node.ts';

export type { Libp2pNetworkOptions } from './node.ts';

/** How long a peer may take to answer which protocol it speaks. */
export const NEGOTIATION_TIMEOUT_MILLISECONDS = 10_000;
/** Streams of one protocol that we may have open on one connection; the remote's own limit is usually lower. */
const MAX_OUTBOUND_STREAMS = 900;

export interface Libp2pNetwork extends Network {
  /** Connections and streams open now, libp2p's own included. */
  statistics(): { readonly connections: number; readonly streams: number };
}

/**
 * Starts a peer on the real network and resolves once it listens. Rejects with a NetworkError of code `unreachable`
 * that names the address when one cannot be listened at (in use, not this machine's, malformed).
 */
export async function createLibp2pNetwork(options: Libp2pNetworkOptions): Promise<Libp2pNetwork> {
  const blocked = new Set<PeerName>();
  const node = await startNode(options, blocked);
  return new Libp2pMember(node, blocked);
}

class Libp2pMember implements Libp2pNetwork {
  readonly self: PeerName;
  readonly #node: Libp2p<Services>;
  readonly #blocked: Set<PeerName>;
  readonly #connections: PeerConnections;
  readonly #handled = new Set<string>();
  /** Inbound streams open now, by peer and protocol: libp2p counts per connection, the seam per peer. */
  readonly #inbound = new Map<string, number>();
  readonly #topics = new Map<string, Set<(from: PeerName, data: Uint8Array) => void>>();
  #bytesSent = 0;
  #closing: Promise<void> | undefined;

  constructor(node: Libp2p<Services>, blocked: Set<PeerName>) {
    this.self = node.peerId.toString();
    this.#node = node;
    this.#blocked = blocked;
    this.#connections = new PeerConnections(node);
    node.services.pubsub.addEventListener('message', (event) => {
      const message = event.detail;
      if (message.type !== 'signed') return;
      const from = message.from.toString();
      for (const listener of [...(this.#topics.get(message.topic) ?? [])]) listener(from, message.data);
    });
  }

  addresses(): string[] {
    return this.#node.getMultiaddrs().map(String);
  }

  learn(peer: PeerName, addresses: readonly string[]): void {
    if (peer !== this.self) this.#connections.learn(peer, addresses);
  }

  async open(peer: PeerName, protocol: Protocol, signal?: AbortSignal): Promise<FrameStream> {
    signal?.throwIfAborted();
    if (peer === this.self)
      throw new NetworkError('unreachable', 'a peer cannot open a stream to itself', { peer });
    for (let attempt = 1; ; attempt++) {
      this.#mustBeOpen();
      if (this.#blocked.has(peer)) {
        throw new NetworkError('refused', `${peer} is blocked here; allow it first`, { peer });
      }
      const { connection, fresh } = await this.#connections.choose(peer, protocol.traffic, signal);
      try {
        const timeout = AbortSignal.timeout(NEGOTIATION_TIMEOUT_MILLISECONDS);
        const stream = await connection.newStream(protocol.id, {
          signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
          maxOutboundStreams: MAX_OUTBOUND_STREAMS,
        });
        return this.#frameStream(stream, peer, protocol);
      } catch (error) {
        signal?.throwIfAborted();
        // The connection had died before anyone noticed, or its multiplexer was closed by the remote and the
        // connection left behind: a new one tells whether the peer is there.
        if (isNamed(error, 'ConnectionClosedError', 'MuxerClosedError')) sever(connection, error);
        if (!fresh && connection.status !== 'open' && attempt === 1) continue;
        this.#mustBeOpen();
        throw openError(peer, protocol, error, fresh && connection.status !== 'open');
      }
    }
  }

  handle(protocol: Protocol, handler: (stream: FrameStream) => void): void {
    this.#mustBeOpen();
    if (this.#handled.has(protocol.id)) throw new Error(`${protocol.id} is already handled`);
    this.#handled.add(protocol.id);
    const onStream = (stream: Stream, connection: Connection): void => {
      const peer = connection.remotePeer.toString();
      this.#connections.sawTraffic(connection, protocol.traffic);
      const key = `${peer} ${protocol.id}`;
      const open = (this.#inbound.get(key) ?? 0) + 1;
      if (open > protocol.maxInboundStreams) {
        stream.abort(
          new Error(`${peer} has ${protocol.maxInboundStreams} streams of ${protocol.id} open already`),
        );
        return;
      }
      this.#inbound.set(key, open);
      const frames = this.#frameStream(stream, peer, protocol, () => {
        const left = (this.#inbound.get(key) ?? 1) - 1;
        if (left === 0) this.#inbound.delete(key);
        else this.#inbound.set(key, left);
      });
      handler(frames);
    };
    const limits = {
      maxInboundStreams: protocol.maxInboundStreams,
      maxOutboundStreams: MAX_OUTBOUND_STREAMS,
    };
    // The handler is in place when this returns; what is awaited is only that others are told of it.
    this.#node.handle(protocol.id, onStream, limits).catch((error) => {
      this.#node.logger.forComponent('skein:network').error('could not announce %s: %e', protocol.id, error);
    });
  }

  onConnection(listener: (event: ConnectionEvent) => void): () => void {
    return this.#connections.onConnection(listener);
  }

  block(peer: PeerName): void {
    this.#blocked.add(peer);
    this.#connections.cut(peer, new Error(`${peer} is blocked`));
  }

  allow(peer: PeerName): void {
    this.#blocked.delete(peer);
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    this.#mustBeOpen();
    if (data.byteLength > MAX_GOSSIP_BYTES) {
      throw new NetworkError(
        'limit',
        `${data.byteLength} bytes to gossip, at most ${MAX_GOSSIP_BYTES} are allowed`,
      );
    }
    await this.#node.services.pubsub.publish(topic, data);
  }

  subscribe(topic: string, listener: (from: PeerName, data: Uint8Array) => void): () => void {
    this.#mustBeOpen();
    const pubsub = this.#node.services.pubsub;
    const listeners = this.#topics.get(topic) ?? new Set();
    if (listeners.size === 0) {
      this.#topics.set(topic, listeners);
      pubsub.subscribe(topic);
    }
    const entry = (from: PeerName, data: Uint8Array): void => listener(from, data);
    listeners.add(entry);
    return () => {
      if (!listeners.delete(entry) || listeners.size > 0) return;
      this.#topics.delete(topic);
      if (this.#closing === undefined) pubsub.unsubscribe(topic);
    };
  }

  bytesSent(): number {
    return this.#bytesSent;
  }

  statistics(): { readonly connections: number; readonly streams: number } {
    return { connections: this.#node.getConnections().length, streams: this.#connections.openStreams() };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#connections.stop();
      await this.#node.stop();
    })();
    return this.#closing;
  }

  #frameStream(
    stream: Stream,
    remote: PeerName,
    protocol: Protocol,
    onClosed: () => void = () => {},
  ): FrameStream {
    const onSent = (bytes: number): void => {
      this.#bytesSent += bytes;
    };
    const isLeaving = (): boolean => this.#closing !== undefined;
    return new Libp2pFrameStream({ stream, remote, protocol, isLeaving, onSent, onClosed });
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined) throw new NetworkError('closed', 'this network is closed');
  }
}

/** Why a stream could not be opened on a connection that was there. */
function openError(peer: PeerName, protocol: Protocol, error: unknown, turnedAway: boolean): NetworkError {
  const reason = error instanceof Error ? error.message : String(error);
  const about = { peer, cause: error };
  if (isNamed(error, 'UnsupportedProtocolError')) {
    return new NetworkError('refused', `${peer} does not speak ${protocol.id}`, about);
  }
  if (turnedAway) {
    const message = `${peer} closed the connection as soon as it knew who we are: it does not admit this peer`;
    return new NetworkError('refused', message, about);
  }
  if (isNamed(error, 'TimeoutError')) {
    return new NetworkError('unreachable', `${peer} is connected but does not answer (${reason})`, about);
  }
  if (isNamed(error, 'TooManyOutboundProtocolStreamsError')) {
    return new NetworkError('limit', `too many streams of ${protocol.id} to ${peer} (${reason})`, about);
  }
  return new NetworkError(
    'reset',
    `the connection to ${peer} broke while ${protocol.id} was opened (${reason})`,
    about,
  );
}

/** libp2p's errors are told apart by name: several versions of its classes may be installed. */
function isNamed(error: unknown, ...names: string[]): error is Error {
  return error instanceof Error && names.includes(error.name);
}
