// The recovery seam: how a stage that lost all its replicas gets weights again from what survives.
//
// Stage 0 (embedding, final norm, head) has no part in this: its layout differs from the others', and it is restored
// from exact copies kept outside it. Rules compute on the CPU in IEEE arithmetic, so that everyone who rebuilds a
// stage from the same sources holds the same bits.

/** What happens to a rebuilt stage's training. The learning-rate factor holds from then on and does not compound. */
export interface AfterRebuild {
  readonly moments: 'zero';
  readonly learningRateFactor: number;
}

/** A surviving stage's weights, flat, and the L2 norm of its last mean gradient after clipping (0 where none is known). */
export interface RecoverySource {
  readonly stage: number;
  readonly weights: Float32Array;
  readonly gradientNorm: number;
}

export interface RebuildRequest {
  readonly stage: number;
  /** The stages that `sources` named, in any order. */
  readonly sources: readonly RecoverySource[];
  /** New initial weights for this stage, from the run's seed. */
  readonly freshWeights: () => Float32Array;
}

export interface RecoveryRule {
  readonly name: string;
  readonly after: AfterRebuild;
  /**
   * The stages whose weights the rule needs to rebuild `stage`, in ascending order; undefined where it cannot.
   * `alive[s]` says whether stage s still has a replica.
   */
  sources(stage: number, alive: readonly boolean[]): readonly number[] | undefined;
  /** The stage's new weights, an array of their own. Throws a `RecoveryError` where the sources do not fit. */
  rebuild(request: RebuildRequest): Float32Array;
}

/**
 * As published for CheckFree (arXiv 2506.15461): Adam starts anew and the stage learns 1.1 times as fast. Every rule
 * uses it, so that comparing rules compares the weights they give.
 */
export const restartFaster: AfterRebuild = { moments: 'zero', learningRateFactor: 1.1 };

export class RecoveryError extends Error {
  override readonly name = 'RecoveryError';
}

/** The nearest stage below that is alive, stage 0 not counted. */
export function nearestBelow(stage: number, alive: readonly boolean[]): number | undefined {
  for (let s = stage - 1; s >= 1; s--) if (alive[s]) return s;
  return undefined;
}

/** The nearest stage above that is alive. */
export function nearestAbove(stage: number, alive: readonly boolean[]): number | undefined {
  for (let s = stage + 1; s < alive.length; s++) if (alive[s]) return s;
  return undefined;
}

/** The sources in ascending order of their stage; throws unless there are `count` of them, of equal lengths. */
export function checkedSources(
  rule: string,
  request: RebuildRequest,
  count: number,
): readonly RecoverySource[] {
  const sources = [...request.sources].sort((a, b) => a.stage - b.stage);
  const where = `${rule}, stage ${request.stage}`;
  if (sources.length !== count) {
    throw new RecoveryError(`${where}: ${sources.length} sources were given and ${count} are needed`);
  }
  for (const { stage, weights, gradientNorm } of sources) {
    if (weights.length !== sources[0]!.weights.length) {
      throw new RecoveryError(
        `${where}: stages ${sources[0]!.stage} and ${stage} have different numbers of weights`,
      );
    }
    if (!(gradientNorm >= 0 && Number.isFinite(gradientNorm))) {
      throw new RecoveryError(`${where}: the gradient norm of stage ${stage} is ${gradientNorm}`);
    }
  }
  return sources;
}
