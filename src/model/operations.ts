// The tensor operations a LLaMA stage is written in. One implementation emits an ONNX graph, others may call an
// array library directly, so the operations are pure: they make a new tensor and change none. All tensors are
// float32 unless said otherwise, row-major, with shapes that are known when the program is written.

/** Lengths of the axes, outermost first; [] is a scalar. */
export type Shape = readonly number[];

export interface ProductOptions {
  /** Use the first factor with its last two axes exchanged. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** The product is multiplied by this constant (default 1). */
  readonly scale?: number;
}

export interface MatmulOptions<Tensor> extends ProductOptions {
  /** Added to the scaled product; same shape as the result. */
  readonly add?: Tensor;
}

export interface Normalized<Tensor> {
  readonly output: Tensor;
  /** 1 / √(mean of squares + ε) of every row, [rows, 1]. */
  readonly reciprocal: Tensor;
}

export interface Operations<Tensor> {
  /** A tensor whose values are part of the program. */
  constant(values: ArrayLike<number>, shape: Shape): Tensor;

  /** [m, k] · [k, n] → [m, n]. */
  matmul(a: Tensor, b: Tensor, options?: MatmulOptions<Tensor>): Tensor;
  /** [B, H, m, k] · [B, H, k, n] → [B, H, m, n]. */
  batchedMatmul(a: Tensor, b: Tensor, options?: ProductOptions): Tensor;

  // Elementwise; the shapes are aligned at their last axis and axes of length 1 are repeated.
  add(a: Tensor, b: Tensor): Tensor;
  subtract(a: Tensor, b: Tensor): Tensor;
  multiply(a: Tensor, b: Tensor): Tensor;
  exp(x: Tensor): Tensor;
  /** 1 / (1 + e^−x). */
  sigmoid(x: Tensor): Tensor;
  /** x · sigmoid(x). */
  silu(x: Tensor): Tensor;

  /** Sum over the named axes, which stay as length 1 with `keep` and vanish without. */
  sum(x: Tensor, axes: readonly number[], keep: boolean): Tensor;
  reshape(x: Tensor, shape: Shape): Tensor;
  /** Axis i of the result is axis `order[i]` of x. */
  transpose(x: Tensor, order: readonly number[]): Tensor;

  /** Rows of [rows, width] divided by their root mean square, then multiplied by `weight` [width]. */
  rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Normalized<Tensor>;
  /** Over the last axis. */
  softmax(x: Tensor): Tensor;
  /** log(softmax(x)) over the last axis. */
  logSoftmax(x: Tensor): Tensor;
  /**
   * Rotary embedding of x [B, T, H·W]: in each head of width W, with (a, b) the first and second half of it,
   * (a, b) → (a·cos − b·sin, b·cos + a·sin); cos and sin are [T, W/2].
   */
  rotate(x: Tensor, cos: Tensor, sin: Tensor, heads: number): Tensor;

  // `ids` are int32 row numbers, [N].
  /** Rows of a table [count, width] → [N, width]. */
  gatherRows(table: Tensor, ids: Tensor): Tensor;
  /** `table` [count, width] with each of `rows` [N, width] added to the row of its id, in their order. */
  scatterRows(table: Tensor, rows: Tensor, ids: Tensor): Tensor;
  /** 1 where the column is the row's id, else 0, [N, count]; a row of zeros for the id `count`. */
  oneHot(ids: Tensor, count: number): Tensor;
}
