// Whole microseconds, in which the search reckons: sums and differences of them are exact.

export const microsecondsPerSecond = 1e6;

/** What a transfer over a link without capacity counts as: a day, so that sums stay numbers and no plan takes it. */
const never = 86_400e6;

/** Whole microseconds, at least one for what takes any time. */
export function toMicroseconds(seconds: number): number {
  return seconds > 0 ? Math.max(1, Math.min(never, Math.round(seconds * microsecondsPerSecond))) : 0;
}
