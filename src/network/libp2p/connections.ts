// Which connection a stream goes on. Control and bulk traffic have connections of their own to each peer, because on
// one connection a heartbeat waits for the tensor bytes in front of it (100 ms behind 16 MB, 30 ms beside them).
// Whoever dials a connection says what it is for by the first stream it opens on it; both sides may dial at once,
// then there are two of a kind, which is harmless.

import type { Connection, Libp2p, PeerId } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import type { Multiaddr } from '@multiformats/multiaddr';
import { multiaddr } from '@multiformats/multiaddr';
import type { ConnectionEvent, PeerName, TrafficClass } from '../../seams/network.ts';
import { NetworkError } from '../../seams/network.ts';

/** One dial, all addresses together. */
export const DIAL_TIMEOUT_MILLISECONDS = 10_000;
/** How long a WebSocket may take to say that it closes. */
const CLOSE_TIMEOUT_MILLISECONDS = 1000;
/** A peer that cannot be dialled a second time (it is behind a router) is not tried again for this long. */
const SECOND_DIAL_PAUSE_MILLISECONDS = 30_000;
/** Learned addresses of one peer, the newest first. */
const MAX_LEARNED_ADDRESSES = 16;

interface PeerState {
  readonly id: PeerId;
  /** Alive connections, the oldest first. */
  readonly connections: Set<Connection>;
  addresses: Multiaddr[];
  /** Dials under way, by what they are for. */
  readonly dials: Map<TrafficClass, Promise<Connection>>;
  secondDialAllowedAt: number;
}

export interface ChosenConnection {
  readonly connection: Connection;
  /** Dialled for this call, so nothing is known yet about how the remote takes it. */
  readonly fresh: boolean;
}

export class PeerConnections {
  readonly #node: Libp2p;
  readonly #peers = new Map<PeerName, PeerState>();
  readonly #purposes = new WeakMap<Connection, TrafficClass>();
  readonly #listeners = new Set<(event: ConnectionEvent) => void>();
  readonly #stopped = new AbortController();

  constructor(node: Libp2p) {
    this.#node = node;
    node.addEventListener('connection:open', (event) => this.#opened(event.detail));
    node.addEventListener('connection:close', (event) => this.#closed(event.detail));
  }

  /** The first connection to a peer and the loss of the last one. */
  onConnection(listener: (event: ConnectionEvent) => void): () => void {
    const entry = (event: ConnectionEvent): void => listener(event);
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** Remembers addresses; those that are malformed or name another peer are left out. */
  learn(peer: PeerName, addresses: readonly string[]): void {
    const state = this.#state(peer);
    if (state === undefined) return;
    const known = addresses.flatMap((text) => addressOf(text, state.id) ?? []);
    const fresh = new Set(known.map(String));
    const older = state.addresses.filter((address) => !fresh.has(address.toString()));
    state.addresses = [...known, ...older].slice(0, MAX_LEARNED_ADDRESSES);
  }

  /** Says what an inbound connection is for, once: the traffic of its first stream. */
  sawTraffic(connection: Connection, traffic: TrafficClass): void {
    if (!this.#purposes.has(connection)) this.#purposes.set(connection, traffic);
  }

  /** A connection for this traffic, dialled if there is none; rejects with a NetworkError or the signal's reason. */
  async choose(peer: PeerName, traffic: TrafficClass, signal?: AbortSignal): Promise<ChosenConnection> {
    const state = this.#state(peer);
    if (state === undefined) {
      throw new NetworkError('unreachable', `"${peer}" is not a PeerId: names on this network are`, { peer });
    }
    const chosen = pick(state, traffic, this.#purposes);
    if (chosen !== undefined) return { connection: chosen, fresh: false };
    // The first connection is the control one, whatever it is wanted for: both sides then agree on which it is.
    const first = anyOpen(state) ?? (await abortable(this.#dial(peer, state, 'control'), signal));
    if (traffic === 'control' && this.#purposes.get(first) !== 'bulk')
      return { connection: first, fresh: true };
    if (performance.now() < state.secondDialAllowedAt) return { connection: first, fresh: false };
    try {
      return { connection: await abortable(this.#dial(peer, state, traffic), signal), fresh: true };
    } catch (error) {
      if (signal?.aborted || first.status !== 'open') throw error;
      state.secondDialAllowedAt = performance.now() + SECOND_DIAL_PAUSE_MILLISECONDS;
      return { connection: first, fresh: false };
    }
  }

  /** Breaks every connection to the peer at once. */
  cut(peer: PeerName, reason: Error): void {
    for (const connection of [...(this.#peers.get(peer)?.connections ?? [])]) sever(connection, reason);
  }

  /** Gives up dials under way; later ones fail. */
  stop(): void {
    this.#stopped.abort(new NetworkError('closed', 'this network is closed'));
  }

  /** Streams open now on all connections, libp2p's own included. */
  openStreams(): number {
    return this.#node.getConnections().reduce((sum, connection) => sum + connection.streams.length, 0);
  }

  /** One dial at a time and peer: libp2p would join a second one to the first, even a forced one. */
  #dial(peer: PeerName, state: PeerState, traffic: TrafficClass): Promise<Connection> {
    const underWay = state.dials.get(traffic);
    if (underWay !== undefined) return underWay;
    const others = [...state.dials.values()];
    const dial = (async () => {
      await Promise.allSettled(others);
      const existing = pick(state, traffic, this.#purposes);
      if (existing !== undefined) return existing;
      const connection = await this.#dialNow(peer, state);
      this.#purposes.set(connection, traffic);
      return connection;
    })();
    state.dials.set(traffic, dial);
    const done = (): void => {
      if (state.dials.get(traffic) === dial) state.dials.delete(traffic);
    };
    dial.then(done, done);
    return dial;
  }

  async #dialNow(peer: PeerName, state: PeerState): Promise<Connection> {
    const addresses = await this.#addresses(state);
    if (addresses.length === 0) {
      throw new NetworkError('unreachable', `no address of ${peer} is known; learn one first`, { peer });
    }
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(DIAL_TIMEOUT_MILLISECONDS)]);
    try {
      return await this.#node.dial(addresses, { force: true, signal });
    } catch (error) {
      if (this.#stopped.signal.aborted) throw this.#stopped.signal.reason;
      throw dialError(peer, addresses, error);
    }
  }

  /** What was learned first, then what the peer said of itself when it was connected. */
  async #addresses(state: PeerState): Promise<Multiaddr[]> {
    const addresses = new Map(state.addresses.map((address) => [address.toString(), address]));
    if (await this.#node.peerStore.has(state.id)) {
      for (const { multiaddr: said } of (await this.#node.peerStore.get(state.id)).addresses) {
        const address = addressOf(said.toString(), state.id);
        if (address !== undefined) addresses.set(address.toString(), address);
      }
    }
    return [...addresses.values()];
  }

  #opened(connection: Connection): void {
    if (connection.status !== 'open') return;
    const peer = connection.remotePeer.toString();
    const state = this.#state(peer);
    if (state === undefined) return;
    state.connections.add(connection);
    if (state.connections.size === 1) this.#tell({ peer, state: 'up' });
  }

  #closed(connection: Connection): void {
    const peer = connection.remotePeer.toString();
    const state = this.#peers.get(peer);
    if (state === undefined || !state.connections.delete(connection)) return;
    if (state.connections.size > 0) return;
    if (state.addresses.length === 0 && state.dials.size === 0) this.#peers.delete(peer);
    this.#tell({ peer, state: 'down' });
  }

  #tell(event: ConnectionEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  #state(peer: PeerName): PeerState | undefined {
    const existing = this.#peers.get(peer);
    if (existing !== undefined) return existing;
    let id: PeerId;
    try {
      id = peerIdFromString(peer);
    } catch {
      return undefined;
    }
    const state = {
      id,
      connections: new Set<Connection>(),
      addresses: [],
      dials: new Map(),
      secondDialAllowedAt: 0,
    };
    this.#peers.set(peer, state);
    return state;
  }
}

/**
 * Ends a connection at once. Over WebSockets that is a close without waiting for the streams: libp2p's abort uses a
 * code that WebSockets do not allow, and the other side would never hear of it.
 */
export function sever(connection: Connection, reason: Error): void {
  const isWebSocket = connection.remoteAddr
    .getComponents()
    .some(({ name }) => name === 'ws' || name === 'wss');
  if (!isWebSocket) {
    connection.abort(reason);
    return;
  }
  for (const stream of [...connection.streams]) stream.abort(reason);
  connection
    .close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT_MILLISECONDS) })
    .catch(() => connection.abort(reason));
}

function anyOpen(state: PeerState): Connection | undefined {
  for (const connection of state.connections) if (isUsable(connection)) return connection;
  return undefined;
}

/**
 * The newest connection for this traffic (after a peer came back, the older one may be dead without our knowing);
 * control also takes the oldest one whose purpose was not shown yet.
 */
function pick(
  state: PeerState,
  traffic: TrafficClass,
  purposes: WeakMap<Connection, TrafficClass>,
): Connection | undefined {
  const usable = [...state.connections].filter(isUsable);
  const labelled = usable.findLast((connection) => purposes.get(connection) === traffic);
  if (labelled !== undefined || traffic === 'bulk') return labelled;
  return usable.find((connection) => !purposes.has(connection));
}

/** Alive, and not a relayed one that is cut after a few kilobytes. */
function isUsable(connection: Connection): boolean {
  return connection.status === 'open' && connection.limits === undefined;
}

/** The address with the peer's name at its end; undefined when it is malformed or another peer's. */
function addressOf(text: string, peer: PeerId): Multiaddr | undefined {
  try {
    const address = multiaddr(text);
    const named = address.getComponents().findLast((component) => component.name === 'p2p')?.value;
    if (named === undefined) return address.encapsulate(`/p2p/${peer.toString()}`);
    return named === peer.toString() ? address : undefined;
  } catch {
    return undefined;
  }
}

function dialError(peer: PeerName, addresses: readonly Multiaddr[], error: unknown): NetworkError {
  const name = error instanceof Error ? error.name : '';
  if (name === 'DialDeniedError' || name === 'ConnectionInterceptedError') {
    return new NetworkError('refused', `${peer} is blocked here; allow it first`, { peer, cause: error });
  }
  const causes: unknown[] = error instanceof AggregateError ? error.errors : [error];
  const reasons = new Set(causes.map((cause) => (cause instanceof Error ? cause.message : String(cause))));
  const tried = addresses.map(String).join(', ');
  const message = `${peer} does not answer at ${tried} (${[...reasons].join('; ')})`;
  return new NetworkError('unreachable', message, { peer, cause: error });
}

/** The promise, or the signal's reason if that comes first; the work behind the promise goes on for others. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
