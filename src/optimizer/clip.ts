// Gradient clipping by norm, per stage (R. Pascanu, T. Mikolov, Y. Bengio, arXiv 1211.5063, algorithm 1). The sum of
// squares runs from the first element to the last in float64: one order, whatever the slices, so every replica that
// holds the same gradient bits finds the same norm.

/** Adds the squares of elements `from` … `to` − 1 to `carried`, in order; start with 0, then pass each result on. */
export function addSquares(gradient: Float32Array, carried = 0, from = 0, to = gradient.length): number {
  let sum = carried;
  for (let i = from; i < to; i++) sum += gradient[i]! * gradient[i]!;
  return sum;
}

/**
 * The factor that brings a gradient of this norm down to `largestNorm`, 1 where it is not longer.
 * Throws a RangeError when the norm is not finite: such a gradient must have been left out before.
 */
export function clipFactor(norm: number, largestNorm: number): number {
  if (!Number.isFinite(norm)) throw new RangeError(`a gradient of norm ${norm} cannot be clipped`);
  return norm > largestNorm ? largestNorm / norm : 1;
}
