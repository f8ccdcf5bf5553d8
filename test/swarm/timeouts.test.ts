// Time-outs: one hierarchy, whatever was measured; and what swarms on slow and on fast links make of it.

import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import { type SimulatedPeerEvent, Simulation } from '../../src/replay/simulation.ts';
import {
  hierarchy,
  nothingMeasured,
  type RoundTrip,
  roundTripLimit,
  timeoutsFrom,
  withRoundTrip,
} from '../../src/swarm/membership/timeouts.ts';
import { CountingEngine } from './seeds/counting-engine.ts';
import { smallManifest, smallText } from './small-run.ts';

const seconds = fc.double({ min: 0, max: 1e5, noNaN: true });

describe('time-outs', () => {
  it('are one hierarchy, whatever was measured', () => {
    const measured = fc.record({
      members: fc.nat(100_000),
      roundTripSeconds: seconds,
      beatSeconds: seconds,
      callSeconds: seconds,
      exchangeSeconds: seconds,
      iterationSeconds: seconds,
    });
    fc.assert(
      fc.property(measured, (one) => {
        const timeouts = timeoutsFrom(one);
        for (const [below, above] of hierarchy) {
          expect(timeouts[below], `${below} is below ${above}`).toBeLessThan(timeouts[above]);
        }
        expect(timeouts.firstExchange).toBeGreaterThanOrEqual(timeouts.exchange);
        expect(timeouts.firstIteration).toBeGreaterThanOrEqual(timeouts.stuck);
        expect(timeouts.exchange).toBeGreaterThanOrEqual(4 * one.exchangeSeconds);
      }),
    );
  });

  it('on one machine give up a frozen peer, and elect another leader, in less than 5 s', () => {
    const { loss, electionLatest, answer } = timeoutsFrom(nothingMeasured);
    expect(loss).toBeLessThan(5);
    expect(electionLatest + answer).toBeLessThan(5);
  });

  it('of a run with more members are longer, so that its leader speaks with all of them at a steady rate', () => {
    const heartbeat = (members: number) => timeoutsFrom({ ...nothingMeasured, members }).heartbeat;
    expect(heartbeat(200)).toBe(heartbeat(0));
    expect(1000 / heartbeat(1000)).toBeCloseTo(2000 / heartbeat(2000));
  });

  it('never fall when a link becomes slower', () => {
    fc.assert(
      fc.property(seconds, seconds, (a, b) => {
        const [fast, slow] = [Math.min(a, b), Math.max(a, b)].map((roundTripSeconds) =>
          timeoutsFrom({ ...nothingMeasured, roundTripSeconds }),
        );
        for (const level of Object.keys(fast!) as (keyof typeof fast)[]) {
          expect(slow![level]).toBeGreaterThanOrEqual(fast![level]);
        }
      }),
    );
  });
});

describe('the estimate of a round trip', () => {
  it('begins and goes on as RFC 6298 says', () => {
    const first = withRoundTrip(undefined, 0.4);
    expect(first).toEqual({ meanSeconds: 0.4, deviationSeconds: 0.2 });
    expect(roundTripLimit(first)).toBeCloseTo(1.2);
    const second = withRoundTrip(first, 0.2);
    expect(second.meanSeconds).toBeCloseTo(0.375);
    expect(second.deviationSeconds).toBeCloseTo(0.2);
  });

  it('comes down to the round trip itself where that is steady', () => {
    let estimate: RoundTrip | undefined;
    for (let i = 0; i < 40; i++) estimate = withRoundTrip(estimate, 0.3);
    expect(roundTripLimit(estimate!)).toBeCloseTo(0.31);
  });
});

/** Six peers at three stages; computing takes almost no time unless it is made slow. */
function swarm(
  latencySeconds: (from: string, to: string) => number,
  iterations: number,
  flopsPerSecond = 1e9,
  script?: (event: SimulatedPeerEvent, simulation: Simulation) => void,
): Simulation {
  const small = smallManifest({ stages: 3, replicas: 2, iterations });
  const { optimizer } = small.training;
  const device = { flopsPerSecond, efficiency: 1, memoryBytesPerSecond: 1e9, memoryBytes: 1e9 };
  return new Simulation({
    manifest: {
      ...small,
      model: { ...small.model, width: 4, heads: 1, kvHeads: 1, hidden: 8, context: 4 },
      training: {
        ...small.training,
        samplesPerMicrobatch: 1,
        optimizer: { ...optimizer, name: 'sgd', clip: 0 },
      },
    },
    text: smallText,
    peers: Array.from({ length: 6 }, (_, i) => ({ name: `p${i}`, stage: i >> 1, hasText: true })),
    links: { latencySeconds, bytesPerSecond: () => 1e7 },
    engine: async (_, processor) => new CountingEngine(processor, device),
    ...(script && { script }),
  });
}

type EventOf<Kind extends SimulatedPeerEvent['kind']> = Extract<SimulatedPeerEvent, { kind: Kind }>;
const eventsOf = <Kind extends SimulatedPeerEvent['kind']>({ events }: Simulation, kind: Kind) =>
  events.filter((event): event is EventOf<Kind> => event.kind === kind);

describe('a swarm whose round trips take 300 ms', () => {
  it('holds one election, suspects nobody, and says what its time-outs have become', async () => {
    const simulation = swarm(() => 0.15, 12);
    await simulation.run(600);
    expect(new Set(eventsOf(simulation, 'leader').map(({ term }) => term))).toEqual(new Set([1]));
    expect(eventsOf(simulation, 'suspected')).toEqual([]);
    expect([...simulation.ends.values()].every(({ how }) => how === 'ended')).toBe(true);
    const said = eventsOf(simulation, 'timeouts').filter(({ of }) => of === 'p5');
    expect(said.length).toBeGreaterThan(1);
    expect(said.length).toBeLessThan(12);
    const { roundTrips, seconds: last } = said.at(-1)!;
    expect(roundTrips.find(({ peer }) => peer === 'p0')!.meanSeconds).toBeCloseTo(0.3, 2);
    for (const [below, above] of hierarchy) expect(last[below]).toBeLessThan(last[above]);
    expect(last.beat).toBeGreaterThan(0.3);
    expect(last.loss).toBeLessThan(20);
  });

  it('elects another leader when its own is lost, and goes on', async () => {
    let crashed = false;
    const simulation = swarm(
      () => 0.15,
      12,
      1e9,
      (event, { world, crash }) => {
        if (crashed || event.kind !== 'commit' || event.commit.iteration !== 6) return;
        crashed = true;
        world.after(0, '', () => crash('p0'));
      },
    );
    await simulation.run(600);
    expect(new Set(eventsOf(simulation, 'leader').map(({ term }) => term)).size).toBe(2);
    expect([...simulation.ends].every(([peer, { how }]) => peer === 'p0' || how === 'ended')).toBe(true);
  });
});

describe('a swarm whose round trips take a second', () => {
  it('trains to its end, and suspects nobody on the way', async () => {
    const simulation = swarm(() => 0.5, 6);
    await simulation.run(600);
    expect(eventsOf(simulation, 'suspected')).toEqual([]);
    expect([...simulation.ends.values()].every(({ how }) => how === 'ended')).toBe(true);
    const beats = eventsOf(simulation, 'timeouts').map(({ seconds: said }) => said.beat);
    expect(Math.max(...beats)).toBeGreaterThan(1);
  });
});

describe('a swarm on one machine', () => {
  const fast = () => 0.0001;

  /** One peer is lost at the third commit; how long until the others say so, and until another leads. */
  async function lost(peer: string, how: 'killed' | 'frozen') {
    let at: number | undefined;
    const simulation = swarm(fast, 1000, 2e5, (event, { world, crash }) => {
      if (at !== undefined || event.kind !== 'commit' || event.commit.iteration !== 3) return;
      at = world.now();
      world.after(0, '', () => (how === 'killed' ? crash(peer) : world.freeze(peer)));
    });
    await simulation.run(12).catch(() => {});
    const secondsUntil = (found: SimulatedPeerEvent | undefined) => found!.at - at!;
    return {
      noticed: secondsUntil(
        eventsOf(simulation, 'suspected').find((event) => event.peer === peer && event.of !== peer),
      ),
      gone: secondsUntil(eventsOf(simulation, 'gone').find((event) => event.peer === peer)),
      replaced: peer === 'p0' ? secondsUntil(eventsOf(simulation, 'leader').find(({ term }) => term > 1)) : 0,
    };
  }

  it('notices a killed peer in less than 1 s and a frozen one in less than 5 s', async () => {
    expect((await lost('p3', 'killed')).noticed).toBeLessThan(1);
    const frozen = await lost('p3', 'frozen');
    expect(frozen.noticed).toBeLessThan(5);
    expect(frozen.gone).toBeLessThan(5);
  });

  it('replaces its leader in less than 5 s, killed or frozen', async () => {
    expect((await lost('p0', 'killed')).replaced).toBeLessThan(5);
    expect((await lost('p0', 'frozen')).replaced).toBeLessThan(5);
  });
});

describe('a swarm of which one member is far away', () => {
  it('is not made slower to notice the others', async () => {
    const simulation = swarm((from, to) => (from === 'p5' || to === 'p5' ? 0.4 : 0.005), 12);
    await simulation.run(600);
    const beats = (peer: string) =>
      eventsOf(simulation, 'timeouts').flatMap(({ of, seconds: said }) => (of === peer ? [said.beat] : []));
    expect(Math.max(...beats('p0'))).toBeLessThan(0.35);
    expect(Math.max(...beats('p5'))).toBeGreaterThan(0.8);
    expect(eventsOf(simulation, 'suspected')).toEqual([]);
  });
});
