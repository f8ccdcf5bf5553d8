// What goes wrong in a simulated world, as plain data: a list of faults, each with the moment it happens. One seed
// gives one list. Which faults a swarm must survive follows from what FoundationDB and TigerBeetle inject into theirs
// (Zhou et al.: FoundationDB, SIGMOD 2021, §4), with what only a swarm of volunteers has: laptops that sleep, clocks
// that drift, uplinks that are slow at one side.

import { generator, type Generator, stream, streamIndices } from '../random/index.ts';
import type { PeerName } from '../seams/network.ts';

interface At {
  /** Seconds of the world's time. */
  readonly at: number;
}

export type Fault = At &
  (
    | {
        readonly kind: 'crash';
        readonly peer: PeerName;
        /** the process alone, or its machine, which then does not even refuse connections */
        readonly loss: 'killed' | 'power';
        /** seconds until it comes back with what is on its disk; undefined: never */
        readonly backAfter: number | undefined;
      }
    | {
        /** Every anchor of the beginning at once: stage 0 is lost whole, unless others have come to hold it. */
        readonly kind: 'anchors';
        readonly peers: readonly PeerName[];
        readonly loss: 'killed' | 'power';
        readonly backAfter: number | undefined;
      }
    | { readonly kind: 'freeze'; readonly peer: PeerName; readonly seconds: number }
    | { readonly kind: 'slow'; readonly peer: PeerName; readonly seconds: number; readonly factor: number }
    | {
        readonly kind: 'slow-link';
        readonly peer: PeerName;
        readonly seconds: number;
        readonly factor: number;
      }
    | { readonly kind: 'leave'; readonly peer: PeerName }
    | {
        readonly kind: 'partition' | 'one-way';
        readonly from: readonly PeerName[];
        readonly to: readonly PeerName[];
        readonly seconds: number;
      }
    | {
        readonly kind: 'delay';
        /** undefined: between all */
        readonly peer: PeerName | undefined;
        readonly seconds: number;
        readonly extraSeconds: number;
      }
    | {
        /** Frames overtake those of other streams. */
        readonly kind: 'reorder';
        readonly seconds: number;
        readonly upToSeconds: number;
      }
    | {
        readonly kind: 'cut' | 'cut-and-repeat';
        readonly a: PeerName;
        readonly b: PeerName;
        readonly traffic: 'control' | 'bulk' | 'both';
      }
    | {
        readonly kind: 'corrupt';
        readonly from: PeerName;
        readonly to: PeerName;
        readonly traffic: 'control' | 'bulk';
      }
    | {
        /**
         * Whoever leads is cut off until another is elected. Those that voted for that one, so many that with the
         * leader of before they are a majority, are killed as soon as they have said so and come back; then the other
         * keepers are cut off, the one that was elected among them, and the leader of before is not any more.
         */
        readonly kind: 'election';
        readonly backAfter: number;
        /** How long the others are cut off. */
        readonly seconds: number;
        /** Is not killed. */
        readonly steady: PeerName;
      }
    | {
        /** Most of those who keep the journal are killed at once, for good: the others found the run again. */
        readonly kind: 'keepers';
      }
    | {
        /** From the beginning. */
        readonly kind: 'clock';
        readonly peer: PeerName;
        readonly offsetSeconds: number;
        readonly rate: number;
      }
  );

/** Keepers elect another leader within this, or their election is left alone. */
export const ELECTION_SECONDS = 8;

/** When the last that a fault does is over: whoever comes back has come. Who is gone for good is so from its moment on. */
export function endOfFault(fault: Fault): number {
  const { kind, at } = fault;
  if (kind === 'clock') return 0;
  if (kind === 'election') return at + ELECTION_SECONDS + Math.max(fault.seconds, fault.backAfter);
  const back = 'backAfter' in fault ? (fault.backAfter ?? 0) : 0;
  return at + Math.max(back, 'seconds' in fault ? fault.seconds : 0);
}

export type FaultKind = Fault['kind'];

export interface FaultPlan {
  readonly seed: number;
  readonly faults: readonly Fault[];
}

/** Every kind of fault that has a moment, and how often it is drawn beside the others. */
export const FAULT_WEIGHTS: Readonly<Record<Exclude<FaultKind, 'election' | 'keepers'>, number>> = {
  crash: 5,
  anchors: 4,
  freeze: 3,
  slow: 2,
  'slow-link': 2,
  leave: 1,
  partition: 2,
  'one-way': 2,
  delay: 2,
  reorder: 2,
  cut: 3,
  'cut-and-repeat': 3,
  corrupt: 3,
  clock: 2,
};

/** How often a list has an election that is disturbed as well. */
const ELECTION_SHARE = 0.25;
/** How often most keepers are killed at its end, where that can be survived. */
const KEEPERS_SHARE = 0.2;

export const FAULT_KINDS: readonly FaultKind[] = [
  ...(Object.keys(FAULT_WEIGHTS) as TimedKind[]),
  'election',
  'keepers',
];

type TimedKind = keyof typeof FAULT_WEIGHTS;

export interface FaultSettings {
  readonly peers: readonly { readonly name: PeerName; readonly stage: number }[];
  /** Faults happen between these moments. */
  readonly fromSeconds: number;
  readonly untilSeconds: number;
  /** Nobody goes for good before this: a run does not begin without those it waits for. */
  readonly gatheredSeconds: number;
  readonly most: number;
  /** How often most keepers are killed, and from when on; now and then at the end by default. */
  readonly keepersLost?: { readonly share: number; readonly fromSeconds: number };
  /** Kinds that may be drawn; all by default. */
  readonly kinds?: readonly FaultKind[];
}

/**
 * Draws what goes wrong. Whatever is drawn, fewer than half of the peers are down, still or cut off at any moment.
 * One anchor stays, but for moments in which all are lost at once and nobody else is: a swarm can survive it.
 */
export function faultsFromSeed(seed: number, settings: FaultSettings): FaultPlan {
  const draw = generator(stream({ runSeed: seed, purpose: 'churn', index: streamIndices.churn.failures }));
  const { peers, fromSeconds, untilSeconds, gatheredSeconds, most } = settings;
  const kinds = settings.kinds ?? FAULT_KINDS;
  const timed = (Object.keys(FAULT_WEIGHTS) as TimedKind[]).filter((kind) => kinds.includes(kind));
  const away = new Absences(peers.length);
  const steady = drawOne(
    draw,
    peers.filter(({ stage }) => stage === 0),
  ).name;
  const faults: Fault[] = [];
  const count = timed.length === 0 ? 0 : 1 + draw.integerBelow(most);
  for (let i = 0; i < count; i++) {
    const at = fromSeconds + draw.uniform() * (untilSeconds - fromSeconds);
    const fault = drawFault(draw, drawKind(draw, timed), at, {
      peers,
      steady,
      away,
      gathered: at >= gatheredSeconds,
    });
    if (fault !== undefined) faults.push(fault);
  }
  if (kinds.includes('election')) faults.push(...drawElection(seed, steady, settings));
  if (kinds.includes('keepers')) faults.push(...drawKeepers(seed, settings));
  return { seed, faults: faults.sort((a, b) => a.at - b.at) };
}

/** Apart from the rest: what else goes wrong with a seed is the same with it and without. */
function drawElection(
  seed: number,
  steady: PeerName,
  { gatheredSeconds, untilSeconds }: FaultSettings,
): Fault[] {
  const draw = generator(stream({ runSeed: seed, purpose: 'churn', index: streamIndices.churn.elections }));
  if (draw.uniform() >= ELECTION_SHARE) return [];
  const at = gatheredSeconds + draw.uniform() * Math.max(0, untilSeconds - gatheredSeconds);
  const backAfter = 0.15 + 0.3 * draw.uniform();
  return [{ kind: 'election', at, backAfter, seconds: 5 + 3 * draw.uniform(), steady }];
}

/** Late, so that half of the members are there to agree; whether they are, is looked at then. */
function drawKeepers(seed: number, { untilSeconds, keepersLost }: FaultSettings): Fault[] {
  const draw = generator(stream({ runSeed: seed, purpose: 'churn', index: streamIndices.churn.keepers }));
  const { share, fromSeconds } = keepersLost ?? { share: KEEPERS_SHARE, fromSeconds: untilSeconds };
  if (draw.uniform() >= share) return [];
  return [{ kind: 'keepers', at: fromSeconds + 2 * draw.uniform() }];
}

interface Drawing {
  readonly peers: FaultSettings['peers'];
  /** An anchor that is never down, still or cut off. */
  readonly steady: PeerName;
  readonly away: Absences;
  /** Whether the run has begun by then. */
  readonly gathered: boolean;
}

function drawFault(draw: Generator, kind: TimedKind, at: number, drawing: Drawing): Fault | undefined {
  const { peers, steady, away, gathered } = drawing;
  const names = peers.map(({ name }) => name);
  const moving = names.filter((name) => name !== steady);
  switch (kind) {
    case 'crash': {
      const peer = drawOne(draw, moving);
      const loss = draw.uniform() < 0.3 ? 'power' : 'killed';
      const anchor = peers.find(({ name }) => name === peer)!.stage === 0;
      const backAfter =
        anchor || draw.uniform() < 0.7 || !gathered ? 0.05 + 8 * draw.uniform() ** 2 : undefined;
      // who is noticed late is away for longer than it is down
      const awayFor = backAfter === undefined ? Number.POSITIVE_INFINITY : backAfter + 15;
      return away.add([peer], at, awayFor) ? { kind, at, peer, loss, backAfter } : undefined;
    }
    case 'anchors': {
      const anchors = peers.flatMap(({ name, stage }) => (stage === 0 ? [name] : []));
      const stages = new Set(peers.map(({ stage }) => stage)).size;
      // for good only where a stage can spare somebody who keeps a copy
      const spares = names.length - anchors.length >= stages;
      const backAfter = spares && draw.uniform() < 0.5 ? undefined : 0.05 + 8 * draw.uniform() ** 2;
      const loss = draw.uniform() < 0.3 ? 'power' : 'killed';
      const awayFor = backAfter === undefined ? Number.POSITIVE_INFINITY : backAfter + 15;
      if (!gathered || !away.addAlone(anchors, at, awayFor)) return undefined;
      return { kind, at, peers: anchors, loss, backAfter };
    }
    case 'freeze': {
      const peer = drawOne(draw, moving);
      const seconds = 0.2 + 12 * draw.uniform() ** 2;
      return away.add([peer], at, seconds + 15) ? { kind, at, peer, seconds } : undefined;
    }
    case 'slow':
      return {
        kind,
        at,
        peer: drawOne(draw, names),
        seconds: 5 * draw.uniform(),
        factor: 2 + 20 * draw.uniform(),
      };
    case 'slow-link':
      return {
        kind,
        at,
        peer: drawOne(draw, names),
        seconds: 5 * draw.uniform(),
        factor: 2 + 50 * draw.uniform(),
      };
    case 'leave': {
      const peer = drawOne(
        draw,
        peers.flatMap(({ name, stage }) => (stage > 0 ? [name] : [])),
      );
      return gathered && away.add([peer], at, Number.POSITIVE_INFINITY) ? { kind, at, peer } : undefined;
    }
    case 'partition':
    case 'one-way': {
      const few = 1 + draw.integerBelow(Math.max(1, Math.ceil(peers.length / 2) - 1));
      const from = draw.shuffle([...moving]).slice(0, few);
      const rest = names.filter((name) => !from.includes(name));
      // all of the others, or one pair of peers only
      const to = draw.uniform() < 0.6 ? rest : [drawOne(draw, rest)];
      const seconds = 0.3 + 10 * draw.uniform() ** 2;
      return away.add(from, at, seconds + 15) ? { kind, at, from, to, seconds } : undefined;
    }
    case 'delay':
      return {
        kind,
        at,
        peer: draw.uniform() < 0.5 ? drawOne(draw, names) : undefined,
        seconds: 3 * draw.uniform(),
        extraSeconds: 0.02 + 0.4 * draw.uniform() ** 2,
      };
    case 'reorder':
      return { kind, at, seconds: 5 * draw.uniform(), upToSeconds: 0.01 + 0.2 * draw.uniform() };
    case 'cut':
    case 'cut-and-repeat': {
      const [a, b] = draw.shuffle([...names]);
      return { kind, at, a: a!, b: b!, traffic: drawOne(draw, ['control', 'bulk', 'both']) };
    }
    case 'corrupt': {
      const [from, to] = draw.shuffle([...names]);
      return { kind, at, from: from!, to: to!, traffic: drawOne(draw, ['control', 'bulk']) };
    }
    case 'clock':
      return {
        kind,
        at: 0,
        peer: drawOne(draw, names),
        offsetSeconds: 1000 * draw.uniform(),
        rate: 0.98 + 0.04 * draw.uniform(),
      };
  }
}

/** So long before all anchors are lost nobody else is, so that the copies of stage 0 are in place; and so long after. */
const ALONE_BEFORE_SECONDS = 3;
const ALONE_AFTER_SECONDS = 10;

/** Who is away when: never half of the peers or more. */
class Absences {
  readonly #peers: number;
  /** Moments around which nobody else may be away. */
  readonly #alone: { readonly from: number; readonly until: number }[] = [];
  /** Whether nobody else may go for good. */
  #isLast = false;
  readonly #absences: { readonly peer: PeerName; readonly from: number; readonly until: number }[] = [];

  constructor(peers: number) {
    this.#peers = peers;
  }

  /** Whether these can be away as well. */
  add(peers: readonly PeerName[], from: number, seconds: number): boolean {
    const until = from + seconds;
    if (this.#isLast && seconds === Number.POSITIVE_INFINITY) return false;
    if (this.#alone.some((one) => one.from < until && from < one.until)) return false;
    return this.#add(peers, from, until);
  }

  /** Whether these can be away while, and shortly before and after it happens, nobody else is. */
  addAlone(peers: readonly PeerName[], from: number, seconds: number): boolean {
    const isForGood = seconds === Number.POSITIVE_INFINITY;
    const window = { from: from - ALONE_BEFORE_SECONDS, until: from + ALONE_AFTER_SECONDS };
    const meets = (one: { from: number; until: number }) =>
      one.from < window.until && window.from < one.until;
    if (this.#absences.some(meets) || this.#alone.some(meets)) return false;
    if (isForGood && this.#absences.some(({ until }) => until === Number.POSITIVE_INFINITY)) return false;
    if (!this.#add(peers, from, from + seconds)) return false;
    this.#alone.push(window);
    this.#isLast ||= isForGood;
    return true;
  }

  #add(peers: readonly PeerName[], from: number, until: number): boolean {
    const others = this.#absences.filter((one) => one.from < until && from < one.until);
    const away = new Set([...others.map(({ peer }) => peer), ...peers]);
    if (2 * away.size >= this.#peers) return false;
    for (const peer of peers) this.#absences.push({ peer, from, until });
    return true;
  }
}

function drawKind(draw: Generator, kinds: readonly TimedKind[]): TimedKind {
  const total = kinds.reduce((sum, kind) => sum + FAULT_WEIGHTS[kind], 0);
  let left = draw.uniform() * total;
  for (const kind of kinds) {
    left -= FAULT_WEIGHTS[kind];
    if (left < 0) return kind;
  }
  return kinds.at(-1)!;
}

function drawOne<Item>(draw: Generator, items: readonly Item[]): Item {
  return items[draw.integerBelow(items.length)]!;
}
