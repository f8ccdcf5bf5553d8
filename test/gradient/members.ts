// Every codec as the compliance suite meets it: a gradient in, bytes out, and a group's bytes to one sum. A codec of
// gradients takes it as it is. One of forward passes is given a loss whose gradient it is, and has to find out.

import {
  type Codec,
  codecs,
  type Contribution,
  type Compression,
  type EncoderState,
  gatherProbes,
  type LeftOut,
  oneByte,
  type ProbeStep,
  probeStream,
  type Slice,
  sumContributions,
  writeEstimate,
} from '../../src/gradient/index.ts';
import { fillBits } from '../../src/random/index.ts';

export interface Drawn {
  readonly iteration: number;
  readonly place: number;
}

export interface Summed {
  readonly sum: Float32Array;
  readonly counted: readonly string[];
  readonly leftOut: readonly LeftOut[];
}

export interface Member {
  readonly title: string;
  readonly codec: Compression;
  /** Values of the gradients that the suite tries it on. */
  readonly length: number;
  /** Where a gradient may be cut: slices of sums start at multiples. */
  readonly multiple: number;
  /** What it remembers between iterations. */
  start(parameters: number): EncoderState;
  encode(gradient: Float32Array, drawn: Drawn, state: EncoderState): Uint8Array;
  /** The sum over a slice of gradients of that many values, whatever arrived in whatever order. */
  sum(contributions: readonly Contribution[], iteration: number, parameters: number, slice?: Slice): Summed;
}

const RUN_SEED = 3;
const STAGE = 2;

function ofGradients(codec: Codec): Member {
  const multiple = codec.sliceMultiple;
  const key = (iteration: number) => ({ runSeed: RUN_SEED, iteration, stage: STAGE });
  return {
    title: codec.name,
    codec,
    length: 5 * multiple + (multiple > 1 ? 3 : 200),
    multiple,
    start: codec.start,
    encode(gradient, { iteration, place }, state) {
      const slice = { from: 0, to: gradient.length };
      return codec.encode({ gradient, slice, key: { ...key(iteration), place }, state });
    },
    sum(contributions, iteration, parameters, slice = { from: 0, to: parameters }) {
      const pieces = contributions.map((one) => ({
        ...one,
        bytes: cut(codec, one.bytes, parameters, slice),
      }));
      return sumContributions({ codec, contributions: pieces, slice, key: key(iteration) });
    },
  };
}

/** The bytes of a slice: a whole contribution is that of its slices, one after another. */
function cut(codec: Codec, bytes: Uint8Array, parameters: number, { from, to }: Slice): Uint8Array {
  if (from === 0 && to === parameters) return bytes;
  return bytes.subarray(codec.encodedBytes(from), codec.encodedBytes(from) + codec.encodedBytes(to - from));
}

/** Losses are float32, as engines give them: of a few nats, with the noise that these have. */
const LOSS = 2;
const PERTURBATION = 1e-3;
const BEND = 3;

/** Every sample's loss is LOSS + g·θ + ½ BEND |θ|² around where the weights stand: g is its gradient. */
function ofForwardPasses(title: string, samples: number, directions: number, step: ProbeStep): Member {
  const codec = oneByte(directions, step);
  const signsOf = (iteration: number) => (place: number, direction: number) =>
    probeStream({
      runSeed: RUN_SEED,
      iteration,
      sample: place * samples + direction,
      direction: 0,
      stage: STAGE,
    });
  return {
    title,
    codec,
    length: 1000,
    multiple: 32,
    start: () => ({ residuals: [] }),
    encode(gradient, { iteration, place }) {
      const losses = (epsilon: number) =>
        Float32Array.from({ length: samples }, (_, sample) => {
          const direction = Math.floor((sample * directions) / samples);
          const signs = new Uint32Array(Math.ceil(gradient.length / 32));
          fillBits(signsOf(iteration)(place, direction), 0, signs);
          let loss = LOSS + (BEND / 2) * gradient.length * epsilon * epsilon;
          gradient.forEach((value, i) => {
            loss += value * ((signs[i >>> 5]! >>> (i & 31)) & 1 ? -epsilon : epsilon);
          });
          return loss;
        });
      return codec.encode(losses(PERTURBATION), losses(-PERTURBATION));
    },
    sum(contributions, iteration, parameters, { from, to } = { from: 0, to: parameters }) {
      const gathered = gatherProbes({ codec, contributions, signsOf: signsOf(iteration) });
      const estimate = new Float32Array(parameters);
      writeEstimate(gathered.probes, step, estimate, from, to);
      return { ...gathered, sum: estimate.subarray(from, to) };
    },
  };
}

export const members: readonly Member[] = [
  ...Object.values(codecs).map(ofGradients),
  ofForwardPasses('one-byte', 16, 16, { kind: 'plain', scale: PERTURBATION }),
  ofForwardPasses('one-byte, shared directions', 16, 4, { kind: 'plain', scale: PERTURBATION }),
  ofForwardPasses('one-byte, normalised steps', 16, 16, { kind: 'normalised' }),
];
