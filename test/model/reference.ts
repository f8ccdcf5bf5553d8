// The operations of src/model/operations.ts in plain float64 loops, as slow and as plain as they can be: the third
// backend, against which finite differences can be taken to nine digits.

import type { Normalized, Operations, ProductOptions, Shape } from '../../src/model/operations.ts';

export interface Array64 {
  readonly shape: Shape;
  readonly values: Float64Array;
}

const count = (shape: Shape) => shape.reduce((product, size) => product * size, 1);

export function array64(values: ArrayLike<number>, shape: Shape): Array64 {
  if (values.length !== count(shape)) throw new Error(`${values.length} values for shape [${shape}]`);
  return { shape, values: Float64Array.from(values) };
}

/** The multi-index of a flat position. */
function unravel(position: number, shape: Shape): number[] {
  const index = new Array<number>(shape.length);
  let rest = position;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return index;
}

/** The flat position of a multi-index aligned at the last axis; axes of length 1 are repeated. */
function ravel(index: readonly number[], shape: Shape): number {
  const skipped = index.length - shape.length;
  return shape.reduce(
    (position, size, axis) => position * size + (size === 1 ? 0 : index[axis + skipped]!),
    0,
  );
}

function build(shape: Shape, at: (index: number[]) => number): Array64 {
  return { shape, values: Float64Array.from({ length: count(shape) }, (_, i) => at(unravel(i, shape))) };
}

const read = (x: Array64, index: readonly number[]) => x.values[ravel(index, x.shape)]!;

function elementwise(operation: (a: number, b: number) => number) {
  return (a: Array64, b: Array64) => {
    const rank = Math.max(a.shape.length, b.shape.length);
    const size = (shape: Shape, axis: number) => shape[axis - rank + shape.length] ?? 1;
    const shape = Array.from({ length: rank }, (_, axis) =>
      Math.max(size(a.shape, axis), size(b.shape, axis)),
    );
    return build(shape, (index) => operation(read(a, index), read(b, index)));
  };
}

const map = (operation: (x: number) => number) => (x: Array64) => ({
  shape: x.shape,
  values: x.values.map(operation),
});

function product(a: Array64, b: Array64, options: ProductOptions & { add?: Array64 } = {}): Array64 {
  const { transposeA = false, transposeB = false, scale = 1, add } = options;
  const batch = a.shape.slice(0, -2);
  const [m, k] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  const n = transposeB ? b.shape.at(-2)! : b.shape.at(-1)!;
  return build([...batch, m, n], (index) => {
    const [row, column] = [index.at(-2)!, index.at(-1)!];
    const outer = index.slice(0, -2);
    let sum = 0;
    for (let inner = 0; inner < k; inner++) {
      const left = read(a, [...outer, ...(transposeA ? [inner, row] : [row, inner])]);
      sum += left * read(b, [...outer, ...(transposeB ? [column, inner] : [inner, column])]);
    }
    return scale * sum + (add === undefined ? 0 : read(add, index));
  });
}

/** Applies a function to every run along the last axis. */
function perRow(x: Array64, change: (row: Float64Array) => Float64Array): Array64 {
  const width = x.shape.at(-1)!;
  const values = new Float64Array(x.values.length);
  for (let start = 0; start < values.length; start += width) {
    values.set(change(x.values.slice(start, start + width)), start);
  }
  return { shape: x.shape, values };
}

function logSoftmax(x: Array64): Array64 {
  return perRow(x, (row) => {
    const top = Math.max(...row);
    const logSum = top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
    return row.map((value) => value - logSum);
  });
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

export const referenceOperations: Operations<Array64> = {
  constant: array64,
  matmul: product,
  batchedMatmul: product,
  add: elementwise((a, b) => a + b),
  subtract: elementwise((a, b) => a - b),
  multiply: elementwise((a, b) => a * b),
  exp: map(Math.exp),
  sigmoid: map(sigmoid),
  silu: map((x) => x * sigmoid(x)),
  sum(x, axes, keep) {
    const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const values = new Float64Array(count(kept));
    x.values.forEach((value, position) => {
      values[ravel(unravel(position, x.shape), kept)]! += value;
    });
    return { shape: keep ? kept : x.shape.filter((_, axis) => !axes.includes(axis)), values };
  },
  reshape: (x, shape) => array64(x.values, shape),
  transpose: (x, order) =>
    build(
      order.map((axis) => x.shape[axis]!),
      (index) => {
        const source = new Array<number>(index.length);
        order.forEach((axis, position) => {
          source[axis] = index[position]!;
        });
        return read(x, source);
      },
    ),
  rmsNorm(x, weight, epsilon): Normalized<Array64> {
    const [rows, width] = x.shape as readonly [number, number];
    const reciprocal = build([rows, 1], ([row]) => {
      const values = x.values.slice(row! * width, (row! + 1) * width);
      return 1 / Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / width + epsilon);
    });
    const output = build(x.shape, (index) => read(x, index) * read(reciprocal, index) * read(weight, index));
    return { output, reciprocal };
  },
  softmax: (x) => map(Math.exp)(logSoftmax(x)),
  logSoftmax,
  rotate(x, cos, sin, heads) {
    const half = x.shape[2]! / heads / 2;
    return build(x.shape, ([sample, position, column]) => {
      const within = column! % (2 * half);
      const pair = within % half;
      const first = read(x, [sample!, position!, column! - within + pair]);
      const second = read(x, [sample!, position!, column! - within + pair + half]);
      const [c, s] = [read(cos, [position!, pair]), read(sin, [position!, pair])];
      return within < half ? first * c - second * s : second * c + first * s;
    });
  },
  gatherRows: (table, ids) =>
    build([ids.shape[0]!, table.shape[1]!], ([row, column]) => read(table, [ids.values[row!]!, column!])),
  scatterRows: (table, rows, ids) =>
    build(table.shape, ([id, column]) =>
      ids.values.reduce(
        (sum, own, row) => sum + (own === id ? read(rows, [row, column!]) : 0),
        read(table, [id!, column!]),
      ),
    ),
  oneHot: (ids, total) => build([ids.shape[0]!, total], ([row, id]) => (ids.values[row!] === id ? 1 : 0)),
};
