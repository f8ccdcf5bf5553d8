// One side of one connection between two simulated peers. Control and bulk traffic have a connection each, as live.
// Frames leave one after another; a connection that breaks takes its streams with it, and each side learns of it when
// the news has reached it. A new connection between the same two peers knows nothing of the old one.

import { NetworkError, type PeerName, type TrafficClass } from '../../seams/network.ts';
import type { SimulatedNetwork, SimulatedNetworks } from './network.ts';
import type { SimulatedStream } from './stream.ts';

/** What becomes of the frames that are on their way when a connection breaks. */
export type InFlight =
  /** they arrive, and the sender does not know: it will say them again */
  'delivered' | 'lost';

/** Things that must arrive in the order in which they were sent. */
export interface Order {
  /** When the last one so far arrives, in the world's time. */
  lastAt: number;
}

export class WireEnd {
  readonly self: PeerName;
  readonly peer: PeerName;
  readonly traffic: TrafficClass;
  readonly streams = new Set<SimulatedStream>();
  readonly #networks: SimulatedNetworks;
  readonly #node: SimulatedNetwork;
  /** When the last frame of any stream arrives. */
  readonly #order: Order = { lastAt: 0 };
  #other: WireEnd | undefined;
  /** When the last byte queued so far has left, where links are not shared. */
  #freeAt = 0;
  /** Frames that wait for the wire, where links are shared. */
  readonly #queue: { readonly bytes: number; readonly sent: () => void }[] = [];
  #sending = false;
  #broken = false;
  #breaking = false;
  /** What arrives is lost. */
  #deaf = false;
  #corruptNext = false;

  private constructor(
    networks: SimulatedNetworks,
    node: SimulatedNetwork,
    peer: PeerName,
    traffic: TrafficClass,
  ) {
    this.#networks = networks;
    this.#node = node;
    this.self = node.self;
    this.peer = peer;
    this.traffic = traffic;
  }

  /** A new connection between two peers; gives the first one's side. */
  static connect(
    networks: SimulatedNetworks,
    a: SimulatedNetwork,
    b: SimulatedNetwork,
    traffic: TrafficClass,
  ): WireEnd {
    const near = new WireEnd(networks, a, b.self, traffic);
    const far = new WireEnd(networks, b, a.self, traffic);
    near.#other = far;
    far.#other = near;
    a.gained(near);
    b.gained(far);
    return near;
  }

  get node(): SimulatedNetwork {
    return this.#node;
  }

  get broken(): boolean {
    return this.#broken;
  }

  /** Whether both sides believe in it, so that a stream can be opened on it. */
  get usable(): boolean {
    return this.#sound && this.#other!.#sound;
  }

  get #sound(): boolean {
    return !this.#broken && !this.#breaking && !this.#deaf;
  }

  get other(): WireEnd {
    return this.#other!;
  }

  /**
   * Sends bytes after those before them; `arrived` runs at the other side, unless the connection breaks first.
   * @param order of the stream they belong to: streams may overtake each other, frames of one stream do not
   */
  send(bytes: number, order: Order, arrived: () => void): void {
    const { links, world, weather, flows } = this.#networks;
    const corrupt = bytes > 0 && this.#corruptNext;
    if (corrupt) this.#corruptNext = false;
    const other = this.#other!;
    const deliver = (): void => {
      if (other.#broken || other.#deaf) return;
      if (corrupt) other.breakOff('delivered', 'what came on it does not match its checksum');
      else arrived();
    };
    if (flows !== undefined) {
      this.#queue.push({ bytes, sent: () => this.#carry(0, order, deliver) });
      this.#sendNext();
      return;
    }
    const slowness = weather.slownessOf(this.self, this.peer);
    const seconds = (bytes * slowness) / links.bytesPerSecond(this.self, this.peer);
    this.#freeAt = Math.max(world.now(), this.#freeAt) + seconds;
    this.#carry(this.#freeAt - world.now(), order, deliver);
  }

  #carry(seconds: number, order: Order, arrived: () => void): void {
    this.#networks.carry(this.self, this.peer, seconds, order, arrived);
    this.#order.lastAt = Math.max(this.#order.lastAt, order.lastAt);
  }

  #sendNext(): void {
    if (this.#sending) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    this.#sending = true;
    const sent = (): void => {
      this.#sending = false;
      next.sent();
      this.#sendNext();
    };
    if (next.bytes === 0) sent();
    else this.#networks.flows!.start(this.self, this.peer, next.bytes, sent);
  }

  /** The next frame that is sent from here arrives with a bit changed. */
  corruptNext(): void {
    this.#corruptNext = true;
  }

  /** The connection breaks between the two: this side learns of it at once, the other when the news is there. */
  breakOff(inFlight: InFlight, why = 'the connection broke'): void {
    if (this.#breaking || this.#broken) return;
    this.#breaking = true;
    const other = this.#other!;
    if (inFlight === 'lost') other.#deaf = true;
    const order = inFlight === 'lost' ? { lastAt: 0 } : this.#order;
    this.#networks.carry(this.self, this.peer, 0, order, () => other.ended(why));
    this.#networks.world.after(0, this.self, () => this.ended(why));
  }

  /** Both sides give up a connection on which nothing comes through, each by its own clock. */
  timeOut(): void {
    for (const side of [this, this.#other!]) {
      side.#deaf = true;
      this.#networks.world.after(0, side.self, () => side.ended('nothing came through for too long'));
    }
  }

  /** This side learns that the connection is no more. */
  ended(why: string): void {
    if (this.#broken) return;
    this.#broken = true;
    for (const stream of [...this.streams]) {
      stream.break(
        new NetworkError('reset', `the stream to ${this.peer} broke: ${why}`, { peer: this.peer }),
      );
    }
    this.#node.lost(this);
  }
}
