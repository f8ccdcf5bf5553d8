// Faults made to happen: each on the simulated world, network or disk that it concerns, at its moment.

import type { SimulatedNetworks } from '../network/simulated/network.ts';
import type { SimulatedWorld } from '../network/simulated/world.ts';
import type { PeerName } from '../seams/network.ts';
import type { Peer } from '../swarm/peer.ts';
import { disturbElection } from './elections.ts';
import type { Fault, FaultKind, FaultPlan } from './faults.ts';
import type { Vote } from './votes.ts';

export interface FaultingParts {
  readonly world: SimulatedWorld;
  readonly networks: SimulatedNetworks;
  readonly peers: readonly PeerName[];
  readonly crash: (peer: PeerName, loss: 'killed' | 'power') => void;
  readonly start: (peer: PeerName) => void;
  readonly leave: (peer: PeerName) => boolean;
  /** Nobody is there any more to come back to. */
  readonly isOver: () => boolean;
  readonly leading: () => Peer | undefined;
  readonly onVote: (listener: (vote: Vote) => void) => () => void;
}

export class Faulting {
  /** How many of each kind came upon something: a connection that was there, a peer that ran. */
  readonly happened = new Map<FaultKind, number>();
  /** Peers that have crashed and will come back. */
  returning = 0;
  readonly #parts: FaultingParts;

  constructor(parts: FaultingParts) {
    this.#parts = parts;
  }

  /** Plans every fault; call it before anything starts. */
  plan({ faults }: FaultPlan): void {
    for (const fault of faults) {
      if (fault.kind === 'clock') {
        this.#parts.world.setClock(fault.peer, fault.offsetSeconds, fault.rate);
        this.#count(fault.kind, true);
      } else {
        this.#parts.world.at(fault.at, '', () => this.#count(fault.kind, this.#happens(fault)));
      }
    }
  }

  #count(kind: FaultKind, happened: boolean): void {
    if (happened) this.happened.set(kind, (this.happened.get(kind) ?? 0) + 1);
  }

  /** Whether it came upon something. */
  #happens(fault: Fault): boolean {
    const { world, networks, crash, leave } = this.#parts;
    const later = (seconds: number, run: () => void) => void world.after(seconds, '', run);
    const { weather } = networks;
    switch (fault.kind) {
      case 'clock':
        return false;
      case 'crash':
        if (!this.#runs(fault.peer)) return false;
        crash(fault.peer, fault.loss);
        if (fault.backAfter !== undefined) this.#comesBack(fault.peer, fault.backAfter);
        return true;
      case 'anchors': {
        const { loss, backAfter } = fault;
        const running = fault.peers.filter((peer) => this.#runs(peer));
        for (const peer of running) {
          crash(peer, loss);
          if (backAfter !== undefined) this.#comesBack(peer, backAfter);
        }
        return running.length > 0;
      }
      case 'freeze':
        if (!this.#runs(fault.peer)) return false;
        world.freeze(fault.peer);
        later(fault.seconds, () => world.thaw(fault.peer));
        return true;
      case 'slow':
        if (!this.#runs(fault.peer)) return false;
        world.slow(fault.peer, fault.factor);
        later(fault.seconds, () => world.slow(fault.peer, 1));
        return true;
      case 'slow-link': {
        const peer = new Set([fault.peer]);
        const { factor } = fault;
        const ends = [
          weather.slow({ from: peer, to: undefined, factor }),
          weather.slow({ from: undefined, to: peer, factor }),
        ];
        later(fault.seconds, () => {
          for (const end of ends) end();
        });
        return this.#runs(fault.peer) && networks.flows === undefined; // shared links stay as they are
      }
      case 'leave':
        return leave(fault.peer);
      case 'partition':
      case 'one-way':
        later(fault.seconds, networks.part(fault.from, fault.to, fault.kind === 'partition'));
        return true;
      case 'delay': {
        const peer = fault.peer === undefined ? undefined : new Set([fault.peer]);
        const delay = { seconds: fault.extraSeconds, kind: 'fixed' } as const;
        const ends = [weather.delay({ from: peer, to: undefined, ...delay })];
        if (peer) ends.push(weather.delay({ from: undefined, to: peer, ...delay }));
        later(fault.seconds, () => {
          for (const end of ends) end();
        });
        return true;
      }
      case 'reorder':
        later(
          fault.seconds,
          weather.delay({ from: undefined, to: undefined, seconds: fault.upToSeconds, kind: 'random' }),
        );
        return true;
      case 'cut':
      case 'cut-and-repeat': {
        const { a, b, traffic } = fault;
        const inFlight = fault.kind === 'cut' ? 'lost' : 'delivered';
        return networks.cut(a, b, inFlight, traffic === 'both' ? undefined : traffic);
      }
      case 'corrupt':
        return networks.corruptNext(fault.from, fault.to, fault.traffic);
      case 'keepers': {
        const killed = mostKeepers(this.#parts.leading(), (peer) => this.#runs(peer));
        for (const peer of killed) crash(peer, 'killed');
        return killed.length > 0;
      }
      case 'election':
        return disturbElection(fault, {
          ...this.#parts,
          kill: (peer) => {
            if (!this.#runs(peer)) return;
            crash(peer, 'killed');
            this.#comesBack(peer, fault.backAfter);
          },
        });
    }
  }

  #runs(peer: PeerName): boolean {
    return this.#parts.world.condition(peer) === 'running' && this.#parts.networks.node(peer) !== undefined;
  }

  #comesBack(peer: PeerName, seconds: number): void {
    const { world, start, isOver } = this.#parts;
    this.returning++;
    world.after(seconds, '', () => {
      this.returning--;
      if (world.condition(peer) === 'crashed' && !isOver()) start(peer);
    });
  }
}

/**
 * Most of those who keep the journal, of the leader first, so many that the others cannot go on without founding the run
 * again; nobody where those could not: half of the members have to agree, one of them has to hold stage 0, and before the
 * first commit who has come may know nobody but the leader.
 */
export function mostKeepers(
  leader: Peer | undefined,
  runs: (peer: PeerName) => boolean,
): readonly PeerName[] {
  if (leader === undefined || leader.state.iteration === 0) return [];
  const { state, self } = leader;
  const anchors = state.group(0).filter(({ peer }) => runs(peer));
  const spared = anchors.findLast(({ peer }) => peer !== self);
  if (spared === undefined) return [];
  const others = state.keepers.filter((peer) => peer !== self && peer !== spared.peer);
  const killed = [self, ...others].slice(0, Math.floor(state.keepers.length / 2) + 1);
  const left = state.active().filter(({ peer }) => runs(peer) && !killed.includes(peer));
  return 2 * left.length > state.present().length ? killed : [];
}
