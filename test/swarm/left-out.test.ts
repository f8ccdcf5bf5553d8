// Contributions that the others go on without, and replicas whose weights differ, in whole swarms in virtual time.

import { describe, expect, it } from 'vitest';
import type { Simulation, SimulatedPeerEvent } from '../../src/replay/simulation.ts';
import type { Engine } from '../../src/seams/engine.ts';
import { changed, type SmallRun, smallSimulation } from './small-run.ts';

async function run(settings: SmallRun, mayFail: readonly string[] = []): Promise<Simulation> {
  const simulation = smallSimulation(settings);
  await simulation.run(600);
  for (const [peer, end] of simulation.ends) {
    if (!mayFail.includes(peer)) expect(end, peer).toEqual({ how: 'ended' });
  }
  return simulation;
}

/** What the leader's commits say of a stage, in order. */
function commitsOf(simulation: Simulation, stage: number) {
  const own = (event: SimulatedPeerEvent) =>
    event.kind === 'commit' && event.of === 'p0' ? [event.commit] : [];
  return simulation.events.flatMap(own).map(({ iteration, stages, weights }) => ({
    iteration,
    ...stages.find((one) => one.stage === stage)!,
    weights: weights.find((one) => one.stage === stage),
  }));
}

/** Calls `change` with every gradient of a peer and how many came before it. */
function gradients(peer: string, change: (values: Float32Array, before: number) => void) {
  let before = 0;
  return (of: string, engine: Engine): Engine => {
    if (of !== peer) return engine;
    return changed(engine, {
      takeGradients: async () => {
        const values = await engine.takeGradients();
        if (values.some((value) => value !== 0)) change(values, before++);
        return values;
      },
    });
  };
}

describe('a contribution that does not come in time', () => {
  it('is left out for everyone, its sender is named, and nobody is given up', async () => {
    let slow = false;
    const simulation = await run({
      stages: 2,
      replicas: 3,
      iterations: 6,
      bytesPerSecond: (from, to) => (slow && from === 'p4' && to === 'p3' ? 100 : 1e7),
      script: (event) => {
        if (event.kind === 'plan' && event.iteration === 4) slow = true;
      },
    });
    const commits = commitsOf(simulation, 1);
    expect(commits).toHaveLength(6);
    for (const { iteration, contributors, leftOut, microbatches } of commits) {
      if (iteration < 4) {
        expect({ contributors, leftOut }).toEqual({ contributors: ['p3', 'p4', 'p5'], leftOut: [] });
        continue;
      }
      expect(contributors).toEqual(['p3', 'p5']);
      expect(leftOut).toEqual([{ peer: 'p4', reason: expect.stringContaining('in time') }]);
      expect(microbatches).toHaveLength(4); // of six
    }
    expect(simulation.events.some((event) => event.kind === 'gone')).toBe(false);
    const ended = simulation.events.find((event) => event.kind === 'ended');
    expect(ended).toMatchObject({ divergences: 0 });
  });

  it('ends with the newest replica given up where two cannot hear each other', async () => {
    let slow = false;
    const settings: SmallRun = {
      stages: 2,
      iterations: 6,
      bytesPerSecond: (from, to) => (slow && from.match(/p[23]/) && to.match(/p[23]/) ? 100 : 1e7),
      script: (event) => {
        if (event.kind === 'plan' && event.iteration === 4) slow = true;
      },
    };
    const simulation = await run(settings, ['p3']); // it asks to come back, and cannot fetch its weights
    const gone = simulation.events.filter((event) => event.kind === 'gone' && event.of === 'p0');
    expect(gone[0]).toMatchObject({ peer: 'p3', how: 'failed' });
    expect(commitsOf(simulation, 1).at(-1)).toMatchObject({ iteration: 6 });
  });
});

describe('a contribution that is far larger than the others', () => {
  it('is left out by the median of its group', async () => {
    const simulation = await run({
      stages: 2,
      replicas: 3,
      iterations: 5,
      engine: gradients('p5', (values, before) => {
        if (before === 2) for (let i = 0; i < values.length; i++) values[i]! *= 100;
      }),
    });
    const commits = commitsOf(simulation, 1);
    const reasons = commits.map(({ leftOut }) => leftOut);
    expect(reasons[2]).toEqual([{ peer: 'p5', reason: expect.stringContaining('far larger') }]);
    expect(reasons.filter((leftOut) => leftOut.length > 0)).toHaveLength(1);
    expect(commits[2]!.contributors).toEqual(['p3', 'p4']);
  });

  it('is left out by what its stage had before, where there are two', async () => {
    const simulation = await run({
      stages: 2,
      iterations: 6,
      training: { codec: 'eden' },
      engine: gradients('p3', (values, before) => {
        if (before === 4) for (let i = 0; i < values.length; i++) values[i]! *= 100;
      }),
    });
    const reasons = commitsOf(simulation, 1).map(({ leftOut }) => leftOut.map(({ peer }) => peer));
    expect(reasons).toEqual([[], [], [], [], ['p3'], []]);
  });
});

describe('a replica whose weights differ by one bit', () => {
  it('is named and mended where gradients travel in one bit a value', async () => {
    let writes = 0;
    const simulation = await run({
      iterations: 8,
      training: { codec: 'eden', activations: 'int8' },
      engine: (peer, engine) => {
        if (peer !== 'p5') return engine;
        const writeWeights = async (weights: Float32Array) => {
          if (++writes === 3) new Uint32Array(weights.buffer, weights.byteOffset, weights.length)[5]! ^= 1;
          await engine.writeWeights(weights);
        };
        return changed(engine, { writeWeights });
      },
    });
    const commits = commitsOf(simulation, 2);
    const divergent = commits.map(({ weights }) => weights?.divergent ?? []);
    expect(divergent.flat()).toEqual(['p5']);
    expect(simulation.events.find((event) => event.kind === 'ended')).toMatchObject({ divergences: 1 });
    const last = commits.at(-1)!;
    expect(last.contributors).toEqual(['p4', 'p5']);
    expect(last.weights).toMatchObject({ replicas: 2, divergent: [] });
  });
});
