// A run whose every peer stopped and started again goes on from where anyone saw it last.

import { describe, expect, it } from 'vitest';
import type { Simulation } from '../../src/replay/simulation.ts';
import { smallSimulation } from './small-run.ts';

const ITERATIONS = 14;
const names = Array.from({ length: 6 }, (_, i) => `p${i}`);

/** The founder dies in iteration 3 and all others in iteration 9; then everyone starts, in the order given. */
async function restarted(order: readonly string[]): Promise<Simulation> {
  let founderCrashed = false;
  let allCrashed = false;
  const simulation = smallSimulation({
    stages: 3,
    replicas: 2,
    iterations: ITERATIONS,
    script: (event, { world, crash, start }) => {
      if (event.kind !== 'commit') return;
      if (event.commit.iteration === 3 && !founderCrashed) {
        founderCrashed = true;
        world.after(0, '', () => crash('p0'));
      }
      if (event.commit.iteration === 9 && !allCrashed) {
        allCrashed = true;
        world.after(0, '', () => {
          for (const name of names.slice(1)) crash(name);
          order.forEach((name, index) => {
            world.after(1 + index * 0.4, '', () => void start.call(simulation, name));
          });
        });
      }
    },
  });
  await simulation.run(600);
  return simulation;
}

describe('a run that starts again after its founder had missed the end of it', () => {
  for (const order of [names, names.toReversed()]) {
    it(`goes on from the last commit that any of them saw, started as ${order.join(' ')}`, async () => {
      const simulation = await restarted(order);
      expect(names.map((name) => simulation.ends.get(name))).toEqual(names.map(() => ({ how: 'ended' })));
      const commits = simulation.events.flatMap((event) => (event.kind === 'commit' ? [event.commit] : []));
      const losses = new Map<number, Set<number | null>>();
      for (const { iteration, loss } of commits) {
        losses.set(iteration, (losses.get(iteration) ?? new Set()).add(loss));
      }
      // one history: no iteration was committed in two ways, and none is missing
      expect([...losses.keys()].sort((a, b) => a - b)).toEqual(
        Array.from({ length: ITERATIONS }, (_, i) => i + 1),
      );
      expect([...losses.values()].every((seen) => seen.size === 1)).toBe(true);
      // the first commit after the restart follows the last one before it
      expect(simulation.events.some((event) => event.kind === 'leader' && event.term > 2)).toBe(true);
    });
  }
});

describe('a run of three whose peers were all killed', () => {
  it('lets each in again and goes on: nobody asks over and over', async () => {
    let step: 'train' | 'killed' | 'again' = 'train';
    const simulation = smallSimulation({
      stages: 3,
      replicas: 1,
      iterations: 12,
      script: (event, simulated) => {
        if (step !== 'train' || event.kind !== 'commit' || event.commit.iteration !== 6) return;
        step = 'killed';
        const { world } = simulated;
        world.after(0.01, '', () => {
          for (const name of ['p0', 'p1', 'p2']) simulated.crash(name);
          world.after(1, '', () => {
            step = 'again';
            for (const name of ['p1', 'p2']) void simulated.start(name);
          });
          world.after(1.5, '', () => void simulated.start('p0'));
        });
      },
    });
    await simulation.run(100);
    expect(step).toBe('again');
    expect([...simulation.ends.values()]).toEqual([{ how: 'ended' }, { how: 'ended' }, { how: 'ended' }]);
    for (const name of ['p0', 'p1', 'p2']) {
      const enters = simulation.events.filter(
        (event) => event.kind === 'entered' && event.of === 'p1' && event.peer === name,
      );
      expect(enters.length).toBeLessThanOrEqual(4);
    }
  });
});
