// Long computations in slices: a generator that yields every few milliseconds of work and returns its result. Whoever
// has other things to do in between drives it; whoever has not runs it to its end.

/** A computation that may be left between any two slices. */
export type Sliced<Result> = Generator<undefined, Result, undefined>;

/** The result at once. */
export function finish<Result>(sliced: Sliced<Result>): Result {
  for (;;) {
    const { done, value } = sliced.next();
    if (done === true) return value;
  }
}
