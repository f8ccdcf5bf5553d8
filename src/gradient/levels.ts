// The levels to which normally distributed values are rounded, 1 to 4 bits a value, with least mean squared error:
// J. Max: Quantizing for Minimum Distortion (1960), table 1; S. Lloyd: Least Squares Quantization in PCM (1982).
// Here in units of 1/256 standard deviation and rounded to integers, so that their sums are exact.

export type LevelBits = 1 | 2 | 3 | 4;

export interface Levels {
  /** Sizes, ascending; each stands for two levels, one of each sign. At one bit the unit does not matter. */
  readonly sizes: readonly number[];
  /** Where one size goes over into the next, in standard deviations. */
  readonly bounds: readonly number[];
  /** Mean squared error for a standard normal value. */
  readonly distortion: number;
}

const UNIT = 256;

function levels(sizes: readonly number[], distortion: number): Levels {
  const bounds = sizes.slice(1).map((size, i) => (size + sizes[i]!) / 2 / UNIT);
  return { sizes, bounds, distortion };
}

export const normalLevels: Readonly<Record<LevelBits, Levels>> = {
  1: levels([1], 1 - 2 / Math.PI),
  2: levels([116, 387], 0.1175),
  3: levels([63, 194, 344, 551], 0.03454),
  4: levels([33, 99, 168, 241, 322, 414, 530, 700], 0.009497),
};
