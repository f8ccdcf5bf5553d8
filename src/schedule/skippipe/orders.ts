// In which order a path may visit its stages. A visit below the highest stage seen must be exactly one below it
// (SkipPipe, arXiv 2502.19913): so every lawful order is the ascending one with some disjoint pairs of neighbouring
// stages exchanged, at most `swapBudget` of them, and there are few enough to try them all.

/** A lawful order: `at[i]` is the position, in ascending order of stages, of the i-th visit; `swaps` its exchanges. */
interface Pattern {
  readonly at: readonly number[];
  /** Positions whose stage must be one above the stage before it: where a pair is exchanged. */
  readonly swaps: readonly number[];
}

/** Beyond so many orders only those with fewer exchanges are tried. */
const mostPatterns = 128;

/** Every pattern for `visits` visits, the ascending order first. */
export function orderPatterns(visits: number, swapBudget: number): readonly Pattern[] {
  let all: Pattern[] = [];
  for (let budget = 0; budget <= swapBudget; budget++) {
    const patterns = patternsWithin(visits, budget);
    if (budget > 0 && patterns.length > mostPatterns) break;
    if (patterns.length === all.length) break;
    all = patterns;
  }
  return all;
}

function patternsWithin(visits: number, budget: number): Pattern[] {
  const found: Pattern[] = [];
  const extend = (at: readonly number[], swaps: readonly number[]): void => {
    const next = at.length;
    if (next === visits) {
      found.push({ at, swaps });
      return;
    }
    extend([...at, next], swaps);
    if (next + 1 < visits && swaps.length < budget) extend([...at, next + 1, next], [...swaps, next + 1]);
  };
  extend([], []);
  return found;
}

/**
 * Of all stages (ascending, each with a weight) the `count` of least total weight that can be visited with steps of
 * at most `largestJump`, as positions in `stages`; undefined when there are none. Earlier stages win ties.
 */
export function lightestStages(
  stages: readonly number[],
  weights: readonly number[],
  count: number,
  largestJump: number,
): number[] | undefined {
  const size = stages.length;
  // least[c][i]: the lightest choice of c + 1 stages of which stages[i] is the last.
  const least: Float64Array[] = [];
  const from: Int32Array[] = [];
  for (let chosen = 0; chosen < count; chosen++) {
    const row = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
    const parents = new Int32Array(size).fill(-1);
    for (let at = chosen; at < size; at++) {
      if (chosen === 0) {
        if (stages[at]! <= largestJump) row[at] = weights[at]!;
        continue;
      }
      for (let before = at - 1; before >= 0 && stages[at]! - stages[before]! <= largestJump; before--) {
        const sum = least[chosen - 1]![before]! + weights[at]!;
        if (sum < row[at]! || (sum === row[at]! && sum < Number.POSITIVE_INFINITY)) {
          row[at] = sum;
          parents[at] = before;
        }
      }
    }
    least.push(row);
    from.push(parents);
  }
  if (count === 0) return [];
  const last = least[count - 1]!;
  let best = -1;
  for (let at = 0; at < size; at++) {
    if (last[at]! < (best < 0 ? Number.POSITIVE_INFINITY : last[best]!)) best = at;
  }
  if (best < 0) return undefined;
  const chosen: number[] = [];
  for (let row = count - 1, at = best; row >= 0; at = from[row]![at]!, row--) chosen.push(at);
  return chosen.reverse();
}
