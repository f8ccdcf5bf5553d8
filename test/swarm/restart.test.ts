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

/** Three peers of one stage each are killed after iteration 6, and these start again. */
async function killed(again: readonly string[]): Promise<Simulation> {
  let isKilled = false;
  const simulation = smallSimulation({
    stages: 3,
    replicas: 1,
    iterations: 12,
    script: (event, simulated) => {
      if (isKilled || event.kind !== 'commit' || event.commit.iteration !== 6) return;
      isKilled = true;
      const { world } = simulated;
      world.after(0.01, '', () => {
        for (const name of ['p0', 'p1', 'p2']) simulated.crash(name);
        again.forEach((name, index) => {
          world.after(1 + index / 4, '', () => void simulated.start(name));
        });
      });
    },
  });
  await simulation.run(100);
  expect(isKilled).toBe(true);
  return simulation;
}

/** What the leader of after the restart says, and p1 hears, in order. */
function afterwards({ events }: Simulation): Simulation['events'] {
  return events.slice(events.findLastIndex((event) => event.kind === 'leader'));
}

describe('a run of three whose peers were all killed', () => {
  it('lets each in again and goes on as soon as all are there: nobody asks over and over', async () => {
    const simulation = await killed(['p1', 'p2', 'p0']);
    expect([...simulation.ends.values()]).toEqual([{ how: 'ended' }, { how: 'ended' }, { how: 'ended' }]);
    for (const name of ['p0', 'p1', 'p2']) {
      const enters = simulation.events.filter(
        (event) => event.kind === 'entered' && event.of === 'p1' && event.peer === name,
      );
      expect(enters.length).toBeLessThanOrEqual(4);
    }
    const said = afterwards(simulation);
    const planned = said.find((event) => event.kind === 'leading' && event.note.kind === 'planned')!;
    const complete = said.findLast((event) => event.kind === 'active' && event.at <= planned.at)!;
    expect(planned.at - complete.at).toBeLessThan(1);
  });

  it('goes on without the one that does not come back, its stage skipped', async () => {
    const simulation = await killed(['p0', 'p1']);
    const said = afterwards(simulation);
    const commit = said.find((event) => event.kind === 'commit' && event.commit.iteration > 6)!;
    expect(commit).toMatchObject({ commit: { iteration: 7, loss: expect.any(Number) } });
    expect(commit.kind === 'commit' && commit.commit.stages.map(({ stage }) => stage)).toEqual([0, 1]);
    expect(commit.at - said[0]!.at).toBeLessThan(20);
    expect(simulation.ends.get('p0')).toEqual({ how: 'ended' });
  });
});
