// What a peer measures of its links, over a simulated network of which latency and bandwidth are known.

import { describe, expect, it } from 'vitest';
import { SimulatedNetworks } from '../../src/network/simulated/network.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import type { ControlBody } from '../../src/network/wire/codec.ts';
import { linkOf } from '../../src/schedule/skippipe/measured.ts';
import { type LinkTime, LinkTimes } from '../../src/swarm/membership/link-times.ts';
import { noStamp } from '../../src/swarm/membership/timing.ts';
import { Messenger } from '../../src/swarm/messenger.ts';

const header = {
  kind: 'ACTIVATION',
  type: 'F32',
  iteration: 1,
  attempt: 0,
  microbatch: 0,
  hop: 1,
  path: [],
  stage: 1,
  round: 0,
  firstElement: 0,
  elements: 0,
} as const;

interface Way {
  readonly latencySeconds: number;
  readonly bytesPerSecond: number;
}

const beat: ControlBody = { kind: 'heartbeat', value: { ...noStamp, iteration: 1, journalIndex: 0 } };

/** What p0 measures when it sends payloads of so many bytes to p1, one an iteration, each when nothing else is sent. */
async function measured(there: Way, back: Way, payloads: readonly number[]): Promise<LinkTime[]> {
  const world = new SimulatedWorld();
  const way = (from: string) => (from === 'p0' ? there : back);
  const networks = new SimulatedNetworks(world, {
    latencySeconds: (from) => way(from).latencySeconds,
    bytesPerSecond: (from) => way(from).bytesPerSecond,
  });
  const [own, other] = ['p0', 'p1'].map(
    (peer) =>
      new Messenger(networks.join(peer), world.clockOf(peer), {
        control: (_, __, answer) => {
          answer?.(beat);
          return undefined;
        },
        tensor: async () => {},
        misbehaved: (_, problem) => {
          throw problem;
        },
        broke: () => {},
      }),
  );
  const links = new LinkTimes(world.clockOf('p0'), own!);
  const settle = async () => {
    const end = world.now() + 100;
    world.at(end, '', () => {});
    await world.run(() => world.now() >= end, 1e6);
  };
  own!.send('p1', beat);
  other!.send('p0', beat);
  void own!.tensor('p1', header, new Uint8Array(1));
  await settle();
  const found: LinkTime[] = [];
  for (const bytes of payloads) {
    links.begin();
    void links.send('p1', header, new Uint8Array(bytes));
    await settle();
    found.push(...links.times);
  }
  return found;
}

describe('what is measured of a link', () => {
  it.each([
    ['a near one', { latencySeconds: 0.001, bytesPerSecond: 100e6 }],
    ['one between continents', { latencySeconds: 0.12, bytesPerSecond: 5e6 }],
    ['one with a slow uplink', { latencySeconds: 0.03, bytesPerSecond: 250e3 }],
  ])('is its latency and its rate, to within a fiftieth: %s', async (_, way) => {
    const bytes = 262_144;
    const [time] = await measured(way, way, [bytes]);
    const { microseconds, latencyMicroseconds } = time!;
    const link = linkOf({ activation: microseconds, bytes: microseconds - latencyMicroseconds }, bytes);
    expect(link.latencySeconds / way.latencySeconds).toBeCloseTo(1, 2);
    expect(Math.abs(link.bytesPerSecond / way.bytesPerSecond - 1)).toBeLessThan(0.02);
    // so ten times the bytes are known to take as long as they do
    const [longer] = await measured(way, way, [10 * bytes]);
    const expected = (link.latencySeconds + (10 * bytes) / link.bytesPerSecond) * 1e6;
    expect(Math.abs(longer!.microseconds / expected - 1)).toBeLessThan(0.02);
  });

  it('has the right rate also where the ways there and back differ: their latencies are shared out', async () => {
    const there = { latencySeconds: 0.02, bytesPerSecond: 1e6 };
    const [time] = await measured(there, { latencySeconds: 0.08, bytesPerSecond: 1e6 }, [100_000]);
    const { microseconds, latencyMicroseconds } = time!;
    const link = linkOf({ activation: microseconds, bytes: microseconds - latencyMicroseconds }, 100_000);
    expect(link.latencySeconds).toBeCloseTo(0.05, 3);
    expect(Math.abs(link.bytesPerSecond / 1e6 - 1)).toBeLessThan(0.02);
  });

  it('is never more latency than time, however few the bytes', async () => {
    for (const way of [
      { latencySeconds: 0.000_05, bytesPerSecond: 1e10 },
      { latencySeconds: 0, bytesPerSecond: 1e12 },
    ]) {
      const times = await measured(way, way, [1, 4_096]);
      expect(times).toHaveLength(2);
      for (const { microseconds, latencyMicroseconds } of times) {
        expect(microseconds).toBeGreaterThan(0);
        expect(latencyMicroseconds).toBeLessThanOrEqual(microseconds);
      }
    }
  });
});
