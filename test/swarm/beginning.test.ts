// A run that begins with given weights: its founder has them, everyone else fetches and checks them.

import { describe, expect, it } from 'vitest';
import { initialWeights } from '../../src/model/initial.ts';
import { modelOf, stagesOf } from '../../src/swarm/manifest.ts';
import { smallManifest, smallSimulation } from './small-run.ts';

const manifest = { ...smallManifest({}), founder: 'p0' };
const given = stagesOf(manifest).map((_, stage) =>
  initialWeights(modelOf(manifest), stagesOf(manifest), stage, 12_345),
);

async function lossesFrom(settings: Parameters<typeof smallSimulation>[0]) {
  const simulation = smallSimulation({ iterations: 2, ...settings });
  await simulation.run(600);
  const commits = simulation.events.filter((event) => event.kind === 'commit' && event.of === 'p0');
  return commits.map((event) => (event.kind === 'commit' ? event.commit.loss : null));
}

describe('a run that begins with given weights', () => {
  it('begins with these, not with those of its seed', async () => {
    const losses = await lossesFrom({ given });
    expect(losses).toHaveLength(2);
    expect(losses).not.toEqual(await lossesFrom({}));
    const ofSeed = stagesOf(manifest).map((_, stage) =>
      initialWeights(modelOf(manifest), stagesOf(manifest), stage, manifest.seed),
    );
    expect(await lossesFrom({ given: ofSeed })).toEqual(await lossesFrom({}));
  });

  it('has no peer that takes other weights than the manifest names', async () => {
    const simulation = smallSimulation({ iterations: 2, given });
    given[2]![5]! += 1; // the founder's copy is no longer what it signed
    await simulation.begin();
    await simulation.world.run(() => simulation.events.some((event) => event.kind === 'out-of-step'), 60);
    given[2]![5]! -= 1;
    const refusals = simulation.events.filter((event) => event.kind === 'out-of-step');
    expect(refusals.length).toBeGreaterThan(0);
    for (const event of refusals) {
      expect(event).toMatchObject({ problem: expect.stringMatching(/weights of stage 2 .* have digest/) });
    }
  });
});
