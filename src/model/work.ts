// How much arithmetic and memory traffic the parts of a stage take, counted from their shapes: what the cost model
// and the planners turn into seconds. A product of [m, k] and [k, n] is 2·m·k·n operations; only products are
// counted (attention's over all pairs of positions, as the kernels compute them), the rest is traffic.

import type { ModelShape, StageShape } from '../seams/shapes.ts';
import { stageLayout } from './layout.ts';
import { headWidth } from './shapes.ts';

export interface Work {
  /** Floating-point operations. */
  readonly flops: number;
  /** Bytes read and written, with every tensor moved once. */
  readonly bytes: number;
}

/** Per micro-batch, except `update` and `perturb`. */
export interface StageWork {
  readonly forward: Work;
  readonly backwardInput: Work;
  readonly backwardWeight: Work;
  /** Loss and its gradients; nothing for a stage without a head. */
  readonly head: Work;
  /** Loss or logits alone. */
  readonly headForward: Work;
  /** One AdamW step over the stage's weights. */
  readonly update: Work;
  /** The stage's weights moved along one random direction. */
  readonly perturb: Work;
  /** Bytes of the stage's weights, which are also those of its gradient. */
  readonly weightBytes: number;
  /** Bytes that one kept micro-batch holds until its backward. */
  readonly residualBytes: number;
  /** Bytes of an activation, or of its gradient. */
  readonly activationBytes: number;
}

const BYTES_PER_VALUE = 4;
/** AdamW reads weight, gradient and both moments, and writes all but the gradient. */
const UPDATE_PASSES = 7;
const UPDATE_FLOPS_PER_WEIGHT = 12;
/** Two words of Threefry-2x32-20 take about 130 integer operations and give 64 signs; then a sign and an addition. */
const PERTURB_FLOPS_PER_WEIGHT = 4;

/** Work of a stage for micro-batches of `samples` samples. Throws a `ShapeError` for a shape that cannot exist. */
export function stageWork(model: ModelShape, stage: StageShape, samples: number): StageWork {
  const { width, heads, kvHeads, hidden, vocabulary, context } = model;
  const rows = samples * context;
  const kvWidth = kvHeads * headWidth(model);
  const weightBytes = BYTES_PER_VALUE * stageLayout(model, stage).length;
  const activationBytes = BYTES_PER_VALUE * rows * width;

  // Per block: values in its weights' matrices, in its attention scores, in what its forward keeps.
  const matrices = width * (2 * width + 2 * kvWidth) + 3 * width * hidden;
  const scores = samples * heads * context * context;
  const residuals = rows * (6 * width + 2 * kvWidth + 2 * hidden + 2) + scores;

  const projections = 2 * rows * matrices;
  // Scores and their use: 2 products over the head width; backward takes each twice.
  const attention = 2 * (2 * scores * headWidth(model));
  const blockBytes = BYTES_PER_VALUE * (matrices + residuals);
  const ends = stage.anchor ? embeddingWork(rows, width) : { forward: NONE, backward: NONE };
  const perStage = (work: Work, more: Work): Work => ({
    flops: stage.blocks * work.flops + more.flops,
    bytes: stage.blocks * work.bytes + more.bytes,
  });

  const headForward: Work = stage.anchor
    ? {
        flops: 2 * rows * width * vocabulary,
        bytes: BYTES_PER_VALUE * (rows * width + width * vocabulary + 2 * rows * vocabulary),
      }
    : NONE;
  const weights = weightBytes / BYTES_PER_VALUE;
  return {
    forward: perStage({ flops: projections + attention, bytes: blockBytes }, ends.forward),
    backwardInput: perStage({ flops: projections + 2 * attention, bytes: 2 * blockBytes }, NONE),
    backwardWeight: perStage({ flops: projections, bytes: 2 * blockBytes }, ends.backward),
    head: { flops: 3 * headForward.flops, bytes: 3 * headForward.bytes },
    headForward,
    update: {
      flops: UPDATE_FLOPS_PER_WEIGHT * weights,
      bytes: UPDATE_PASSES * weightBytes,
    },
    perturb: { flops: PERTURB_FLOPS_PER_WEIGHT * weights, bytes: 2 * weightBytes },
    weightBytes,
    // A block's output is the next one's input; the anchor keeps its token ids beside the first block's input.
    residualBytes: BYTES_PER_VALUE * (stage.blocks * residuals + (stage.anchor ? rows : 0)),
    activationBytes,
  };
}

const NONE: Work = { flops: 0, bytes: 0 };

/** Rows copied from the table, and added back into its gradient. */
function embeddingWork(rows: number, width: number): { forward: Work; backward: Work } {
  const bytes = 2 * BYTES_PER_VALUE * rows * width;
  return { forward: { flops: 0, bytes }, backward: { flops: rows * width, bytes: 1.5 * bytes } };
}
