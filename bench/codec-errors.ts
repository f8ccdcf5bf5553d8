// Errors of codecs on real gradients of the demo's model, taken while it learns.

import type { NamedText } from '../src/cli/text.ts';
import {
  type Codec,
  codecs,
  eden,
  gatherProbes,
  oneByte,
  probeStream,
  writeEstimate,
} from '../src/gradient/index.ts';
import { fillBits, type Stream } from '../src/random/index.ts';
import { REPLICAS, STAGES, trainDemo } from './codec-training.ts';

const SEED = 7;

/** The gradients of one stage at one iteration, one a replica. */
export interface Sample {
  readonly iteration: number;
  readonly stage: number;
  readonly replicas: readonly Float32Array[];
  /** The sum of both replicas of every stage, one stage after another. */
  readonly whole: Float32Array;
}

/** Gradients of the demo while it learns, every stage in turn, in a run without losses of its codec. */
export async function realGradients(
  text: NamedText,
  count: number,
  threads: number,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const steps = 2 + 3 * count;
  let stages: (readonly Float32Array[])[] = [];
  await trainDemo(text, {
    ...{ seed: SEED, steps, until: steps, threads, codec: 'dense-f32' },
    exchanging: (iteration, stage, replicas) => {
      if (samples.length === count || iteration % 3 !== 0) return;
      stages.push(replicas.map((gradient) => gradient.slice()));
      if (stage < STAGES - 1) return;
      const turn = (iteration / 3) % STAGES;
      const whole = new Float32Array(stages.reduce((sum, [own]) => sum + own!.length, 0));
      let at = 0;
      for (const [a, b] of stages) {
        a!.forEach((value, i) => {
          whole[at + i] = value + b![i]!;
        });
        at += a!.length;
      }
      samples.push({ iteration, stage: turn, replicas: stages[turn]!, whole });
      stages = [];
    },
  });
  return samples;
}

/** Codecs that are compared and have no name in a manifest: other blocks for eden. */
const variants: readonly Codec[] = [
  eden('eden, blocks of 1024', 1, 1024),
  eden('eden, blocks of 8192', 1, 8192),
];

function decodedError(
  codec: Codec,
  { iteration, stage, replicas }: Sample,
  places: readonly number[],
): number {
  const length = replicas[0]!.length;
  const slice = { from: 0, to: length };
  const decoded = new Float32Array(length);
  const exact = new Float64Array(length);
  for (const place of places) {
    const key = { runSeed: SEED, iteration, stage, place };
    const bytes = codec.encode({ gradient: replicas[place]!, slice, key, state: codec.start(length) });
    codec.addDecoded({ bytes, slice, key, sum: decoded });
    replicas[place]!.forEach((value, i) => {
      exact[i]! += value;
    });
  }
  let error = 0;
  let size = 0;
  for (let i = 0; i < length; i++) {
    error += (decoded[i]! - exact[i]!) ** 2;
    size += exact[i]! ** 2;
  }
  return error / size;
}

export function meanError(codec: Codec, samples: readonly Sample[]): number {
  return mean(samples.map((sample) => decodedError(codec, sample, [0])));
}

export function errorOfTwo(codec: Codec, samples: readonly Sample[]): number {
  return mean(samples.map((sample) => decodedError(codec, sample, [0, 1])));
}

export function errorNotes(samples: readonly Sample[], parameters: readonly number[]): string[] {
  return [
    `errors are of ${samples.length} gradients of the model's stages`,
    `errorOfTwo: |decoded sum − sum|² / |sum|² of both replicas of a stage, whose gradients have a cosine of ${cosine(samples).toFixed(2)}`,
    ...rotationNotes(samples, parameters),
  ];
}

/** What a rotation that the whole group shares would do to the error of its sum, and what other blocks would. */
function rotationNotes(samples: readonly Sample[], parameters: readonly number[]): string[] {
  const own = codecs.eden;
  const shared: Codec = {
    ...own,
    encode: (request) => own.encode({ ...request, key: { ...request.key, place: 0 } }),
    addDecoded: (request) => own.addDecoded({ ...request, key: { ...request.key, place: 0 } }),
  };
  const notes = [
    `eden, one rotation for both replicas: errorOfTwo ${errorOfTwo(shared, samples).toFixed(3)}, ` +
      `one each: ${errorOfTwo(own, samples).toFixed(3)}`,
  ];
  for (const codec of variants) {
    notes.push(
      `${codec.name}: relative error ${meanError(codec, samples).toFixed(3)}, ${bytesPerStep(codec, parameters)} bytes`,
    );
  }
  return notes;
}

function cosine(samples: readonly Sample[]): number {
  return mean(
    samples.map(({ replicas: [a, b] }) => {
      let product = 0;
      let first = 0;
      let second = 0;
      a!.forEach((value, i) => {
        product += value * b![i]!;
        first += value * value;
        second += b![i]! * b![i]!;
      });
      return product / Math.sqrt(first * second);
    }),
  );
}

/** What the codec produces in one iteration, all stages and replicas, each contribution once. */
export function bytesPerStep(codec: Codec, parameters: readonly number[]): number {
  return REPLICAS * parameters.reduce((sum, length) => sum + codec.encodedBytes(length), 0);
}

/**
 * The error of `one-byte` with so many directions. Losses are straight lines here, whose slope is the gradient: what is
 * measured is directions, bytes and decoding, without what a step of ε misses where the loss bends.
 */
export function oneByteError(directions: number, samples: readonly Sample[]): number {
  return mean(samples.map((sample) => oneByteErrorOf(directions, sample)));
}

/** Of the demo's runs. */
const PERTURBATION = 1e-3;
/** Gradients are sums over the iteration's micro-batches, losses are means. */
const MICROBATCHES = 4;

function oneByteErrorOf(directions: number, { iteration, whole }: Sample): number {
  const step = { kind: 'plain', scale: PERTURBATION } as const;
  const codec = oneByte(directions, step);
  const signsOf = (_: number, sample: number) =>
    probeStream({ runSeed: SEED, iteration, sample, direction: 0, stage: 0 });
  const slopes = Array.from(
    { length: directions },
    (_, direction) => along(whole, signsOf(0, direction)) / MICROBATCHES,
  );
  const bytes = codec.encode(
    slopes.map((slope) => slope * PERTURBATION),
    slopes.map((slope) => -slope * PERTURBATION),
  );
  const contributions = [{ sender: '', place: 0, bytes }];
  const estimate = new Float32Array(whole.length);
  writeEstimate(gatherProbes({ codec, contributions, signsOf }).probes, step, estimate);
  let error = 0;
  let size = 0;
  for (let i = 0; i < whole.length; i++) {
    const exact = whole[i]! / MICROBATCHES;
    error += (estimate[i]! - exact) ** 2;
    size += exact ** 2;
  }
  return error / size;
}

/** The product with a direction of signs. */
function along(values: Float32Array, signs: Stream): number {
  const bits = new Uint32Array(Math.ceil(values.length / 32));
  fillBits(signs, 0, bits);
  let product = 0;
  for (let i = 0; i < values.length; i++) {
    product += (bits[i >>> 5]! >>> (i & 31)) & 1 ? -values[i]! : values[i]!;
  }
  return product;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
