// one-byte: a codec without gradients. Two forward passes of a micro-batch, under θ + εz and θ − εz, become a byte for
// each direction z (Just One Byte, arXiv 2306.10015); `probes.ts` says what a byte stands for and where z comes from.
//
// Bytes: one a direction, whatever the number of weights: of each sample where samples have directions of their own, of
// their mean loss where they share one. Bias: none from the directions; rounding to the byte is off by at most a
// sixteenth of a difference, and the step ε leaves what the loss bends by in third order. Variance, plainly: the mean
// over K directions of ±1 has a relative error of (P − 1) / K for P weights. No error feedback: nobody has the gradient
// that would have to be kept. With normalised steps the length is not the gradient's; only the direction is.

import { type Compression, type Slice, wrongLength } from './codec.ts';
import { encodeDifference, NOT_FINITE, type Probe, type ProbeStep } from './probes.ts';
import { acceptable, type Contribution, type LeftOut } from './sum.ts';
import type { Stream } from '../random/index.ts';

/** The name that a manifest gives for this. */
export const ONE_BYTE = 'one-byte';

export interface ForwardCodec extends Compression {
  /** How bytes become a gradient. */
  readonly step: ProbeStep;
  /**
   * The bytes of two passes: each sample's loss (nats) forth, under θ + εz, and back, under θ − εz. Neighbours share a
   * direction where there are fewer of those than samples.
   */
  encode(forth: ArrayLike<number>, back: ArrayLike<number>): Uint8Array<ArrayBuffer>;
}

/** The codec of passes with so many directions, at least one, whose bytes make that kind of step. */
export function oneByte(directions: number, step: ProbeStep): ForwardCodec {
  const codec: ForwardCodec = {
    name: ONE_BYTE,
    unbiased: step.kind === 'plain',
    errorFeedback: false,
    step,
    relativeError: (values) => (step.kind === 'plain' ? (values - 1) / directions : undefined),
    encodedBytes: () => directions,

    encode(forth, back) {
      const each = forth.length / directions;
      return Uint8Array.from({ length: directions }, (_, direction) => {
        let sum = 0;
        for (let i = direction * each; i < (direction + 1) * each; i++) sum += forth[i]! - back[i]!;
        return encodeDifference(sum / each);
      });
    },

    reject(bytes, slice) {
      const length = wrongLength(codec, bytes, slice);
      if (length !== undefined) return length;
      const direction = bytes.indexOf(NOT_FINITE);
      if (direction < 0) return undefined;
      const message = `the losses of direction ${direction} differ by what is not a finite number`;
      return { reason: 'not-finite', element: undefined, message };
    },
  };
  return codec;
}

export interface ProbeRequest {
  readonly codec: ForwardCodec;
  /** In any order; the same contribution may have arrived more than once. */
  readonly contributions: readonly Contribution[];
  /** The signs of each direction of the contribution with that place. */
  readonly signsOf: (place: number, direction: number) => Stream;
}

export interface GatheredProbes {
  /** For `writeEstimate`. */
  readonly probes: readonly Probe[];
  /** Senders whose bytes are among the probes, and the others, both in the group's order. */
  readonly counted: readonly string[];
  readonly leftOut: readonly LeftOut[];
}

/** Any slice does: bytes are of all weights. */
const ALL: Slice = { from: 0, to: 0 };

/** The probes of a group's contributions: what cannot be counted is left out whole, and its sender named. */
export function gatherProbes({ codec, contributions, signsOf }: ProbeRequest): GatheredProbes {
  const { accepted, leftOut } = acceptable(codec, contributions, ALL);
  const probes = accepted.flatMap(({ place, bytes }) =>
    Array.from(bytes, (byte, direction) => ({ byte, signs: signsOf(place, direction) })),
  );
  return { probes, counted: accepted.map(({ sender }) => sender), leftOut };
}
