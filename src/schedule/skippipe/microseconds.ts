// Whole microseconds, in which the search reckons: sums and differences of them are exact.

export const microsecondsPerSecond = 1e6;

/** What a transfer over a link without capacity counts as: a day, so that sums stay numbers and no plan takes it. */
const never = 86_400e6;

/** Whole microseconds, at least one for what takes any time. */
export function toMicroseconds(seconds: number): number {
  return seconds > 0 ? Math.max(1, Math.min(never, Math.round(seconds * microsecondsPerSecond))) : 0;
}

/** Parts in which a time in floating point may miss the whole microsecond that it was meant to be. */
const floatingError = 1e-12;

/** Whole microseconds, rounded down: what bounds reckon with, so that no sum of them is more than the times are. */
export function toMicrosecondsAtMost(seconds: number): number {
  return Math.min(never, Math.floor(seconds * microsecondsPerSecond * (1 + floatingError)));
}
