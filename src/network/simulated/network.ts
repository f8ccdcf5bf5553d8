// The Network member of the simulation: frames between peers of one process, with latency and bandwidth per
// direction, credit that holds a sender whose reader is slow, and connections that break when a peer crashes.

import {
  type ConnectionEvent,
  type Frame,
  type FrameStream,
  type Network,
  NetworkError,
  type PeerName,
  type Protocol,
} from '../../seams/network.ts';
import { SimulatedStream } from './stream.ts';
import type { SimulatedWorld } from './world.ts';

export interface SimulatedLinks {
  latencySeconds(from: PeerName, to: PeerName): number;
  bytesPerSecond(from: PeerName, to: PeerName): number;
}

/** The wires between all peers of one simulated world. */
export class SimulatedNetworks {
  readonly world: SimulatedWorld;
  readonly links: SimulatedLinks;
  readonly #nodes = new Map<PeerName, SimulatedNetwork>();
  /** When the last byte sent so far has left, per direction and traffic class. */
  readonly #freeAt = new Map<string, number>();

  constructor(world: SimulatedWorld, links: SimulatedLinks) {
    this.world = world;
    this.links = links;
    world.onCrash((peer) => this.#nodes.get(peer)?.vanish());
  }

  /** Puts a peer on the network, replacing a crashed one of the same name. */
  join(peer: PeerName): SimulatedNetwork {
    const node = new SimulatedNetwork(this, peer);
    this.#nodes.set(peer, node);
    return node;
  }

  node(peer: PeerName): SimulatedNetwork | undefined {
    const node = this.#nodes.get(peer);
    return node?.listening ? node : undefined;
  }

  nodes(): SimulatedNetwork[] {
    return [...this.#nodes.values()].filter((node) => node.listening);
  }

  /** Seconds until the last of `bytes`, queued now on this direction, has arrived. */
  transferSeconds(from: PeerName, to: PeerName, protocol: Protocol, bytes: number): number {
    const key = `${from}>${to}:${protocol.traffic}`;
    const now = this.world.now();
    const sent = Math.max(now, this.#freeAt.get(key) ?? 0) + bytes / this.links.bytesPerSecond(from, to);
    this.#freeAt.set(key, sent);
    return sent - now + this.links.latencySeconds(from, to);
  }
}

export class SimulatedNetwork implements Network {
  readonly self: PeerName;
  listening = true;
  readonly #wires: SimulatedNetworks;
  readonly #handlers = new Map<string, { protocol: Protocol; handler: (stream: FrameStream) => void }>();
  readonly #listeners = new Set<(event: ConnectionEvent) => void>();
  readonly #topics = new Map<string, Set<(from: PeerName, data: Uint8Array) => void>>();
  readonly #streams = new Map<PeerName, Set<SimulatedStream>>();
  readonly #connected = new Set<PeerName>();
  readonly #blocked = new Set<PeerName>();
  #bytesSent = 0;

  constructor(wires: SimulatedNetworks, self: PeerName) {
    this.#wires = wires;
    this.self = self;
  }

  addresses(): string[] {
    return [`/memory/${this.self}`];
  }

  learn(): void {
    // every simulated peer can be reached by its name
  }

  open(peer: PeerName, protocol: Protocol, signal?: AbortSignal): Promise<FrameStream> {
    const { world, links } = this.#wires;
    return new Promise((resolve, reject) => {
      const fail = (code: 'unreachable' | 'refused' | 'closed', why: string) =>
        reject(new NetworkError(code, `cannot open ${protocol.id} to ${peer}: ${why}`, { peer }));
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      if (!this.listening) {
        fail('closed', 'this peer has left the network');
        return;
      }
      if (this.#blocked.has(peer)) {
        fail('refused', 'this peer blocks it');
        return;
      }
      const there = links.latencySeconds(this.self, peer);
      const back = links.latencySeconds(peer, this.self);
      const answer = (run: () => void) => world.after(back, this.self, run);
      world.after(there, '', () => {
        const remote = this.#wires.node(peer);
        if (remote === undefined || world.condition(peer) === 'crashed') {
          answer(() => fail('unreachable', 'nobody answers there'));
          return;
        }
        if (remote.#blocked.has(this.self)) {
          answer(() => fail('refused', 'it blocks this peer'));
          return;
        }
        const entry = remote.#handlers.get(protocol.id);
        if (entry === undefined) {
          answer(() => fail('refused', 'it does not speak this protocol'));
          return;
        }
        const open = [...(remote.#streams.get(this.self) ?? [])];
        if (
          open.filter((s) => s.inbound && s.protocol.id === protocol.id).length >=
          entry.protocol.maxInboundStreams
        ) {
          answer(() => fail('refused', 'too many streams are open'));
          return;
        }
        const [near, far] = SimulatedStream.pair(this.#wires, this.self, peer, protocol, entry.protocol);
        this.#attach(peer, near);
        remote.#attach(this.self, far);
        answer(() => {
          this.#up(peer);
          resolve(near);
        });
        world.after(0, peer, () => {
          remote.#up(this.self);
          entry.handler(far);
        });
      });
    });
  }

  handle(protocol: Protocol, handler: (stream: FrameStream) => void): void {
    this.#handlers.set(protocol.id, { protocol, handler });
  }

  onConnection(listener: (event: ConnectionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  block(peer: PeerName): void {
    this.#blocked.add(peer);
    this.disconnect(peer);
  }

  allow(peer: PeerName): void {
    this.#blocked.delete(peer);
  }

  /** Breaks the connection to a peer, as a cut cable would; both sides notice. */
  disconnect(peer: PeerName): void {
    const { world, links } = this.#wires;
    if (!this.#connected.has(peer)) return;
    world.after(0, this.self, () => this.#down(peer));
    const remote = this.#wires.node(peer);
    if (remote) world.after(links.latencySeconds(this.self, peer), peer, () => remote.#down(this.self));
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    const { world, links } = this.#wires;
    if (data.byteLength > 65_536) {
      throw new NetworkError(
        'limit',
        `a gossip message may have 65536 bytes, this one has ${data.byteLength}`,
      );
    }
    const copy = data.slice();
    for (const node of this.#wires.nodes()) {
      if (node === this || this.#blocked.has(node.self)) continue;
      world.after(links.latencySeconds(this.self, node.self), node.self, () => {
        if (node.#blocked.has(this.self)) return;
        for (const listener of node.#topics.get(topic) ?? []) listener(this.self, copy.slice());
      });
    }
  }

  subscribe(topic: string, listener: (from: PeerName, data: Uint8Array) => void): () => void {
    const listeners = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  bytesSent(): number {
    return this.#bytesSent;
  }

  countSent(frame: Frame): void {
    this.#bytesSent += frame.header.byteLength + frame.payload.byteLength;
  }

  async close(): Promise<void> {
    this.vanish();
  }

  /** The process is gone: remotes see their connections break. */
  vanish(): void {
    if (!this.listening) return;
    this.listening = false;
    const left = (peer: PeerName) => new NetworkError('closed', 'this peer has left the network', { peer });
    for (const [peer, streams] of this.#streams) for (const stream of [...streams]) stream.break(left(peer));
    for (const peer of [...this.#connected]) this.disconnect(peer);
  }

  /** Streams open now, in both directions. */
  openStreams(): number {
    let open = 0;
    for (const streams of this.#streams.values()) open += streams.size;
    return open;
  }

  detach(stream: SimulatedStream): void {
    this.#streams.get(stream.remote)?.delete(stream);
  }

  #attach(peer: PeerName, stream: SimulatedStream): void {
    const streams = this.#streams.get(peer) ?? new Set();
    this.#streams.set(peer, streams);
    streams.add(stream);
    stream.owner = this;
    this.#connected.add(peer);
  }

  #up(peer: PeerName): void {
    if (this.#announced.has(peer) || !this.listening) return;
    this.#announced.add(peer);
    for (const listener of [...this.#listeners]) listener({ peer, state: 'up' });
  }

  #down(peer: PeerName): void {
    if (!this.#connected.delete(peer)) return;
    for (const stream of [...(this.#streams.get(peer) ?? [])]) stream.break();
    this.#streams.delete(peer);
    if (!this.#announced.delete(peer)) return;
    for (const listener of [...this.#listeners]) listener({ peer, state: 'down' });
  }

  readonly #announced = new Set<PeerName>();
}
