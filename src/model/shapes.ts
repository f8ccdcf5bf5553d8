// Sizes that follow from a model's shape, and the shapes of its stages.

import type { ModelShape, StageShape } from '../seams/shapes.ts';

/** A model or stage shape that cannot exist; the message names the field, its value and what it must be. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** Width of one attention head (W). */
export function headWidth(model: ModelShape): number {
  return model.width / model.heads;
}

/** Throws a `ShapeError` that names the first field that is wrong. */
export function checkModel(model: ModelShape): void {
  for (const field of ['width', 'heads', 'kvHeads', 'hidden', 'vocabulary', 'context'] as const) {
    const value = model[field];
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ShapeError(`model.${field} must be a positive integer, not ${value}`);
    }
  }
  for (const field of ['normEpsilon', 'ropeTheta'] as const) {
    const value = model[field];
    if (!(value > 0 && Number.isFinite(value))) {
      throw new ShapeError(`model.${field} must be a positive number, not ${value}`);
    }
  }
  const { width, heads, kvHeads } = model;
  if (width % heads !== 0) throw new ShapeError(`model.heads (${heads}) must divide model.width (${width})`);
  if (heads % kvHeads !== 0) {
    throw new ShapeError(`model.kvHeads (${kvHeads}) must divide model.heads (${heads})`);
  }
  if (headWidth(model) % 2 !== 0) {
    throw new ShapeError(
      `model.width / model.heads is ${headWidth(model)} and must be even: the rotary embedding turns pairs`,
    );
  }
}

/** Throws a `ShapeError` when the stage cannot exist. */
export function checkStage(stage: StageShape): void {
  if (!Number.isSafeInteger(stage.blocks) || stage.blocks < 0) {
    throw new ShapeError(`stage.blocks must be an integer of 0 or more, not ${stage.blocks}`);
  }
  if (stage.blocks === 0 && !stage.anchor) {
    throw new ShapeError('stage.blocks is 0: only stage 0 may go without blocks');
  }
}

/**
 * The stages of a model: stage 0 with `anchorLayers` blocks and the embedding, final norm and head, then
 * `stages − 1` stages of `blocksPerStage` blocks each.
 */
export function stageShapes(stages: number, blocksPerStage: number, anchorLayers: number): StageShape[] {
  if (!Number.isSafeInteger(stages) || stages < 1) {
    throw new ShapeError(`stages must be a positive integer, not ${stages}`);
  }
  const shapes = Array.from({ length: stages }, (_, stage) =>
    stage === 0 ? { blocks: anchorLayers, anchor: true } : { blocks: blocksPerStage, anchor: false },
  );
  shapes.forEach(checkStage);
  return shapes;
}

/** Blocks of all stages together. */
export function totalBlocks(stages: readonly StageShape[]): number {
  return stages.reduce((sum, stage) => sum + stage.blocks, 0);
}
