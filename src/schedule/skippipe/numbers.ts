// Exponentials and logarithms for decisions that must be the same bits in every JavaScript engine. Math.exp, Math.log
// and Math.pow may differ in their last bits from engine to engine; additions, products and quotients may not.

const halvings = 10;
const terms = 12;

/** e to the power x, for |x| up to some hundreds: Taylor's series of x / 1024, squared ten times. */
export function exponential(x: number): number {
  const small = x / 2 ** halvings;
  let sum = 1;
  for (let term = terms; term >= 1; term--) sum = 1 + (small * sum) / term;
  for (let square = 0; square < halvings; square++) sum *= sum;
  return sum;
}

/** The natural logarithm of x > 0: powers of two are taken out, the rest by the series of the inverse hyperbolic tangent. */
export function naturalLogarithm(x: number): number {
  let mantissa = x;
  let powers = 0;
  for (; mantissa >= 1.5; mantissa /= 2) powers++;
  for (; mantissa < 0.75; mantissa *= 2) powers--;
  const ratio = (mantissa - 1) / (mantissa + 1);
  const square = ratio * ratio;
  let sum = 0;
  for (let odd = 39; odd >= 1; odd -= 2) sum = 1 / odd + square * sum;
  return powers * Math.LN2 + 2 * ratio * sum;
}

/** Quantiles of the exponential distribution of mean 1: entry i is −ln((i + ½) / 1024). */
export const exponentialQuantiles: Float64Array = Float64Array.from(
  { length: 1024 },
  (_, at) => -naturalLogarithm((at + 0.5) / 1024),
);
