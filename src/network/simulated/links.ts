// How long bytes take between two simulated peers, and what is wrong with the way at the moment: partitions, delays
// that come and go, frames that overtake those of other streams, slow lines. A way that is cut loses nothing, as under
// TCP: what was sent arrives when the way is whole again, or the connection is given up after a while.

import { createFlows, type Flows } from '../../schedule/execute/flows.ts';
import { type Generator, generator, stream } from '../../random/index.ts';
import type { PeerName } from '../../seams/network.ts';
import type { SimulatedWorld } from './world.ts';

export interface SimulatedLinks {
  latencySeconds(from: PeerName, to: PeerName): number;
  bytesPerSecond(from: PeerName, to: PeerName): number;
  /** With it, all that a peer sends shares its uplink, and all that it gets its downlink; without it nothing is shared. */
  readonly shared?: SharedLinks;
}

export interface SharedLinks {
  /** Everyone who will ever be there. */
  readonly peers: readonly PeerName[];
  uploadBytesPerSecond(peer: PeerName): number;
  downloadBytesPerSecond(peer: PeerName): number;
}

/** Which directions something concerns; undefined is every peer. */
export interface Ways {
  readonly from: ReadonlySet<PeerName> | undefined;
  readonly to: ReadonlySet<PeerName> | undefined;
}

interface Delay extends Ways {
  readonly seconds: number;
  /** 'fixed', or up to that much, drawn anew for each frame. */
  readonly kind: 'fixed' | 'random';
}

interface Slowness extends Ways {
  readonly factor: number;
}

/** What is wrong with the ways between peers at the moment; each call gives back what ends it. */
export class Weather {
  readonly #cuts = new Set<Ways>();
  readonly #delays = new Set<Delay>();
  readonly #slowness = new Set<Slowness>();
  readonly #draw: Generator;
  readonly #cleared: () => void;

  /**
   * @param seed of random delays
   * @param cleared called when a way may be whole again
   */
  constructor(seed: number, cleared: () => void) {
    this.#draw = generator(stream({ runSeed: seed, purpose: 'network' }));
    this.#cleared = cleared;
  }

  /** Nothing comes through in these directions. */
  cut(ways: Ways): () => void {
    this.#cuts.add(ways);
    return () => {
      if (this.#cuts.delete(ways)) this.#cleared();
    };
  }

  delay(delay: Delay): () => void {
    this.#delays.add(delay);
    return () => this.#delays.delete(delay);
  }

  /** These directions carry `factor` times fewer bytes a second. */
  slow(slowness: Slowness): () => void {
    this.#slowness.add(slowness);
    return () => this.#slowness.delete(slowness);
  }

  isCut(from: PeerName, to: PeerName): boolean {
    for (const ways of this.#cuts) if (concerns(ways, from, to)) return true;
    return false;
  }

  extraSeconds(from: PeerName, to: PeerName): number {
    let seconds = 0;
    for (const delay of this.#delays) {
      if (!concerns(delay, from, to)) continue;
      seconds += delay.kind === 'fixed' ? delay.seconds : delay.seconds * this.#draw.uniform();
    }
    return seconds;
  }

  slownessOf(from: PeerName, to: PeerName): number {
    let factor = 1;
    for (const slowness of this.#slowness) if (concerns(slowness, from, to)) factor *= slowness.factor;
    return factor;
  }
}

function concerns({ from, to }: Ways, sender: PeerName, receiver: PeerName): boolean {
  return (from === undefined || from.has(sender)) && (to === undefined || to.has(receiver));
}

/** Everything on the wire now, where peers share their uplinks and downlinks fairly (max-min, as in timelines). */
export class SharedFlows {
  readonly #world: SimulatedWorld;
  readonly #flows: Flows;
  readonly #indexOf: ReadonlyMap<PeerName, number>;
  readonly #ended = new Map<number, () => void>();
  #nextEdge = 0;

  constructor(world: SimulatedWorld, links: SimulatedLinks, shared: SharedLinks) {
    const { peers } = shared;
    this.#world = world;
    this.#indexOf = new Map(peers.map((peer, index) => [peer, index]));
    this.#flows = createFlows({
      latencySeconds: [],
      bytesPerSecond: peers.map((from) => peers.map((to) => links.bytesPerSecond(from, to))),
      uploadBytesPerSecond: peers.map((peer) => shared.uploadBytesPerSecond(peer)),
      downloadBytesPerSecond: peers.map((peer) => shared.downloadBytesPerSecond(peer)),
      shared: true,
    });
  }

  /** Sends bytes (> 0) beside everything else that is on its way; calls `ended` when the last one has left. */
  start(from: PeerName, to: PeerName, bytes: number, ended: () => void): void {
    const edge = this.#nextEdge++;
    const now = this.#world.now();
    if (!this.#flows.start(edge, this.#index(from), this.#index(to), bytes, now)) {
      ended();
      return;
    }
    this.#ended.set(edge, ended);
    this.#share();
  }

  #share(): void {
    this.#flows.share(this.#world.now(), (edge, time) => {
      this.#world.at(time, '', () => {
        if (!this.#flows.finish(edge, time)) return; // others came or went meanwhile
        const ended = this.#ended.get(edge)!;
        this.#ended.delete(edge);
        this.#share();
        ended();
      });
    });
  }

  #index(peer: PeerName): number {
    const index = this.#indexOf.get(peer);
    if (index === undefined) throw new RangeError(`the shared links do not know ${peer}`);
    return index;
  }
}
