// What a peer can do with other peers: open a stream of frames, answer one, hear who is connected, gossip.
// The members are libp2p and the simulated network (src/network).

/** A peer's proven name on the network: with libp2p its PeerId as text. */
export type PeerName = string;

/**
 * One message on a stream: a small header and a raw payload that is never copied without need.
 * A frame that was received belongs to the reader; the payload of one that was sent must not change until
 * `send` has resolved.
 */
export interface Frame {
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

/**
 * `control` traffic (heartbeats, journal, requests) and `bulk` traffic (tensors, weights) travel on connections
 * of their own, so that the first never queues behind the second.
 */
export type TrafficClass = 'control' | 'bulk';

/** A stream protocol: its id on the wire and the limits that hold before anything is allocated. */
export interface Protocol {
  readonly id: string;
  readonly traffic: TrafficClass;
  readonly maxHeaderBytes: number;
  readonly maxPayloadBytes: number;
  /** Streams one remote peer may have open to us at a time. */
  readonly maxInboundStreams: number;
}

export interface FrameStream {
  readonly remote: PeerName;
  /**
   * Queues a frame, in order, and resolves once few enough bytes wait in front of the reader (a slow reader
   * holds its sender). Rejects when the stream is closed, reset, or the signal aborts; after an abort the frame
   * may still arrive whole.
   */
  send(frame: Frame, signal?: AbortSignal): Promise<void>;
  /**
   * Frames in order, one consumer. Ends when the remote closed its writing side cleanly; throws a
   * `NetworkError` when the stream was reset, a limit was broken or a frame is cut off. While the consumer does
   * not ask for the next frame, at most a few megabytes are read ahead.
   */
  frames(): AsyncIterableIterator<Frame>;
  /** Ends the writing side after what was queued. */
  close(): Promise<void>;
  /** Ends both sides at once; what was queued is lost. */
  abort(reason: Error): void;
}

export type ConnectionEvent = { readonly peer: PeerName; readonly state: 'up' | 'down' };

export interface Network {
  readonly self: PeerName;
  /** Where others can reach this peer (multiaddrs with libp2p). */
  addresses(): string[];
  /** Remembers where a peer can be reached, for later `open` calls. */
  learn(peer: PeerName, addresses: readonly string[]): void;
  /** Connects if needed and opens a stream. Rejects with a `NetworkError` that says why. */
  open(peer: PeerName, protocol: Protocol, signal?: AbortSignal): Promise<FrameStream>;
  /** Answers inbound streams of a protocol; the handler owns the stream. */
  handle(protocol: Protocol, handler: (stream: FrameStream) => void): void;
  /** Called at the first connection to a peer (`up`) and when the last one is gone (`down`). */
  onConnection(listener: (event: ConnectionEvent) => void): () => void;
  /** Cuts every connection to a peer and refuses new ones until `allow` is called. */
  block(peer: PeerName): void;
  allow(peer: PeerName): void;
  /** Gossip to every subscriber of the topic; at most 64 KB; delivery is likely, not certain. */
  publish(topic: string, data: Uint8Array): Promise<void>;
  subscribe(topic: string, listener: (from: PeerName, data: Uint8Array) => void): () => void;
  /** Payload and header bytes sent so far. */
  bytesSent(): number;
  /** Leaves: closes streams and connections. */
  close(): Promise<void>;
}

export type NetworkErrorCode =
  | 'unreachable' // no address answers, or the peer is not known
  | 'refused' // the peer answered and does not speak the protocol, or we block it
  | 'reset' // the stream or its connection broke
  | 'limit' // the remote sent more than the protocol allows
  | 'truncated' // the stream ended inside a frame
  | 'closed'; // this side closed the stream or the network

export class NetworkError extends Error {
  readonly code: NetworkErrorCode;
  readonly peer: PeerName | undefined;
  constructor(code: NetworkErrorCode, message: string, options: { peer?: PeerName; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'NetworkError';
    this.code = code;
    this.peer = options.peer;
  }
}
