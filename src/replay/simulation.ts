// A whole swarm in one process and in virtual time: the same peer code as live, joined to the simulated members of
// the seams. Everything follows from the settings; nothing reads the real time.

import { type CrashLoss, createMemoryDisk, type MemoryDisk } from '../journal/memory-store.ts';
import { createSimulatedIdentity } from '../network/simulated/identity.ts';
import {
  type SimulatedLinks,
  type SimulatedNetwork,
  SimulatedNetworks,
} from '../network/simulated/network.ts';
import { SimulatedWorld } from '../network/simulated/world.ts';
import { type Generator, generator, stream, streamIndices } from '../random/index.ts';
import type { Clock } from '../seams/clock.ts';
import type { Engine } from '../seams/engine.ts';
import type { Network, PeerName } from '../seams/network.ts';
import type { PeerEvent } from '../swarm/events.ts';
import { type Manifest, type SignedManifest, signManifest } from '../swarm/manifest.ts';
import type { GivenWeights } from '../swarm/weights/obtaining.ts';
import { Peer, type PeerEnd } from '../swarm/peer.ts';
import type { PartSizes } from '../swarm/protocols.ts';
import type { StageSnapshot } from '../swarm/weights/snapshot.ts';
import type { Store } from '../seams/store.ts';
import { JoinError } from '../swarm/membership/joining.ts';
import { Faulting } from './faulting.ts';
import type { Fault, FaultKind, FaultPlan } from './faults.ts';
import { type Vote, voteIn } from './votes.ts';

export interface SimulationSettings {
  /** Everything of the manifest but its founder, who is the first peer. */
  readonly manifest: Omit<Manifest, 'founder'>;
  readonly text: Uint8Array;
  readonly peers: readonly {
    readonly name: PeerName;
    readonly stage: number;
    readonly hasText: boolean;
    readonly memoryMicrobatches?: number | undefined;
    /** A newcomer: it starts when it is told to, and the run does not wait for it before it begins. */
    readonly isLate?: boolean | undefined;
  }[];
  /** The weights that the run begins with, per stage; the first peer has them. */
  readonly given?: GivenWeights;
  readonly links: SimulatedLinks;
  /** See `PeerParts.sizes`. */
  readonly sizes?: PartSizes;
  /** See `PeerParts.firstSearchSteps`. */
  readonly firstSearchSteps?: number;
  /** See `PeerParts.summaryEvery`. */
  readonly summaryEvery?: number;
  /** The engine of a peer, on its processor's clock; `hold` stops the clock while a real computation runs. */
  readonly engine: (
    peer: PeerName,
    clock: Clock,
    hold: (computation: Promise<unknown>) => void,
  ) => Promise<Engine>;
  /** Puts something between a peer and its network: to record what it says, or to change it. */
  readonly network?: (peer: PeerName, network: Network) => Network;
  /** What goes wrong, and when. */
  readonly faults?: FaultPlan;
  /** Writes take time, as on a disk, so that a crash can come in the middle of one; at once by default. */
  readonly slowDisks?: boolean;
  /** A peer that gave up because it found nobody is started again after so many seconds, as a service would be. */
  readonly restartSeconds?: number;
  /** Whether `events` holds every event; true by default. A long run of many peers has too many. */
  readonly keepEvents?: boolean;
  /** Sees every event as it happens and may break things. */
  readonly script?: (event: SimulatedPeerEvent, simulation: Simulation) => void;
}

/** `at` is the world's time, however the peer's own clock goes. */
export type SimulatedPeerEvent = PeerEvent & { readonly of: PeerName };

/** A running simulation, for scripts that crash, freeze, start and question peers. */
export class Simulation {
  readonly world = new SimulatedWorld();
  readonly events: SimulatedPeerEvent[] = [];
  readonly ends = new Map<PeerName, PeerEnd>();
  /** The model as the leader delivered it at the end. */
  delivered: readonly StageSnapshot[] | undefined;
  readonly #settings: SimulationSettings;
  readonly #networks: SimulatedNetworks;
  readonly #faulting: Faulting;
  readonly #draw: Generator;
  readonly #disks = new Map<PeerName, MemoryDisk>();
  readonly #stores = new Map<PeerName, Store>();
  readonly #peers = new Map<PeerName, Peer>();
  readonly #voteListeners = new Set<(vote: Vote) => void>();
  #signed: SignedManifest | undefined;
  #restarting = 0;
  #runEnded = false;

  constructor(settings: SimulationSettings) {
    const seed = settings.faults?.seed ?? 0;
    this.#settings = settings;
    this.#networks = new SimulatedNetworks(this.world, settings.links, seed);
    this.#networks.onFrame((from, to, protocol, frame) => {
      if (this.#voteListeners.size === 0) return;
      const vote = voteIn(from, to, protocol, frame);
      if (vote !== undefined) for (const listener of [...this.#voteListeners]) listener(vote);
    });
    this.#draw = generator(
      stream({ runSeed: seed, purpose: 'churn', index: streamIndices.churn.simulation }),
    );
    this.#faulting = new Faulting({
      world: this.world,
      networks: this.#networks,
      peers: settings.peers.map(({ name }) => name),
      crash: (peer, loss) => this.#crash(peer, loss),
      start: (peer) => void this.start(peer),
      leave: (peer) => {
        const running = this.running.find(({ self }) => self === peer);
        running?.leave();
        return running !== undefined;
      },
      isOver: () => this.#runEnded,
      leading: () => this.#leading(),
      onVote: this.onVote,
    });
  }

  /** Who leads, by the journal of the newest term. */
  #leading(): Peer | undefined {
    let newest: Peer | undefined;
    for (const peer of this.running) {
      const { state } = peer;
      if (state.leader === peer.self && state.term > (newest?.state.term ?? -1)) newest = peer;
    }
    return newest;
  }

  /** Calls `listener` when a peer says whom it votes for; call what it gives back to end it. */
  readonly onVote = (listener: (vote: Vote) => void): (() => void) => {
    this.#voteListeners.add(listener);
    return () => this.#voteListeners.delete(listener);
  };

  /** Peers that were started and have not crashed or ended. */
  get running(): Peer[] {
    return [...this.#peers.values()].filter((peer) => !this.ends.has(peer.self));
  }

  /** What goes wrong, and when. */
  get faults(): readonly Fault[] {
    return this.#settings.faults?.faults ?? [];
  }

  /** The run, from when it has begun. */
  get manifest(): Manifest | undefined {
    return this.#signed?.manifest;
  }

  /** Faults that came upon something, by kind. */
  get faultsHappened(): ReadonlyMap<FaultKind, number> {
    return this.#faulting.happened;
  }

  readonly peer = (name: PeerName): Peer | undefined => this.#peers.get(name);

  readonly network = (name: PeerName): SimulatedNetwork | undefined => this.#networks.node(name);

  /** A place on the network for somebody who does not belong to the run. */
  readonly outsider = (name: PeerName): SimulatedNetwork => this.#networks.join(name);

  /** What a peer keeps: the store that it was last started with, also after it crashed or ended. */
  readonly store = (name: PeerName): Store | undefined => this.#stores.get(name);

  /** What is on a peer's disk. */
  readonly disk = (name: PeerName): MemoryDisk | undefined => this.#disks.get(name);

  /** Starts the first peer as founder and the others as joiners, one after another in virtual time. */
  async begin(): Promise<void> {
    const { faults } = this.#settings;
    if (faults) this.#faulting.plan(faults);
    const [first] = this.#settings.peers;
    const founder = createSimulatedIdentity(first!.name);
    this.#signed = await signManifest({ ...this.#settings.manifest, founder: first!.name }, founder);
    this.#settings.peers.forEach(({ name, isLate }, index) => {
      if (!isLate) this.world.after(index * 0.05, '', () => void this.start(name));
    });
  }

  /** Starts a peer, also one that crashed: with the same name and the store it left. */
  async start(name: PeerName): Promise<void> {
    const { peers, text, engine, network: between = (_: PeerName, same: Network) => same } = this.#settings;
    const settings = peers.find((peer) => peer.name === name);
    if (settings === undefined) throw new RangeError(`no peer is named ${name}`);
    this.world.revive(name);
    this.ends.delete(name);
    const disk = this.#disks.get(name) ?? createMemoryDisk();
    this.#disks.set(name, disk);
    const clock = this.world.clockOf(name);
    const store = disk.open(this.#settings.slowDisks ? clock : undefined);
    this.#stores.set(name, store);
    const [first] = peers;
    const signed = this.#signed!;
    const invite = { runId: signed.runId, peer: first!.name, addresses: [`/memory/${first!.name}`] };
    const starting = (async () =>
      Peer.start({
        network: between(name, this.#networks.join(name)),
        clock,
        identity: createSimulatedIdentity(name),
        store,
        engine: await engine(name, this.world.processorOf(name), this.world.holdFor),
        name,
        text: settings.hasText ? text : undefined,
        memoryMicrobatches: settings.memoryMicrobatches,
        sizes: this.#settings.sizes,
        firstSearchSteps: this.#settings.firstSearchSteps,
        summaryEvery: this.#settings.summaryEvery,
        given: name === first!.name ? this.#settings.given : undefined,
        start:
          name === first!.name
            ? { kind: 'found', manifest: signed, waitForPeers: peers.filter(({ isLate }) => !isLate).length }
            : { kind: 'join', invite, wantedStage: settings.stage },
        deliver: async (stages) => {
          this.delivered = stages;
        },
        observe: (event) => this.#observe({ ...event, of: name }),
      }))();
    this.world.holdFor(starting);
    const peer = await starting;
    this.#peers.set(name, peer);
    void peer.ended.then((end) => this.#ended(name, end));
  }

  #ended(name: PeerName, end: PeerEnd): void {
    const { restartSeconds } = this.#settings;
    if (this.world.condition(name) === 'crashed') return;
    this.ends.set(name, end);
    if (end.how === 'ended') this.#runEnded = true;
    const alone =
      end.how === 'failed' && end.reason instanceof JoinError && end.reason.problem === 'unreachable';
    if (!alone || restartSeconds === undefined || this.#runEnded) return;
    this.#restarting++;
    this.world.after(restartSeconds, '', () => {
      this.#restarting--;
      if (!this.#runEnded && this.world.condition(name) !== 'crashed') void this.start(name);
    });
  }

  /** The peer stops at once; its disk keeps what such an end leaves on it. */
  readonly crash = (name: PeerName): void => this.#crash(name, 'killed');

  #crash(name: PeerName, loss: CrashLoss): void {
    if (loss === 'power') this.#networks.darken(name);
    this.world.crash(name);
    this.#disks.get(name)?.crash(() => this.#draw.uniform());
    this.#peers.delete(name);
  }

  /** Runs until every peer that did not crash for good has ended. */
  async run(limitSeconds: number): Promise<void> {
    await this.begin();
    const comeBack = () => (this.#runEnded ? 0 : this.#faulting.returning + this.#restarting);
    await this.world.run(
      () => this.#peers.size > 0 && this.running.length === 0 && comeBack() === 0,
      limitSeconds,
    );
  }

  #observe(event: SimulatedPeerEvent): void {
    if (this.world.condition(event.of) === 'crashed') return;
    const seen = { ...event, at: this.world.now() };
    if (this.#settings.keepEvents ?? true) this.events.push(seen);
    this.#settings.script?.(seen, this);
  }
}
