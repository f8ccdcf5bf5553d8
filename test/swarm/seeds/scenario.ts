// What one seed stands for: a small swarm, its network, and what goes wrong with it. Everything is drawn from the
// seed, so that a failure is had again from its number.

import { describeText } from '../../../src/data/index.ts';
import { createSimulatedIdentity } from '../../../src/network/simulated/identity.ts';
import type { SimulatedLinks } from '../../../src/network/simulated/network.ts';
import { generator, stream } from '../../../src/random/index.ts';
import { type FaultKind, type FaultPlan, faultsFromSeed } from '../../../src/replay/faults.ts';
import type { Manifest } from '../../../src/swarm/manifest.ts';
import { PART_SIZES, type PartSizes } from '../../../src/swarm/protocols.ts';
import { smallManifest, smallText } from '../small-run.ts';

export interface SeedScenario {
  readonly seed: number;
  readonly manifest: Omit<Manifest, 'founder'>;
  readonly text: Uint8Array;
  readonly peers: readonly { readonly name: string; readonly stage: number; readonly hasText: boolean }[];
  readonly links: SimulatedLinks;
  readonly sizes: PartSizes;
  readonly flopsPerSecond: number;
  readonly summaryEvery: number;
  /** When the peer `late` comes, that nobody waited for; undefined where there is none. */
  readonly newcomerSeconds: number | undefined;
  readonly faults: FaultPlan;
}

/** An iteration takes about this long without faults. */
const ITERATION_SECONDS = 0.25;
const text = smallText.subarray(0, 20_000);
const data = describeText('small', text, createSimulatedIdentity('anyone').digest);

type Training = Manifest['training'];

/** How a seed's run encodes, plans and divides; drawn apart, so that the rest of a seed stays what it was. */
function waysOf(seed: number, skips: boolean) {
  const draw = generator(stream({ runSeed: seed, purpose: 'network', index: 2 }));
  const one = <Item>(items: readonly Item[]): Item => items[draw.integerBelow(items.length)]!;
  const codec = one<Training['codec']>([
    'eden',
    'eden',
    'eden',
    'dense-f32',
    'dense-f32',
    'dense-f32',
    'dense-f16',
    'int8',
    'eden-feedback',
    'one-byte',
  ]);
  const activations = one<Training['activations']>(['f32', 'f32', 'f16', 'int8']);
  // a search for paths costs more than the rest of a seed
  const often = (policy: string, times: number) => Array.from({ length: times }, () => policy);
  const policy = one([...(skips ? often('random-skip', 4) : often('1f1b', 19)), 'skippipe']);
  const probes = { directions: 1, perturbation: 1e-3, normalizeSteps: draw.uniform() < 0.5 };
  const sizes: PartSizes = {
    weightChunkBytes: one([PART_SIZES.weightChunkBytes, 4096, 500]),
    smallExchangeBytes: one([PART_SIZES.smallExchangeBytes, 0]),
    journalAnswerEntries: one([PART_SIZES.journalAnswerEntries, 25, 10, 4]),
  };
  return { training: { codec, activations, policy, ...(codec === 'one-byte' && { probes }) }, sizes };
}

/** In some seeds what a micro-batch's weights add is a task of its own, after its gradient has gone on. */
function splitBackwardOf(seed: number): boolean {
  const draw = generator(stream({ runSeed: seed, purpose: 'network', index: 5 }));
  return draw.uniform() < 0.3;
}

/** Which of a seed's commits certify a summary of the journal before them; most seeds have some such. */
function summaryEveryOf(seed: number): number {
  const draw = generator(stream({ runSeed: seed, purpose: 'network', index: 3 }));
  return [1, 2, 3, 5, 8, 64][draw.integerBelow(6)]!;
}

/** Half of the seeds have a newcomer, some time after the run has begun. */
function newcomerSecondsOf(seed: number, fromSeconds: number, untilSeconds: number): number | undefined {
  const draw = generator(stream({ runSeed: seed, purpose: 'network', index: 4 }));
  if (draw.uniform() < 0.5) return undefined;
  return fromSeconds + (0.3 + 0.7 * draw.uniform()) * (untilSeconds - fromSeconds);
}

/** @param kinds faults that may be drawn; all by default */
export function scenarioOf(seed: number, kinds?: readonly FaultKind[]): SeedScenario {
  const draw = generator(stream({ runSeed: seed, purpose: 'network', index: 1 }));
  const between = (low: number, high: number) => low + draw.integerBelow(high - low + 1);
  const stages = between(2, 4);
  const stageSizes = Array.from({ length: stages }, (_, stage) => between(stage === 0 ? 2 : 1, 3));
  const iterations = between(10, 30);
  const skips = stages > 2 && draw.uniform() < 0.3;
  const manifest = smallManifest({ stages, iterations });
  const peers = stageSizes.flatMap((size, stage) => Array.from({ length: size }, () => stage));
  const ways = waysOf(seed, skips);
  const latency = 0.001 + 0.04 * draw.uniform() ** 2;
  const far = draw.uniform() < 0.3 ? new Set([`p${between(1, peers.length - 1)}`]) : new Set<string>();
  const shared = draw.uniform() < 0.25;
  const names = peers.map((_, index) => `p${index}`);
  const [gatheredSeconds, endSeconds] = [
    0.05 * peers.length + 2,
    0.05 * peers.length + 2 + iterations * ITERATION_SECONDS,
  ];
  const newcomerSeconds = newcomerSecondsOf(seed, gatheredSeconds, endSeconds);
  const bandwidth = 1e6 * 10 ** (2 * draw.uniform());
  return {
    seed,
    manifest: {
      ...manifest,
      seed,
      data,
      model: { ...manifest.model, width: 4, heads: 1, kvHeads: 1, hidden: 8, context: 4 },
      training: {
        ...manifest.training,
        ...ways.training,
        stageSizes,
        microbatchesPerAnchor: between(1, 4),
        samplesPerMicrobatch: 1,
        splitBackward: ways.training.codec !== 'one-byte' && splitBackwardOf(seed),
        skipRatio: skips ? 1 / stages : 0,
        emergencySkips: between(0, 1),
        recovery: draw.uniform() < 0.5 ? 'checkfree' : 'copy',
        // one step is the mean gradient itself: see the counting engine
        optimizer: {
          ...manifest.training.optimizer,
          name: 'sgd',
          learningRate: 1,
          momentum: 0,
          weightDecay: 0,
          clip: 0,
        },
      },
    },
    text,
    peers: peers.map((stage, index) => ({ name: `p${index}`, stage, hasText: true })),
    newcomerSeconds,
    links: {
      latencySeconds: (from, to) => latency * (far.has(from) || far.has(to) ? 5 : 1),
      bytesPerSecond: () => bandwidth,
      ...(shared && {
        shared: {
          peers: names,
          uploadBytesPerSecond: () => bandwidth,
          downloadBytesPerSecond: () => 4 * bandwidth,
        },
      }),
    },
    sizes: ways.sizes,
    flopsPerSecond: 4e4 / ITERATION_SECONDS,
    summaryEvery: summaryEveryOf(seed),
    faults: faultsFromSeed(seed, {
      peers: names.map((name, index) => ({ name, stage: peers[index]! })),
      fromSeconds: 0.05 * peers.length,
      gatheredSeconds,
      untilSeconds: 0.05 * peers.length + 0.7 * iterations * ITERATION_SECONDS,
      most: 6,
      // whoever has come late may know the beginning by a summary alone
      ...(newcomerSeconds !== undefined && { keepersLost: { share: 0.6, fromSeconds: newcomerSeconds + 1 } }),
      ...(kinds && { kinds }),
    }),
  };
}
