// The simulated network passes the same suite as libp2p, on its virtual clock; and what only a simulation can do.

import { describe, expect, it } from 'vitest';
import { SimulatedNetworks } from '../../src/network/simulated/network.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import { type NetworkPair, networkCompliance } from './compliance.ts';

async function createPair(): Promise<NetworkPair> {
  const world = new SimulatedWorld();
  const networks = new SimulatedNetworks(world, {
    latencySeconds: () => 0.01,
    bytesPerSecond: () => 20e6,
  });
  const a = networks.join('a');
  const b = networks.join('b');
  let driving: Promise<void> = Promise.resolve();
  return {
    a,
    b,
    stranger: 'nobody',
    now: () => world.now(),
    async settle(promise) {
      let settled = false;
      const watched = promise.finally(() => {
        settled = true;
      });
      watched.catch(() => {});
      const before = driving;
      driving = before.then(() => world.run(() => settled, world.now() + 3600)).catch(() => {});
      await driving;
      return watched;
    },
    openStreams: () => a.openStreams() + b.openStreams(),
    close: async () => {
      await Promise.all([a.close(), b.close()]);
    },
  };
}

networkCompliance('simulated', createPair);

describe('the simulated world', () => {
  it('delivers events in time order, and in the order they were made at one instant', async () => {
    const world = new SimulatedWorld();
    const order: string[] = [];
    world.after(2, 'a', () => order.push('later'));
    world.after(1, 'a', () => order.push('first'));
    world.after(1, 'b', () => order.push('second'));
    await world.run(() => order.length === 3, 10);
    expect(order).toEqual(['first', 'second', 'later']);
  });

  it('never runs what a crashed peer had planned, not even after it starts again', async () => {
    const world = new SimulatedWorld();
    const seen: string[] = [];
    world.after(1, 'a', () => seen.push('old life'));
    world.after(0.5, '', () => {
      world.crash('a');
      world.revive('a');
      world.after(1, 'a', () => seen.push('new life'));
    });
    await world.run(() => seen.length > 0, 10);
    expect(seen).toEqual(['new life']);
  });

  it('holds what reaches a frozen peer until it thaws', async () => {
    const world = new SimulatedWorld();
    const seen: number[] = [];
    world.freeze('a');
    world.after(1, 'a', () => seen.push(world.now()));
    world.after(5, '', () => world.thaw('a'));
    await world.run(() => seen.length > 0, 10);
    expect(seen).toEqual([5]);
  });

  it('stands still while a real computation runs', async () => {
    const world = new SimulatedWorld();
    const seen: string[] = [];
    world.after(1, 'a', () => {
      const computation = new Promise<void>((resolve) => setTimeout(resolve, 20));
      world.holdFor(computation.then(() => void seen.push('computed')));
    });
    world.after(1.001, 'a', () => seen.push('next event'));
    await world.run(() => seen.length === 2, 10);
    expect(seen).toEqual(['computed', 'next event']);
  });

  it('says so when nothing is left to happen', async () => {
    await expect(new SimulatedWorld().run(() => false, 10)).rejects.toThrow('nothing left to happen');
  });
});
