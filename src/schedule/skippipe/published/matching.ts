// Two exact parts of the published score of an assignment: the minimum-weight matching of two groups of peers (the
// Hungarian method with potentials; Kuhn 1955) and the shortest way through all groups from the first (Held and Karp,
// 1962, over subsets).

/** Least sum over all ways to give each of `few` another one of `many`, which are at least as many. */
export function matchingCost(
  few: readonly number[],
  many: readonly number[],
  cost: (from: number, to: number) => number,
): number {
  const width = many.length;
  const fewPotential = new Float64Array(few.length + 1);
  const manyPotential = new Float64Array(width + 1);
  /** Per place among `many` (0: the one being placed): which of `few` has it, counted from 1; 0 for none. */
  const matched = new Int32Array(width + 1);
  const from = new Int32Array(width + 1);
  for (let row = 1; row <= few.length; row++) {
    matched[0] = row;
    const slack = new Float64Array(width + 1).fill(Number.POSITIVE_INFINITY);
    const used = new Uint8Array(width + 1);
    let at = 0;
    do {
      used[at] = 1;
      const current = matched[at]!;
      let least = Number.POSITIVE_INFINITY;
      let next = 0;
      for (let to = 1; to <= width; to++) {
        if (used[to] === 1) continue;
        const reduced = cost(few[current - 1]!, many[to - 1]!) - fewPotential[current]! - manyPotential[to]!;
        if (reduced < slack[to]!) {
          slack[to] = reduced;
          from[to] = at;
        }
        if (slack[to]! < least) {
          least = slack[to]!;
          next = to;
        }
      }
      for (let to = 0; to <= width; to++) {
        if (used[to] === 1) {
          fewPotential[matched[to]!]! += least;
          manyPotential[to]! -= least;
        } else slack[to]! -= least;
      }
      at = next;
    } while (matched[at] !== 0);
    for (; at !== 0; at = from[at]!) matched[at] = matched[from[at]!]!;
  }
  let sum = 0;
  for (let to = 1; to <= width; to++) {
    if (matched[to]! > 0) sum += cost(few[matched[to]! - 1]!, many[to - 1]!);
  }
  return sum;
}

/** Beyond so many groups, subsets are too many and the way goes to the nearest group each time. */
const mostExact = 12;

/** The shortest way that starts at group 0 and visits each group once. */
export function shortestOrder(between: readonly Float64Array[]): {
  readonly length: number;
  readonly order: readonly number[];
} {
  const count = between.length;
  if (count > mostExact) return nearestOrder(between);
  const sets = 2 ** (count - 1);
  // least[set * count + last]: over the groups 1 … of the set (bit group - 1), ending at `last`.
  const least = new Float64Array(sets * count).fill(Number.POSITIVE_INFINITY);
  const before = new Int32Array(sets * count);
  least[0] = 0;
  for (let set = 0; set < sets; set++) {
    for (let last = 0; last < count; last++) {
      const length = least[set * count + last]!;
      if (length === Number.POSITIVE_INFINITY) continue;
      for (let next = 1; next < count; next++) {
        const bit = 1 << (next - 1);
        if ((set & bit) !== 0) continue;
        const reached = (set | bit) * count + next;
        const sum = length + between[last]![next]!;
        if (sum >= least[reached]!) continue;
        least[reached] = sum;
        before[reached] = last;
      }
    }
  }
  let last = 0;
  let set = sets - 1;
  for (let at = 1; at < count; at++) {
    if (last === 0 || least[set * count + at]! < least[set * count + last]!) last = at;
  }
  const length = least[set * count + last]!;
  const order: number[] = [];
  while (last !== 0) {
    order.push(last);
    const previous = before[set * count + last]!;
    set &= ~(1 << (last - 1));
    last = previous;
  }
  return { length, order: [0, ...order.reverse()] };
}

function nearestOrder(between: readonly Float64Array[]): { length: number; order: number[] } {
  const order = [0];
  let length = 0;
  const left = new Set(between.map((_, group) => group).slice(1));
  while (left.size > 0) {
    const at = order[order.length - 1]!;
    const next = [...left].reduce((a, b) => (between[at]![b]! < between[at]![a]! ? b : a));
    length += between[at]![next]!;
    order.push(next);
    left.delete(next);
  }
  return { length, order };
}
