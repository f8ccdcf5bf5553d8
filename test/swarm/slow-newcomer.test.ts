// A peer whose link is slower than its group is without it: the sums of three or four iterations pass while one comes
// through, and training does not stop for it.

import { expect, it } from 'vitest';
import { smallSimulation } from './small-run.ts';

/** A stage of this model has sums of 164 KB; an iteration without p3 takes 0.17 s, and its link 0.8 s for one sum. */
const MODEL = { width: 64, hidden: 128 };
const SLOW = 2e5;

it('gets back into its stage, because the others wait for it once it could not keep up', async () => {
  let started = false;
  const simulation = smallSimulation({
    stages: 2,
    iterations: 28,
    model: MODEL,
    training: { microbatchesPerAnchor: 1, samplesPerMicrobatch: 1 },
    flopsPerSecond: 3e8,
    bytesPerSecond: (from, to) => (from === 'p3' || to === 'p3' ? SLOW : 1e7),
    script: (event, world) => {
      if (event.of !== 'p0' || event.kind !== 'commit') return;
      if (event.commit.iteration === 2) world.crash('p3');
      if (event.commit.iteration === 3 && !started) {
        started = true;
        void world.start('p3');
      }
    },
  });
  await simulation.run(600);
  const told = simulation.events.filter(({ of }) => of === 'p0');
  const outOf = (kind: 'gone' | 'active') =>
    told.flatMap((event) => (event.kind === kind && event.peer === 'p3' ? [event.at] : []));
  expect(outOf('gone')).toHaveLength(1);
  const [, back] = outOf('active');
  expect(back).toBeGreaterThan(outOf('gone')[0]!);
  const last = told.findLast((event) => event.kind === 'commit');
  expect(last?.kind === 'commit' && last.commit.stages[1]!.contributors).toEqual(['p2', 'p3']);
  expect(told.at(-1)).toMatchObject({ kind: 'ended', iteration: 28, divergences: 0 });
});
