// Runs whose activations and gradients travel as fewer bytes: still the same bits at every replica, and the same as in
// one process that rounds at the same places.

import { describe, expect, it } from 'vitest';
import { createOnnxEngine } from '../../src/engine/onnx/index.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import { trainSingle } from '../../src/replay/single.ts';
import type { Simulation } from '../../src/replay/simulation.ts';
import type { Manifest } from '../../src/swarm/manifest.ts';
import type { SentBytes } from '../../src/swarm/messenger.ts';
import { smallManifest, smallSimulation, smallText } from './small-run.ts';

const ITERATIONS = 6;

async function swarm(training: Partial<Manifest['training']>): Promise<Simulation> {
  const simulation = smallSimulation({ iterations: ITERATIONS, training });
  await simulation.run(600);
  expect([...simulation.ends.values()].every((end) => end.how === 'ended')).toBe(true);
  return simulation;
}

function lossesOf(simulation: Simulation): number[] {
  const losses = new Map<number, number>();
  for (const event of simulation.events) {
    if (event.kind === 'commit') losses.set(event.commit.iteration, event.commit.loss!);
  }
  return [...losses.values()];
}

/** Payload bytes that all peers sent until the last commit. */
function bytesOf(simulation: Simulation): SentBytes & { contributions: number } {
  const last = new Map(
    simulation.events.flatMap((event) => (event.kind === 'commit' ? [[event.of, event]] : [])),
  );
  const total = { activations: 0, gradients: 0, weights: 0, control: 0, contributions: 0 };
  for (const { sent, contributionBytes } of last.values()) {
    total.activations += sent.activations;
    total.gradients += sent.gradients;
    total.weights += sent.weights;
    total.contributions += contributionBytes;
  }
  return total;
}

async function single(training: Partial<Manifest['training']>) {
  const manifest = { ...smallManifest({ iterations: ITERATIONS, training }), founder: 'p0' };
  const engines = await Promise.all(Array.from({ length: 4 }, () => createOnnxEngine({ inProcess: true })));
  const losses: number[] = [];
  const stages = await trainSingle({
    manifest,
    text: smallText,
    engines,
    clock: new SimulatedWorld().clockOf('single'),
    identity: createSimulatedIdentity('single'),
    committed: (_, loss) => {
      losses.push(loss);
    },
  });
  for (const engine of engines) await engine.close();
  return { losses, weights: stages.map((stage) => stage.weights) };
}

describe('a swarm that sends fewer bytes', () => {
  it.each([
    { activations: 'f16' },
    { activations: 'int8' },
    { codec: 'eden' },
    { codec: 'int8', activations: 'int8' },
    { codec: 'eden-feedback' },
    { codec: 'project' },
    { codec: 'top-k' },
    { codec: 'dense-f16' },
  ] as const)('trains as one process does, to the bit: %j', async (training) => {
    const whole = await swarm(training);
    const alone = await single(training);
    expect(lossesOf(whole)).toEqual(alone.losses);
    expect(whole.delivered!.map((stage) => stage.weights)).toEqual(alone.weights);
    const ended = whole.events.find((event) => event.kind === 'ended');
    expect(ended).toMatchObject({ divergences: 0 });
  });

  it('sends each other replica a contribution, and copies of stage 0 theirs apart', async () => {
    const sent = async (training: Partial<Manifest['training']>) => {
      const simulation = smallSimulation({ iterations: ITERATIONS, training, model: { hidden: 148 } });
      await simulation.run(600);
      expect(simulation.events.some(({ kind }) => kind === 'shadow')).toBe(true);
      return bytesOf(simulation);
    };
    const [dense, eden, project] = [
      await sent({ codec: 'dense-f32' }),
      await sent({ codec: 'eden' }),
      await sent({ codec: 'project' }),
    ];
    for (const { gradients, contributions } of [dense, eden, project]) expect(gradients).toBe(contributions);
    expect(eden.weights).toBeLessThan(dense.weights);
    expect(eden.gradients).toBeLessThan(dense.gradients / 30);
    expect(project.gradients).toBeLessThan(dense.gradients / 100);
  });

  it('sends the activations that its type needs, and learns as it does with f32', async () => {
    const [f32, f16, int8] = [
      await swarm({ activations: 'f32' }),
      await swarm({ activations: 'f16' }),
      await swarm({ activations: 'int8' }),
    ];
    const { activations } = bytesOf(f32);
    const rows = 2 * 16;
    // every activation and every gradient of one, of `rows` rows of 16 values
    expect(activations % (4 * rows * 16)).toBe(0);
    const tensors = activations / (4 * rows * 16);
    expect(bytesOf(f16).activations).toBe(tensors * (2 * rows * 16 + 2));
    expect(bytesOf(int8).activations).toBe(tensors * rows * (16 + 4));
    const last = lossesOf(f32).at(-1)!;
    for (const simulation of [f16, int8]) {
      expect(lossesOf(simulation)).not.toEqual(lossesOf(f32));
      expect(Math.abs(lossesOf(simulation).at(-1)! / last - 1)).toBeLessThan(0.02);
    }
  });
});
