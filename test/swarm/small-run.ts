// A small run for simulations: a model of four stages that trains in milliseconds, eight peers, real tensors.

import { describeText } from '../../src/data/index.ts';
import { createTimedEngine } from '../../src/engine/cost/index.ts';
import { createOnnxEngine } from '../../src/engine/onnx/index.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { Simulation, type SimulationSettings } from '../../src/replay/simulation.ts';
import type { Engine } from '../../src/seams/engine.ts';
import type { Manifest } from '../../src/swarm/manifest.ts';
import { type GivenWeights, weightsDigest } from '../../src/swarm/weights/obtaining.ts';

const words = ['goose', 'flies', 'in', 'a', 'skein', 'and', 'the', 'next', 'one', 'follows', 'over', 'water'];

/** Text with something to learn in it, the same every time. */
export const smallText: Uint8Array = new TextEncoder().encode(
  Array.from({ length: 40_000 }, (_, i) => words[(i * 7 + (i >> 3) * 5) % words.length]).join(' '),
);

export interface SmallRun {
  readonly stages?: number;
  readonly replicas?: number;
  readonly iterations?: number;
  readonly training?: Partial<Manifest['training']>;
  /** In place of what the small model has. */
  readonly model?: Partial<Manifest['model']>;
  /** The weights to begin with. */
  readonly given?: GivenWeights;
  readonly script?: SimulationSettings['script'];
  readonly faults?: SimulationSettings['faults'];
  /** Changes a peer's engine, to make it misbehave. */
  readonly engine?: (peer: string, engine: Engine) => Engine;
  /** The same, around the engine whose answers come at their modelled time. */
  readonly timedEngine?: (peer: string, engine: Engine) => Engine;
  /** See `SimulationSettings`. */
  readonly network?: SimulationSettings['network'];
  readonly sizes?: SimulationSettings['sizes'];
  readonly summaryEvery?: number;
  readonly slowDisks?: boolean;
  readonly latencySeconds?: number | ((from: string, to: string) => number);
  /** Of every link, or of each. */
  readonly bytesPerSecond?: number | ((from: string, to: string) => number);
  /** Of every peer, or by peer; a stage's forward takes some milliseconds at the default. */
  readonly flopsPerSecond?: number | ((peer: string) => number);
  /** Micro-batches that fit, of every peer. */
  readonly memoryMicrobatches?: number;
  /** Peers that take whatever stage they are given. */
  readonly anywhere?: readonly string[];
  /** Peers that come without the run's text. */
  readonly withoutText?: readonly string[];
}

export function smallManifest(run: SmallRun): Omit<Manifest, 'founder'> {
  const { stages = 4, replicas = 2, iterations = 6, training, model } = run;
  return {
    protocol: 'skein/1',
    name: 'small',
    seed: 7,
    model: {
      width: 16,
      heads: 2,
      kvHeads: 2,
      hidden: 32,
      vocabulary: 256,
      context: 16,
      normEpsilon: 1e-5,
      ropeTheta: 10_000,
      tiedHead: false,
      blocks: Array.from({ length: stages }, () => 1),
      ...model,
    },
    training: {
      stages,
      stageSizes: Array.from({ length: stages }, () => replicas),
      microbatchesPerAnchor: 2,
      samplesPerMicrobatch: 2,
      skipRatio: 0,
      swapBudget: 2,
      largestJump: 4,
      splitBackward: false,
      policy: '1f1b',
      codec: 'dense-f32',
      activations: 'f32',
      recovery: 'checkfree',
      emergencySkips: 1,
      optimizer: {
        name: 'adamw',
        learningRate: 3e-3,
        warmupIterations: 0,
        decay: 'none',
        endShare: 1,
        betas: [0.9, 0.95],
        epsilon: 1e-8,
        weightDecay: 0,
        momentum: 0.9,
        clip: 1,
      },
      iterations,
      ...training,
    },
    ...(run.given && {
      start: {
        weights: run.given.map((weights) => weightsDigest(weights, createSimulatedIdentity('anyone'))),
      },
    }),
    data: describeText('small', smallText, createSimulatedIdentity('anyone').digest),
  };
}

const device = { efficiency: 0.5, memoryBytesPerSecond: 1e9, memoryBytes: 1e9 };

export function smallSimulation(run: SmallRun): Simulation {
  const {
    stages = 4,
    replicas = 2,
    script,
    faults,
    latencySeconds = 0.005,
    bytesPerSecond = 1e7,
    flopsPerSecond = 1e9,
    engine = (_: string, same: Engine) => same,
    timedEngine = (_: string, same: Engine) => same,
  } = run;
  const simulation = new Simulation({
    manifest: smallManifest(run),
    text: smallText,
    peers: Array.from({ length: stages * replicas }, (_, i) => ({
      name: `p${i}`,
      stage: run.anywhere?.includes(`p${i}`) ? -1 : Math.floor(i / replicas),
      hasText: run.withoutText?.includes(`p${i}`) !== true,
      memoryMicrobatches: run.memoryMicrobatches,
    })),
    links: {
      latencySeconds: typeof latencySeconds === 'number' ? () => latencySeconds : latencySeconds,
      bytesPerSecond: typeof bytesPerSecond === 'number' ? () => bytesPerSecond : bytesPerSecond,
    },
    engine: async (peer, clock, pending) =>
      timedEngine(
        peer,
        createTimedEngine(
          clock,
          engine(peer, await createOnnxEngine({ inProcess: true })),
          {
            ...device,
            flopsPerSecond: typeof flopsPerSecond === 'number' ? flopsPerSecond : flopsPerSecond(peer),
          },
          { pending },
        ),
      ),
    ...(run.given && { given: run.given }),
    ...(script && { script }),
    ...(faults && { faults }),
    ...(run.network && { network: run.network }),
    ...(run.sizes && { sizes: run.sizes }),
    ...(run.summaryEvery !== undefined && { summaryEvery: run.summaryEvery }),
    ...(run.slowDisks && { slowDisks: true }),
  });
  return simulation;
}

/** An engine with some of its methods replaced. */
export function changed(engine: Engine, methods: Partial<Engine>): Engine {
  return new Proxy(engine, {
    get(target, name) {
      const own = methods[name as keyof Engine] ?? target[name as keyof Engine];
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}
