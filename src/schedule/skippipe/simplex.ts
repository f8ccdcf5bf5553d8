// The revised simplex method for small linear programs with many sparse columns: minimise c x, A x = b, x ≥ 0, b ≥ 0
// (Dantzig; Chvátal, Linear Programming, chapter 7). Artificial variables of a large cost start it. What it gives are
// dual prices; whoever needs a proven bound evaluates the Lagrangian at them, which is a bound whatever they are.

export interface Column {
  readonly cost: number;
  readonly rows: readonly number[];
  readonly values: readonly number[];
}

/** Costs beyond those of any column by this factor make artificial variables leave. */
const artificialFactor = 1e4;
const tolerance = 1e-9;

/** Dual prices, one per row, after at most `mostPivots` pivots; optimal when it ends before. */
export function dualPrices(
  columns: readonly Column[],
  rhs: readonly number[],
  mostPivots: number,
): Float64Array {
  const rows = rhs.length;
  const largest = columns.reduce((most, { cost }) => Math.max(most, Math.abs(cost)), 1);
  const artificial = artificialFactor * largest;
  const inverse = new Float64Array(rows * rows);
  for (let row = 0; row < rows; row++) inverse[row * rows + row] = 1;
  const basisCost = new Float64Array(rows).fill(artificial);
  const value = Float64Array.from(rhs);
  const prices = new Float64Array(rows);
  const entering = new Float64Array(rows);
  let degenerate = 0;
  for (let pivot = 0; pivot < mostPivots; pivot++) {
    prices.fill(0);
    for (let row = 0; row < rows; row++) {
      const cost = basisCost[row]!;
      if (cost === 0) continue;
      for (let at = 0; at < rows; at++) prices[at]! += cost * inverse[row * rows + at]!;
    }
    let best = -1;
    let bestReduced = -tolerance * largest;
    for (let index = 0; index < columns.length; index++) {
      const { cost, rows: at, values } = columns[index]!;
      let reduced = cost;
      for (let i = 0; i < at.length; i++) reduced -= prices[at[i]!]! * values[i]!;
      if (reduced < bestReduced) {
        bestReduced = reduced;
        best = index;
        // After many pivots that gain nothing the first column is taken, not the steepest: Bland's rule cannot cycle.
        if (degenerate > 2 * rows) break;
      }
    }
    if (best < 0) break;
    const column = columns[best]!;
    entering.fill(0);
    column.rows.forEach((at, i) => {
      for (let row = 0; row < rows; row++) entering[row]! += inverse[row * rows + at]! * column.values[i]!;
    });
    let leaving = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let row = 0; row < rows; row++) {
      if (entering[row]! <= tolerance) continue;
      const ratio = value[row]! / entering[row]!;
      if (ratio < least) {
        least = ratio;
        leaving = row;
      }
    }
    if (leaving < 0) break; // unbounded: no program here is
    degenerate = least <= tolerance ? degenerate + 1 : 0;
    const scale = entering[leaving]!;
    for (let at = 0; at < rows; at++) inverse[leaving * rows + at]! /= scale;
    value[leaving]! /= scale;
    for (let row = 0; row < rows; row++) {
      const factor = entering[row]!;
      if (row === leaving || factor === 0) continue;
      for (let at = 0; at < rows; at++) inverse[row * rows + at]! -= factor * inverse[leaving * rows + at]!;
      value[row] = Math.max(0, value[row]! - factor * value[leaving]!);
    }
    basisCost[leaving] = column.cost;
  }
  return prices;
}
