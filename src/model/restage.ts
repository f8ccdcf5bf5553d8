// A model's weights cut into other stages: the same blocks in the same order, so that a model that was trained in one
// split can go on in another.

import type { StagedModel } from './export.ts';
import type { StageShape } from '../seams/shapes.ts';
import { stageLayout } from './layout.ts';

/**
 * The weights of `model` for `stages`, flat per stage. Throws a RangeError when these have not as many blocks as the
 * model, or not exactly their first one is an anchor.
 */
export function restage(
  { model, stages: before, weights }: StagedModel,
  stages: readonly StageShape[],
): Float32Array<ArrayBuffer>[] {
  const blocksOf = (shapes: readonly StageShape[]) => shapes.reduce((sum, { blocks }) => sum + blocks, 0);
  if (blocksOf(stages) !== blocksOf(before)) {
    throw new RangeError(`${blocksOf(before)} blocks cannot become stages of ${blocksOf(stages)}`);
  }
  if (stages.some(({ anchor }, stage) => anchor !== (stage === 0))) {
    throw new RangeError('stage 0, and no other, is the anchor');
  }
  const values = new Map<string, Float32Array>();
  for (const [stage, shape] of before.entries()) {
    const first = blocksOf(before.slice(0, stage));
    for (const { name, offset, length } of stageLayout(model, shape).entries) {
      values.set(globalName(name, first), weights[stage]!.subarray(offset, offset + length));
    }
  }
  return stages.map((shape, stage) => {
    const first = blocksOf(stages.slice(0, stage));
    const layout = stageLayout(model, shape);
    const flat = new Float32Array(layout.length);
    for (const { name, offset } of layout.entries) flat.set(values.get(globalName(name, first))!, offset);
    return flat;
  });
}

/** `blocks.0.query` of a stage whose first block is the model's fourth → `blocks.3.query`. */
function globalName(name: string, firstBlock: number): string {
  return name.replace(/^blocks\.(\d+)/, (_, block) => `blocks.${firstBlock + Number(block)}`);
}
