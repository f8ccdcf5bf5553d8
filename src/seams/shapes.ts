// The sizes everything else is computed from.

/** A LLaMA-style model, without its depth: how many blocks a stage holds is the stage's matter. */
export interface ModelShape {
  readonly width: number;
  readonly heads: number;
  /** Key/value heads of grouped-query attention; divides `heads`. */
  readonly kvHeads: number;
  /** Width of the SwiGLU hidden layer. */
  readonly hidden: number;
  readonly vocabulary: number;
  /** Tokens per sample (T). */
  readonly context: number;
  readonly normEpsilon: number;
  readonly ropeTheta: number;
  /** Whether the head is the embedding, transposed. */
  readonly tiedHead: boolean;
}

/** One stage: `blocks` transformer blocks; stage 0 also owns embedding, final norm and head. */
export interface StageShape {
  readonly blocks: number;
  readonly anchor: boolean;
}
