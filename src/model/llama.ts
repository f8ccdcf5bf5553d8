// A LLaMA stage, forward and backward, written once over the operations of operations.ts.
//
// Blocks as in Touvron et al., LLaMA (2023), §2.2: pre-normalization with RMSNorm (Zhang and Sennrich 2019), rotary
// position embedding (Su et al. 2021) in the half-split order of Hugging Face's LlamaForCausalLM, causal attention
// with grouped key/value heads (Ainslie et al. 2023), SwiGLU (Shazeer 2020). The backward pass is by hand: a pipeline
// needs residuals that outlive the forward call, which automatic differentiation does not give. Every backward comes
// in two parts (Qi et al., Zero Bubble Pipeline Parallelism, 2023, §2): the gradient of the input first, the
// gradients of the weights whenever there is time.
//
// Letters in the shape comments: B samples of T tokens, N = B·T rows, D model width, H query heads and K key/value
// heads of width W, G = H / K query heads for each of the latter, F hidden width, V vocabulary.

import type { ModelShape } from '../seams/shapes.ts';
import type { BlockWeights, StageWeights } from './layout.ts';
import type { Operations } from './operations.ts';
import { headWidth } from './shapes.ts';

/** What a block's backward needs of its forward. */
export interface BlockResiduals<Tensor> {
  readonly input: Tensor; // [N, D]
  readonly attentionReciprocal: Tensor; // [N, 1]
  readonly attentionInput: Tensor; // [N, D], normalized
  readonly query: Tensor; // [B, K, G·T, W], rotated
  readonly key: Tensor; // [B, K, T, W], rotated
  readonly value: Tensor; // [B, K, T, W]
  readonly probabilities: Tensor; // [B, K, G·T, T]
  readonly attention: Tensor; // [N, D], before the output projection
  readonly middle: Tensor; // [N, D], after the attention half
  readonly mlpReciprocal: Tensor; // [N, 1]
  readonly mlpInput: Tensor; // [N, D], normalized
  readonly gate: Tensor; // [N, F]
  readonly up: Tensor; // [N, F]
}

/** What a block's weight gradients need once the gradient of its input is known. */
export interface BlockCotangents<Tensor> {
  readonly attentionInput: Tensor;
  readonly attention: Tensor;
  readonly mlpInput: Tensor;
  readonly activated: Tensor; // [N, F], silu(gate) · up
  readonly queryGradient: Tensor; // [N, D]
  readonly keyGradient: Tensor; // [N, K·W]
  readonly valueGradient: Tensor; // [N, K·W]
  readonly middleGradient: Tensor; // [N, D]
  readonly gateGradient: Tensor; // [N, F]
  readonly upGradient: Tensor; // [N, F]
  readonly outputGradient: Tensor; // [N, D]
  // The norms' own gradients are by-products of the input's.
  readonly attentionNorm: Tensor; // [D]
  readonly mlpNorm: Tensor; // [D]
}

/** A stage's functions for micro-batches of `samples` samples. */
export function llama<Tensor>(operations: Operations<Tensor>, model: ModelShape, samples: number) {
  const { matmul, batchedMatmul, add, subtract, multiply, sigmoid, silu, softmax } = operations;
  const { constant, reshape, transpose, sum } = operations;
  const { width: D, heads: H, kvHeads: K, vocabulary: V, context: T } = model;
  const B = samples;
  const N = B * T;
  const W = headWidth(model);
  const G = H / K;
  const scoreScale = 1 / Math.sqrt(W);

  // ── RMSNorm ────────────────────────────────────────────────────────────────────────────────────────────────────

  const norm = (x: Tensor, weight: Tensor) => operations.rmsNorm(x, weight, model.normEpsilon);

  /** y = x̂·w with x̂ = x·r:  dx = r·(dy·w − x̂·mean(dy·w·x̂)),  dw = Σ rows of dy·x̂. */
  function normBackward(outputGradient: Tensor, x: Tensor, reciprocal: Tensor, weight: Tensor) {
    const normalized = multiply(x, reciprocal);
    const product = multiply(outputGradient, normalized);
    const mean = matmul(product, reshape(weight, [D, 1]), { scale: 1 / D }); // [N, 1]
    const gradient = subtract(multiply(outputGradient, weight), multiply(normalized, mean));
    return { input: multiply(gradient, reciprocal), weight: sum(product, [0], false) };
  }

  // ── Rotary embedding ───────────────────────────────────────────────────────────────────────────────────────────

  const angles = rotaryAngles(T, W, model.ropeTheta);
  const table = (values: number[]) => constant(values, [T, W / 2]);
  const cos = once(() => table(angles.map(Math.cos)));
  const sin = once(() => table(angles.map(Math.sin)));
  const negativeSin = once(() => table(angles.map((angle) => -Math.sin(angle))));

  const rotate = (x: Tensor, heads: number) =>
    reshape(operations.rotate(reshape(x, [B, T, heads * W]), cos(), sin(), heads), [N, heads * W]);

  /** A rotation's transpose is the rotation by the opposite angle. */
  const rotateBackward = (gradient: Tensor, heads: number) =>
    reshape(operations.rotate(reshape(gradient, [B, T, heads * W]), cos(), negativeSin(), heads), [
      N,
      heads * W,
    ]);

  // ── Attention ──────────────────────────────────────────────────────────────────────────────────────────────────

  // The G query heads that share a key/value head are laid below each other: [B, H, T, W] read as [B, K, G·T, W].
  // Products over the G·T axis then add up the gradients of the shared head by themselves.
  const splitQueries = (x: Tensor) =>
    reshape(transpose(reshape(x, [B, T, H, W]), [0, 2, 1, 3]), [B, K, G * T, W]);
  const mergeQueries = (x: Tensor) => reshape(transpose(reshape(x, [B, H, T, W]), [0, 2, 1, 3]), [N, H * W]);
  const splitKeys = (x: Tensor) => transpose(reshape(x, [B, T, K, W]), [0, 2, 1, 3]);
  const mergeKeys = (x: Tensor) => reshape(transpose(x, [0, 2, 1, 3]), [N, K * W]);

  const mask = once(() => constant(causalMask(T, G), [G * T, T]));

  function attend(query: Tensor, key: Tensor, value: Tensor) {
    const scores = batchedMatmul(query, key, { transposeB: true, scale: scoreScale }); // [B, K, G·T, T]
    const probabilities = softmax(add(scores, mask()));
    return { probabilities, attention: mergeQueries(batchedMatmul(probabilities, value)) }; // [N, D]
  }

  /** With P = softmax(S):  dS = P·(dP − Σ dP·P), and that sum is Σ dO·O over a head (FlashAttention, appendix B). */
  function attendBackward(gradient: Tensor, kept: BlockResiduals<Tensor>) {
    const { query, key, value, probabilities, attention } = kept;
    const perHead = sum(reshape(multiply(gradient, attention), [B, T, H, W]), [3], true);
    const expected = reshape(transpose(perHead, [0, 2, 1, 3]), [B, K, G * T, 1]);
    const split = splitQueries(gradient);
    const probabilityGradient = batchedMatmul(split, value, { transposeB: true });
    const scoreGradient = multiply(probabilities, subtract(probabilityGradient, expected));
    const queryGradient = batchedMatmul(scoreGradient, key, { scale: scoreScale });
    const keyGradient = batchedMatmul(scoreGradient, query, { transposeA: true, scale: scoreScale });
    const valueGradient = batchedMatmul(probabilities, split, { transposeA: true });
    return {
      query: rotateBackward(mergeQueries(queryGradient), H),
      key: rotateBackward(mergeKeys(keyGradient), K),
      value: mergeKeys(valueGradient),
    };
  }

  // ── Block ──────────────────────────────────────────────────────────────────────────────────────────────────────

  function blockForward(weights: BlockWeights<Tensor>, input: Tensor) {
    const first = norm(input, weights.attentionNorm);
    const query = splitQueries(rotate(matmul(first.output, weights.query), H));
    const key = splitKeys(rotate(matmul(first.output, weights.key), K));
    const value = splitKeys(matmul(first.output, weights.value));
    const { probabilities, attention } = attend(query, key, value);
    const middle = matmul(attention, weights.output, { add: input });

    const second = norm(middle, weights.mlpNorm);
    const gate = matmul(second.output, weights.gate);
    const up = matmul(second.output, weights.up);
    const output = matmul(multiply(silu(gate), up), weights.down, { add: middle });

    const residuals: BlockResiduals<Tensor> = {
      input,
      attentionReciprocal: first.reciprocal,
      attentionInput: first.output,
      query,
      key,
      value,
      probabilities,
      attention,
      middle,
      mlpReciprocal: second.reciprocal,
      mlpInput: second.output,
      gate,
      up,
    };
    return { output, residuals };
  }

  function blockBackwardInput(
    weights: BlockWeights<Tensor>,
    kept: BlockResiduals<Tensor>,
    outputGradient: Tensor,
  ) {
    const { gate, up } = kept;
    const activatedGradient = matmul(outputGradient, weights.down, { transposeB: true });
    const gateSigmoid = sigmoid(gate);
    const gateSilu = multiply(gate, gateSigmoid);
    // silu' = σ·(1 + g·(1 − σ)) = σ·(1 + g − silu(g))
    const one = constant([1], []);
    const slope = multiply(gateSigmoid, subtract(add(gate, one), gateSilu));
    const gateGradient = multiply(multiply(activatedGradient, up), slope);
    const upGradient = multiply(activatedGradient, gateSilu);
    const mlpInputGradient = matmul(gateGradient, weights.gate, {
      transposeB: true,
      add: matmul(upGradient, weights.up, { transposeB: true }),
    });
    const second = normBackward(mlpInputGradient, kept.middle, kept.mlpReciprocal, weights.mlpNorm);
    const middleGradient = add(second.input, outputGradient);

    const attentionGradient = matmul(middleGradient, weights.output, { transposeB: true });
    const gradients = attendBackward(attentionGradient, kept);
    const attentionInputGradient = matmul(gradients.query, weights.query, {
      transposeB: true,
      add: matmul(gradients.key, weights.key, {
        transposeB: true,
        add: matmul(gradients.value, weights.value, { transposeB: true }),
      }),
    });
    const first = normBackward(
      attentionInputGradient,
      kept.input,
      kept.attentionReciprocal,
      weights.attentionNorm,
    );

    const cotangents: BlockCotangents<Tensor> = {
      attentionInput: kept.attentionInput,
      attention: kept.attention,
      mlpInput: kept.mlpInput,
      activated: multiply(gateSilu, up),
      queryGradient: gradients.query,
      keyGradient: gradients.key,
      valueGradient: gradients.value,
      middleGradient,
      gateGradient,
      upGradient,
      outputGradient,
      attentionNorm: first.weight,
      mlpNorm: second.weight,
    };
    return { inputGradient: add(first.input, middleGradient), cotangents };
  }

  /** The gradient of W in y = x·W is xᵀ·dy; it is added to what earlier micro-batches gave, `sums`. */
  function blockBackwardWeights(
    kept: BlockCotangents<Tensor>,
    sums: BlockWeights<Tensor>,
  ): BlockWeights<Tensor> {
    const addTo = (sum: Tensor, x: Tensor, dy: Tensor) => matmul(x, dy, { transposeA: true, add: sum });
    return {
      attentionNorm: add(sums.attentionNorm, kept.attentionNorm),
      query: addTo(sums.query, kept.attentionInput, kept.queryGradient),
      key: addTo(sums.key, kept.attentionInput, kept.keyGradient),
      value: addTo(sums.value, kept.attentionInput, kept.valueGradient),
      output: addTo(sums.output, kept.attention, kept.middleGradient),
      mlpNorm: add(sums.mlpNorm, kept.mlpNorm),
      gate: addTo(sums.gate, kept.mlpInput, kept.gateGradient),
      up: addTo(sums.up, kept.mlpInput, kept.upGradient),
      down: addTo(sums.down, kept.activated, kept.outputGradient),
    };
  }

  // ── Stage: blocks in a row ─────────────────────────────────────────────────────────────────────────────────────

  /** Activation [N, D] → output [N, D] and the residuals of every block. */
  function stageForward(weights: StageWeights<Tensor>, input: Tensor) {
    const residuals: BlockResiduals<Tensor>[] = [];
    let output = input;
    for (const block of weights.blocks) {
      const forward = blockForward(block, output);
      residuals.push(forward.residuals);
      output = forward.output;
    }
    return { output, residuals };
  }

  /** Gradient of the output [N, D] → gradient of the input [N, D], and what the weight part needs. */
  function stageBackwardInput(
    weights: StageWeights<Tensor>,
    residuals: readonly BlockResiduals<Tensor>[],
    outputGradient: Tensor,
  ) {
    const cotangents = new Array<BlockCotangents<Tensor>>(residuals.length);
    let inputGradient = outputGradient;
    for (let block = residuals.length - 1; block >= 0; block--) {
      const backward = blockBackwardInput(weights.blocks[block]!, residuals[block]!, inputGradient);
      cotangents[block] = backward.cotangents;
      inputGradient = backward.inputGradient;
    }
    return { inputGradient, cotangents };
  }

  /** The blocks' weight gradients, from what the input part kept, added to `sums`. */
  const stageBackwardWeights = (
    cotangents: readonly BlockCotangents<Tensor>[],
    sums: readonly BlockWeights<Tensor>[],
  ) => cotangents.map((kept, block) => blockBackwardWeights(kept, sums[block]!));

  /** Both parts at once. */
  function stageBackward(
    weights: StageWeights<Tensor>,
    residuals: readonly BlockResiduals<Tensor>[],
    outputGradient: Tensor,
    sums: readonly BlockWeights<Tensor>[],
  ) {
    const { inputGradient, cotangents } = stageBackwardInput(weights, residuals, outputGradient);
    return { inputGradient, blocks: stageBackwardWeights(cotangents, sums) };
  }

  // ── Ends: embedding, final norm and head ───────────────────────────────────────────────────────────────────────

  /** Token ids [N] → [N, D]. */
  const embedForward = (embedding: Tensor, ids: Tensor) => operations.gatherRows(embedding, ids);

  /** Gradient of the embedding [V, D], added to `sum`. */
  const embedBackward = (gradient: Tensor, ids: Tensor, sum: Tensor) =>
    operations.scatterRows(sum, gradient, ids);

  /** The tied head is the embedding, transposed: [V, D] instead of [D, V]. */
  const project = (normalized: Tensor, weights: StageWeights<Tensor>) =>
    model.tiedHead
      ? matmul(normalized, weights.embedding!, { transposeB: true })
      : matmul(normalized, weights.head!);

  /** Final activation [N, D] → logits of the next token, [N, V]. */
  const headLogits = (weights: StageWeights<Tensor>, input: Tensor) =>
    project(norm(input, weights.norm!).output, weights);

  /** Cross-entropy of each target (token ids [N]), in nats, [N, 1]; 0 for a target beyond the vocabulary. */
  function headLosses(weights: StageWeights<Tensor>, input: Tensor, targets: Tensor): Tensor {
    return tokenLosses(operations.logSoftmax(headLogits(weights, input)), operations.oneHot(targets, V));
  }

  const tokenLosses = (logProbabilities: Tensor, wanted: Tensor) =>
    multiply(sum(multiply(logProbabilities, wanted), [1], true), constant([-1], []));

  /**
   * The same losses with the gradient of their mean: the input's, and those of final norm and head (with a tied head:
   * embedding) added to `sums`. `tokenWeights` [N, 1] multiplies each token's part of it: 0 for one that does not
   * count, and N over the number of those that do for the others.
   */
  function headLossGradient(
    weights: StageWeights<Tensor>,
    input: Tensor,
    targets: Tensor,
    sums: StageWeights<Tensor>,
    tokenWeights?: Tensor,
  ) {
    const { output: normalized, reciprocal } = norm(input, weights.norm!);
    const logProbabilities = operations.logSoftmax(project(normalized, weights));
    const wanted = operations.oneHot(targets, V);
    const losses = tokenLosses(logProbabilities, wanted);

    // d(mean loss)/d(logits) = (softmax − wanted) / N; the division is left to the products.
    const unweighted = subtract(operations.exp(logProbabilities), wanted);
    const difference = tokenWeights === undefined ? unweighted : multiply(unweighted, tokenWeights);
    const scale = 1 / N;
    const normalizedGradient = model.tiedHead
      ? matmul(difference, weights.embedding!, { scale })
      : matmul(difference, weights.head!, { transposeB: true, scale });
    const projection = model.tiedHead
      ? { embedding: matmul(difference, normalized, { transposeA: true, scale, add: sums.embedding! }) }
      : { head: matmul(normalized, difference, { transposeA: true, scale, add: sums.head! }) };
    const backward = normBackward(normalizedGradient, input, reciprocal, weights.norm!);
    const gradients = { norm: add(sums.norm!, backward.weight), ...projection };
    return { losses, inputGradient: backward.input, gradients };
  }

  return {
    stageForward,
    stageBackward,
    stageBackwardInput,
    stageBackwardWeights,
    embedForward,
    embedBackward,
    headLogits,
    headLosses,
    headLossGradient,
  };
}

/** Angle of position t and pair i: t · θ^(−2i/W), [T, W/2]. */
function rotaryAngles(context: number, width: number, theta: number): number[] {
  const pairs = width / 2;
  return Array.from({ length: context * pairs }, (_, index) => {
    const position = Math.floor(index / pairs);
    const pair = index % pairs;
    return position * theta ** ((-2 * pair) / width);
  });
}

/** Added to the scores: 0 where the key is not later than the query, else so low that softmax gives 0. [G·T, T] */
function causalMask(context: number, groups: number): Float32Array {
  const mask = new Float32Array(groups * context * context);
  for (let row = 0; row < groups * context; row++) {
    mask.fill(-1e30, row * context + (row % context) + 1, (row + 1) * context);
  }
  return mask;
}

/** Tables are made at first use, so that a program without attention does not carry them. */
function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
