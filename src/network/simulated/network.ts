// The Network member of the simulation: frames between peers of one process, with latency and bandwidth per
// direction, credit that holds a sender whose reader is slow, and connections that break: when a peer crashes, when a
// cable is cut, when a way stays closed for too long, when what arrives is corrupt.

import {
  type ConnectionEvent,
  type Frame,
  type FrameStream,
  type Network,
  NetworkError,
  type PeerName,
  type Protocol,
  type TrafficClass,
} from '../../seams/network.ts';
import { SharedFlows, type SimulatedLinks, Weather } from './links.ts';
import { SimulatedStream } from './stream.ts';
import { type InFlight, type Order, WireEnd } from './wire.ts';
import type { SimulatedWorld } from './world.ts';

export type { SimulatedLinks } from './links.ts';

/** A peer that does not answer a dial within this is unreachable, as live. */
const DIAL_SECONDS = 10;
/** A connection on which nothing comes through for this long is given up by both sides. */
const DEAD_CONNECTION_SECONDS = 20;
const MAX_GOSSIP_BYTES = 65_536;

type OpenProblem = 'unreachable' | 'refused' | 'closed' | 'reset';

/** Sees every frame as it leaves a peer. */
export type FrameListener = (from: PeerName, to: PeerName, protocol: Protocol, frame: Frame) => void;

interface Held {
  readonly from: PeerName;
  readonly to: PeerName;
  readonly order: Order;
  readonly arrived: () => void;
  readonly owner: PeerName;
}

/** The wires between all peers of one simulated world. */
export class SimulatedNetworks {
  readonly world: SimulatedWorld;
  readonly links: SimulatedLinks;
  readonly weather: Weather;
  readonly flows: SharedFlows | undefined;
  readonly #nodes = new Map<PeerName, SimulatedNetwork>();
  /** What was sent on ways that are cut, in order. */
  #held: Held[] = [];
  readonly #frameListeners: FrameListener[] = [];

  /** @param seed of whatever is random about the ways */
  constructor(world: SimulatedWorld, links: SimulatedLinks, seed = 0) {
    this.world = world;
    this.links = links;
    this.weather = new Weather(seed, () => this.#release());
    this.flows = links.shared && new SharedFlows(world, links, links.shared);
    world.onCrash((peer) => this.#nodes.get(peer)?.vanish());
  }

  /** Calls `listener` with every frame that leaves a peer; what it gets is the sender's and must not be changed. */
  onFrame(listener: FrameListener): void {
    this.#frameListeners.push(listener);
  }

  /** A frame leaves a peer. */
  leaves(from: PeerName, to: PeerName, protocol: Protocol, frame: Frame): void {
    for (const listener of this.#frameListeners) listener(from, to, protocol, frame);
  }

  /** Puts a peer on the network, replacing a crashed one of the same name. */
  join(peer: PeerName): SimulatedNetwork {
    const before = this.#nodes.get(peer);
    const node = new SimulatedNetwork(this, peer);
    this.#nodes.set(peer, node);
    before?.replaced();
    return node;
  }

  node(peer: PeerName): SimulatedNetwork | undefined {
    const node = this.#nodes.get(peer);
    return node?.listening ? node : undefined;
  }

  nodes(): SimulatedNetwork[] {
    return [...this.#nodes.values()].filter((node) => node.listening);
  }

  /**
   * Brings something from one peer to another, after what is before it in `order`; over a way that is cut once it is
   * whole again.
   * @param owner whose code `arrived` is: the receiver's, or '' for its machine's
   */
  carry(
    from: PeerName,
    to: PeerName,
    departsIn: number,
    order: Order,
    arrived: () => void,
    owner: PeerName = to,
  ): void {
    if (this.weather.isCut(from, to)) {
      this.#held.push({ from, to, order, arrived, owner });
      return;
    }
    const { world } = this;
    const seconds = this.links.latencySeconds(from, to) + this.weather.extraSeconds(from, to);
    order.lastAt = Math.max(order.lastAt, world.now() + departsIn + seconds);
    world.deliver(order.lastAt, owner, arrived);
  }

  #release(): void {
    const held = this.#held;
    this.#held = [];
    for (const { from, to, order, arrived, owner } of held) this.carry(from, to, 0, order, arrived, owner);
  }

  /** Breaks connections between two peers, one kind or both; whether there was one. */
  cut(a: PeerName, b: PeerName, inFlight: InFlight, traffic?: TrafficClass): boolean {
    return this.#nodes.get(a)?.cut(b, inFlight, traffic) ?? false;
  }

  /** The next frame on a connection from one peer to the other arrives corrupt; whether there is a connection. */
  corruptNext(from: PeerName, to: PeerName, traffic: TrafficClass): boolean {
    return this.node(from)?.corruptNext(to, traffic) ?? false;
  }

  /** The machine of a peer goes dark, just before it crashes: nobody is told, and nothing answers until it is back. */
  darken(peer: PeerName): void {
    const node = this.#nodes.get(peer);
    if (node) node.dark = true;
  }

  isDark(peer: PeerName): boolean {
    return this.#nodes.get(peer)?.dark ?? false;
  }

  /** Nothing comes through between two groups any more; call what it gives back to end it. */
  part(from: readonly PeerName[], to: readonly PeerName[], bothWays: boolean): () => void {
    const [a, b] = [new Set(from), new Set(to)];
    const ends = [this.weather.cut({ from: a, to: b })];
    if (bothWays) ends.push(this.weather.cut({ from: b, to: a }));
    let over = false;
    this.world.after(DEAD_CONNECTION_SECONDS, '', () => {
      if (!over) for (const peer of from) this.#nodes.get(peer)?.giveUp(b);
    });
    return () => {
      over = true;
      for (const end of ends) end();
    };
  }
}

export class SimulatedNetwork implements Network {
  readonly self: PeerName;
  listening = true;
  /** Its machine has no power: it does not even refuse. */
  dark = false;
  readonly #networks: SimulatedNetworks;
  readonly #handlers = new Map<string, { protocol: Protocol; handler: (stream: FrameStream) => void }>();
  readonly #listeners = new Set<(event: ConnectionEvent) => void>();
  readonly #topics = new Map<string, Set<(from: PeerName, data: Uint8Array) => void>>();
  readonly #wires = new Map<PeerName, Set<WireEnd>>();
  readonly #announced = new Set<PeerName>();
  readonly #blocked = new Set<PeerName>();
  /** Streams that each peer has open to this one, by peer and protocol. */
  readonly #inbound = new Map<string, number>();
  #bytesSent = 0;

  constructor(networks: SimulatedNetworks, self: PeerName) {
    this.#networks = networks;
    this.self = self;
  }

  addresses(): string[] {
    return [`/memory/${this.self}`];
  }

  learn(): void {
    // every simulated peer can be reached by its name
  }

  open(peer: PeerName, protocol: Protocol, signal?: AbortSignal): Promise<FrameStream> {
    const { world } = this.#networks;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      let settled = false;
      const settle = (): boolean => {
        if (settled) return false;
        settled = true;
        noAnswer();
        signal?.removeEventListener('abort', onAbort);
        return true;
      };
      const refused = (code: OpenProblem, why: string): void => {
        if (!settle()) return;
        reject(new NetworkError(code, `cannot open ${protocol.id} to ${peer}: ${why}`, { peer }));
      };
      const noAnswer = world.after(DIAL_SECONDS, this.self, () => {
        refused('unreachable', `it did not answer within ${DIAL_SECONDS} s`);
      });
      const onAbort = (): void => {
        if (settle()) reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      if (!this.listening) {
        refused('closed', 'this peer has left the network');
      } else if (this.#blocked.has(peer)) {
        refused('refused', 'this peer blocks it');
      } else {
        this.#knock(peer, protocol, refused, (near) => {
          if (settle()) resolve(near);
          else near.abort(new Error('nobody waits for this stream any more'));
        });
      }
    });
  }

  /** One round trip: the other peer's machine refuses, or the peer itself answers. */
  #knock(
    peer: PeerName,
    protocol: Protocol,
    refused: (code: OpenProblem, why: string) => void,
    opened: (stream: SimulatedStream) => void,
  ): void {
    const networks = this.#networks;
    const answer = (run: () => void) => networks.carry(peer, this.self, 0, { lastAt: 0 }, run);
    const refuse = (code: OpenProblem, why: string) => answer(() => refused(code, why));
    const peerAnswers = (remote: SimulatedNetwork): void => {
      if (!this.listening) return; // whoever knocked has left
      const entry = remote.#handlers.get(protocol.id);
      const inbound = `${this.self} ${protocol.id}`;
      if (remote.#blocked.has(this.self)) refuse('refused', 'it blocks this peer');
      else if (entry === undefined) refuse('refused', 'it does not speak this protocol');
      else if ((remote.#inbound.get(inbound) ?? 0) >= entry.protocol.maxInboundStreams) {
        refuse('refused', 'too many streams are open');
      } else {
        const mine = this.#wire(remote, protocol.traffic);
        const [near, far] = SimulatedStream.pair(networks, mine, protocol, entry.protocol, () =>
          remote.#count(inbound, -1),
        );
        remote.#count(inbound, 1);
        answer(() => {
          if (mine.broken) {
            refused('reset', 'the connection broke');
            return;
          }
          this.#up(peer);
          opened(near);
        });
        remote.#up(this.self);
        entry.handler(far);
      }
    };
    const machineAnswers = (): void => {
      const remote = networks.node(peer);
      if (remote !== undefined) networks.world.after(0, peer, () => peerAnswers(remote));
      else if (!networks.isDark(peer)) refuse('unreachable', 'nobody answers there');
    };
    networks.carry(this.self, peer, 0, { lastAt: 0 }, machineAnswers, '');
  }

  /** The connection to a peer for this traffic, a new one where there is none. */
  #wire(remote: SimulatedNetwork, traffic: TrafficClass): WireEnd {
    for (const wire of this.#wires.get(remote.self) ?? []) {
      if (wire.traffic === traffic && wire.usable) return wire;
    }
    return WireEnd.connect(this.#networks, this, remote, traffic);
  }

  #count(inbound: string, change: number): void {
    const count = (this.#inbound.get(inbound) ?? 0) + change;
    if (count === 0) this.#inbound.delete(inbound);
    else this.#inbound.set(inbound, count);
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

  /** Breaks the connections to a peer, as a cut cable would; both sides notice. */
  disconnect(peer: PeerName): void {
    this.cut(peer, 'delivered');
  }

  /** Breaks connections to a peer, one kind or both; whether there was one. */
  cut(peer: PeerName, inFlight: InFlight, traffic?: TrafficClass): boolean {
    let found = false;
    for (const wire of [...(this.#wires.get(peer) ?? [])]) {
      if (traffic !== undefined && wire.traffic !== traffic) continue;
      found = true;
      wire.breakOff(inFlight);
    }
    return found;
  }

  /** The next frame to a peer arrives corrupt; whether there is a connection that it could go on. */
  corruptNext(peer: PeerName, traffic: TrafficClass): boolean {
    for (const wire of this.#wires.get(peer) ?? []) {
      if (wire.traffic !== traffic || !wire.usable) continue;
      wire.corruptNext();
      return true;
    }
    return false;
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    const networks = this.#networks;
    if (data.byteLength > MAX_GOSSIP_BYTES) {
      throw new NetworkError(
        'limit',
        `a gossip message may have ${MAX_GOSSIP_BYTES} bytes, this one has ${data.byteLength}`,
      );
    }
    const copy = data.slice();
    for (const node of networks.nodes()) {
      const { self } = node;
      if (node === this || this.#blocked.has(self) || networks.weather.isCut(this.self, self)) continue;
      networks.carry(this.self, self, 0, { lastAt: 0 }, () => {
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

  /** The process is gone: remotes see their connections break, unless the whole machine is dark. */
  vanish(): void {
    if (!this.listening) return;
    this.listening = false;
    const left = (peer: PeerName) => new NetworkError('closed', 'this peer has left the network', { peer });
    for (const [peer, wires] of this.#wires) {
      for (const wire of [...wires]) {
        for (const stream of [...wire.streams]) stream.break(left(peer));
        if (!this.dark) wire.breakOff('delivered');
      }
    }
    if (this.dark) this.#networks.world.after(DEAD_CONNECTION_SECONDS, '', () => this.replaced());
  }

  /** Another life of this peer answers at its address, or nobody has for long: remotes give their connections up. */
  replaced(): void {
    for (const wires of this.#wires.values()) for (const wire of [...wires]) wire.breakOff('lost');
  }

  /** The way to these peers was closed for too long. */
  giveUp(peers: ReadonlySet<PeerName>): void {
    for (const peer of peers) {
      for (const wire of [...(this.#wires.get(peer) ?? [])]) wire.timeOut();
    }
  }

  /** Streams open now, in both directions. */
  openStreams(): number {
    let open = 0;
    for (const wires of this.#wires.values()) for (const wire of wires) open += wire.streams.size;
    return open;
  }

  gained(wire: WireEnd): void {
    const wires = this.#wires.get(wire.peer) ?? new Set();
    this.#wires.set(wire.peer, wires);
    wires.add(wire);
  }

  lost(wire: WireEnd): void {
    const wires = this.#wires.get(wire.peer);
    if (!wires?.delete(wire) || wires.size > 0) return;
    this.#wires.delete(wire.peer);
    if (!this.#announced.delete(wire.peer)) return;
    this.#tell({ peer: wire.peer, state: 'down' });
  }

  #up(peer: PeerName): void {
    if (this.#announced.has(peer) || !this.listening) return;
    this.#announced.add(peer);
    this.#tell({ peer, state: 'up' });
  }

  #tell(event: ConnectionEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
