// Error feedback around an unbiased codec: what one iteration did not send is added to the next one's gradient.
// An unbiased estimate with relative error ω is too large to learn from what it missed; shrunk by 1 / (1 + ω) it is as
// near to the gradient as it can be, with relative error ω / (1 + ω), and what is missing stays bounded.
// S. P. Karimireddy et al.: Error Feedback Fixes SignSGD (arXiv 1901.09847), §4 (compressors, remark 7).

import type { Codec } from './codec.ts';

/** Multiples of the codec's that are decoded at a time, which bounds the memory for it. */
const CHUNK_MULTIPLES = 16;

export function withFeedback(name: string, inner: Codec): Codec {
  const chunk = CHUNK_MULTIPLES * inner.sliceMultiple;
  /** Decoded values of a chunk: one array for all calls, which never wait. */
  const scratch = new Float32Array(chunk);
  const shrink = Math.fround(1 / (1 + inner.relativeError(inner.sliceMultiple)));

  /** Calls `use` with the shrunk estimate, chunk by chunk, and where each chunk begins in the slice. */
  function decodeChunks(
    { bytes, slice, key }: Omit<Parameters<Codec['addDecoded']>[0], 'sum'>,
    use: (values: Float32Array, from: number) => void,
  ): void {
    const length = slice.to - slice.from;
    for (let from = 0, at = 0; from < length; from += chunk) {
      const count = Math.min(chunk, length - from);
      const end = at + inner.encodedBytes(count);
      const values = scratch.subarray(0, count).fill(0);
      const part = { from: slice.from + from, to: slice.from + from + count };
      inner.addDecoded({ bytes: bytes.subarray(at, end), slice: part, key, sum: values });
      for (let i = 0; i < count; i++) values[i] = values[i]! * shrink;
      use(values, from);
      at = end;
    }
  }

  return {
    ...inner,
    name,
    unbiased: false,
    errorFeedback: true,
    relativeError: (values) => 1 - 1 / (1 + inner.relativeError(values)),
    start: (parameters) => ({ residuals: [new Float32Array(parameters)] }),

    encode({ gradient, slice, key, state }) {
      const residual = state.residuals[0]!;
      for (let i = slice.from; i < slice.to; i++) residual[i] = residual[i]! + gradient[i]!;
      const bytes = inner.encode({ gradient: residual, slice, key, state });
      decodeChunks({ bytes, slice, key }, (values, from) => {
        for (let i = 0, at = slice.from + from; i < values.length; i++, at++) {
          const rest = Math.fround(residual[at]! - values[i]!);
          // A gradient that is not finite is left out by everyone; it must not stay here for ever.
          residual[at] = Number.isFinite(rest) ? rest : 0;
        }
      });
      return bytes;
    },

    addDecoded({ bytes, slice, key, sum }) {
      decodeChunks({ bytes, slice, key }, (values, from) => {
        for (let i = 0; i < values.length; i++) sum[from + i]! += values[i]!;
      });
    },
  };
}
