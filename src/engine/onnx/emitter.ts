// The model's operations as ONNX operators. Where ONNX Runtime has a fused operator of its own that is faster on its
// CPU kernels, that one is used; `portable` keeps to the standard, for other execution providers.
//
// ONNX Runtime's fused operators: github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md

import type { MatmulOptions, Normalized, Operations, ProductOptions, Shape } from '../../model/operations.ts';
import { type Attribute, type Graph, type GraphValue, MICROSOFT } from './graph.ts';

const float = (value: number): Attribute => ({ kind: 'float', value });
const integer = (value: number): Attribute => ({ kind: 'integer', value });
const flag = (value: boolean | undefined) => integer(value ? 1 : 0);

/** Shape of an elementwise result: axes of length 1 are repeated. */
function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) throw shapeMismatch('elementwise', a, b);
    return Math.max(left, right);
  });
}

function productShape(a: Shape, b: Shape, { transposeA, transposeB }: ProductOptions): Shape {
  const [rowsA, columnsA] = transposeA ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
  const [rowsB, columnsB] = transposeB ? [b.at(-1)!, b.at(-2)!] : [b.at(-2)!, b.at(-1)!];
  const batch = a.slice(0, -2);
  if (a.length !== b.length || columnsA !== rowsB || batch.some((size, axis) => size !== b[axis])) {
    throw shapeMismatch('product', a, b);
  }
  return [...batch, rowsA, columnsB];
}

function shapeMismatch(operation: string, a: Shape, b: Shape): TypeError {
  return new TypeError(`${operation}: shapes [${a}] and [${b}] do not fit together`);
}

export interface EmitterOptions {
  /** Standard operators only. */
  readonly portable?: boolean;
}

/** Operations that append to `graph`. */
export function onnxOperations(graph: Graph, options: EmitterOptions = {}): Operations<GraphValue> {
  const { portable = false } = options;

  function one(
    operator: string,
    inputs: readonly GraphValue[],
    shape: Shape,
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): GraphValue {
    return graph.node(operator, inputs, [shape], { attributes, domain })[0]!;
  }

  const binary = (operator: string) => (a: GraphValue, b: GraphValue) =>
    one(operator, [a, b], broadcast(a.shape, b.shape));
  const unary = (operator: string) => (x: GraphValue) => one(operator, [x], x.shape);
  const scalar = (value: number) => graph.constant([value], []);

  const add = binary('Add');
  const subtract = binary('Sub');
  const multiply = binary('Mul');
  const sigmoid = unary('Sigmoid');

  const lastAxis = (operator: string) => (x: GraphValue) =>
    one(operator, [x], x.shape, { axis: integer(-1) });

  function reshape(x: GraphValue, shape: Shape): GraphValue {
    if (`${shape}` === `${x.shape}`) return x;
    return one('Reshape', [x, graph.integers([...shape])], shape);
  }

  function transpose(x: GraphValue, order: readonly number[]): GraphValue {
    const shape = order.map((axis) => x.shape[axis]!);
    // Where only axes of length 1 change places, the values stay where they are.
    const moved = order.filter((axis) => x.shape[axis] !== 1);
    if (moved.every((axis, index) => index === 0 || axis > moved[index - 1]!)) return reshape(x, shape);
    return one('Transpose', [x], shape, { perm: { kind: 'integers', value: order } });
  }

  function sum(x: GraphValue, axes: readonly number[], keep: boolean): GraphValue {
    const shape = keep
      ? x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
      : x.shape.filter((_, axis) => !axes.includes(axis));
    return one('ReduceSum', [x, graph.integers(axes)], shape, { keepdims: flag(keep) });
  }

  // Products with a transposed first factor run 5 to 15 % faster on ONNX Runtime's CPU kernels after a transposition
  // of its own, and the weight gradients share those of their activations.
  const transposed = new Map<string, GraphValue>();
  function transposedOnce(x: GraphValue): GraphValue {
    const known = transposed.get(x.name);
    if (known !== undefined) return known;
    const axes = x.shape.map((_, axis) => axis);
    const made = transpose(x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
    transposed.set(x.name, made);
    return made;
  }

  function matmul(a: GraphValue, b: GraphValue, product: MatmulOptions<GraphValue> = {}): GraphValue {
    const { transposeA, transposeB, scale = 1, add: addend } = product;
    const shape = productShape(a.shape, b.shape, product);
    const left = transposeA ? transposedOnce(a) : a;
    const inputs = addend === undefined ? [left, b] : [left, b, addend];
    return one('Gemm', inputs, shape, { transB: flag(transposeB), alpha: float(scale) });
  }

  function batchedMatmul(a: GraphValue, b: GraphValue, product: ProductOptions = {}): GraphValue {
    const { transposeA, transposeB, scale = 1 } = product;
    const shape = productShape(a.shape, b.shape, product);
    const left = transposeA ? transposedOnce(a) : a;
    if (!portable) {
      return one(
        'FusedMatMul',
        [left, b],
        shape,
        { transB: flag(transposeB), alpha: float(scale) },
        MICROSOFT,
      );
    }
    const right = transposeB ? transposedOnce(b) : b;
    const result = one('MatMul', [left, right], shape);
    return scale === 1 ? result : multiply(result, scalar(scale));
  }

  function silu(x: GraphValue): GraphValue {
    // QuickGelu is x·sigmoid(alpha·x).
    return portable
      ? multiply(x, sigmoid(x))
      : one('QuickGelu', [x], x.shape, { alpha: float(1) }, MICROSOFT);
  }

  function rmsNorm(x: GraphValue, weight: GraphValue, epsilon: number): Normalized<GraphValue> {
    const rows = [x.shape[0]!, 1];
    if (!portable) {
      const attributes = { axis: integer(-1), epsilon: float(epsilon) };
      const [output, reciprocal] = graph.node('SimplifiedLayerNormalization', [x, weight], [x.shape, rows], {
        attributes,
      });
      return { output: output!, reciprocal: reciprocal! };
    }
    const mean = one('ReduceMean', [multiply(x, x)], rows, {
      axes: { kind: 'integers', value: [1] },
      keepdims: integer(1),
    });
    const root = one('Sqrt', [add(mean, scalar(epsilon))], rows);
    const reciprocal = one('Reciprocal', [root], rows);
    return { output: multiply(multiply(x, reciprocal), weight), reciprocal };
  }

  function rotate(x: GraphValue, cos: GraphValue, sin: GraphValue, heads: number): GraphValue {
    if (!portable) {
      const firstPosition = graph.integers([0]);
      return one(
        'RotaryEmbedding',
        [x, firstPosition, cos, sin],
        x.shape,
        { num_heads: integer(heads) },
        MICROSOFT,
      );
    }
    const [samples, context, width] = x.shape as readonly [number, number, number];
    const half = width / heads / 2;
    const split = reshape(x, [samples, context, heads, 2 * half]);
    const halfShape = [samples, context, heads, half];
    const [first, second] = graph.node('Split', [split], [halfShape, halfShape], {
      attributes: { axis: integer(3) },
    }) as [GraphValue, GraphValue];
    const perPosition = (table: GraphValue) => reshape(table, [1, context, 1, half]);
    const c = perPosition(cos);
    const s = perPosition(sin);
    const turned = [
      subtract(multiply(first, c), multiply(second, s)),
      add(multiply(second, c), multiply(first, s)),
    ];
    return reshape(one('Concat', turned, split.shape, { axis: integer(3) }), x.shape);
  }

  function scatterRows(table: GraphValue, rows: GraphValue, ids: GraphValue): GraphValue {
    const [n, width] = rows.shape as readonly [number, number];
    const column = graph.node('Reshape', [ids, graph.integers([n, 1])], [[n, 1]], { type: 'int32' })[0]!;
    const indices = graph.node('Expand', [column, graph.integers([n, width])], [[n, width]], {
      type: 'int32',
    })[0]!;
    // ScatterElements adds one element after another, so that the order of the sum is fixed.
    return one('ScatterElements', [table, indices, rows], table.shape, {
      axis: integer(0),
      reduction: { kind: 'text', value: 'add' },
    });
  }

  function oneHot(ids: GraphValue, count: number): GraphValue {
    const wide = graph.node('Cast', [ids], [ids.shape], {
      type: 'int64',
      attributes: { to: integer(7) },
    })[0]!;
    const shape = [ids.shape[0]!, count];
    return one('OneHot', [wide, graph.integers([count], []), graph.constant([0, 1], [2])], shape, {
      axis: integer(-1),
    });
  }

  return {
    constant: (values, shape) => graph.constant(values, shape),
    matmul,
    batchedMatmul,
    add,
    subtract,
    multiply,
    exp: unary('Exp'),
    sigmoid,
    silu,
    sum,
    reshape,
    transpose,
    rmsNorm,
    softmax: lastAxis('Softmax'),
    logSoftmax: lastAxis('LogSoftmax'),
    rotate,
    gatherRows: (table, ids) => one('Gather', [table, ids], [ids.shape[0]!, table.shape[1]!]),
    scatterRows,
    oneHot,
  };
}
