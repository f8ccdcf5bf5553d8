// A whole model, all its stages in a row, over the float64 operations: loss and the gradient of every weight.

import { mapWeights, namedWeights, stageLayout, type StageWeights } from '../../src/model/layout.ts';
import { llama } from '../../src/model/llama.ts';
import type { ModelShape, StageShape } from '../../src/seams/shapes.ts';
import { type Array64, array64, referenceOperations } from './reference.ts';

export interface ReferenceModel {
  readonly model: ModelShape;
  readonly stages: readonly StageShape[];
  readonly samples: number;
  readonly tokens: ArrayLike<number>;
  readonly targets: ArrayLike<number>;
  /** Times that what a stage other than 0 adds to its input counts, for the loss; 1 when left out. */
  readonly additionScale?: number;
}

function trees(description: ReferenceModel, weights: readonly ArrayLike<number>[]): StageWeights<Array64>[] {
  return description.stages.map((stage, index) => {
    const flat = Float64Array.from(weights[index]!);
    return mapWeights(description.model, stage, ({ offset, length, shape }) =>
      array64(flat.subarray(offset, offset + length), shape),
    );
  });
}

/** Mean loss from flat weights, one array per stage. */
export function referenceLoss(description: ReferenceModel, weights: readonly ArrayLike<number>[]): number {
  const { model, samples, tokens, targets, additionScale = 1 } = description;
  const stages = trees(description, weights);
  const functions = llama(referenceOperations, model, samples);
  let activation = functions.embedForward(stages[0]!.embedding!, array64(tokens, [tokens.length]));
  for (const [stage, own] of stages.entries()) {
    const { output } = functions.stageForward(own, activation);
    const scale = stage === 0 ? 1 : additionScale;
    const before = activation.values;
    activation = array64(
      output.values.map((value, i) => before[i]! + scale * (value - before[i]!)),
      output.shape,
    );
  }
  return mean(functions.headLosses(stages[0]!, activation, array64(targets, [targets.length])));
}

/** Everything a pipeline of stages computes for one micro-batch. */
export function referenceGradients(description: ReferenceModel, weights: readonly ArrayLike<number>[]) {
  const { model, samples, tokens, targets } = description;
  const stages = trees(description, weights);
  const functions = llama(referenceOperations, model, samples);
  const ids = array64(tokens, [tokens.length]);
  // Every gradient is added to what was there before.
  const gradients = description.stages.map((stage) => new Float64Array(stageLayout(model, stage).length));
  const sumsOf = (stage: number) => trees(description, gradients)[stage]!;
  const store = (stage: number, tree: Partial<StageWeights<Array64>>) => {
    const named = namedWeights(tree);
    for (const { name, offset } of stageLayout(model, description.stages[stage]!).entries) {
      const sum = named.get(name);
      if (sum !== undefined) gradients[stage]!.set(sum.values, offset);
    }
  };

  const outputs: Array64[] = [];
  let activation = functions.embedForward(stages[0]!.embedding!, ids);
  const residuals = stages.map((stage) => {
    const forward = functions.stageForward(stage, activation);
    activation = forward.output;
    outputs.push(activation);
    return forward.residuals;
  });
  const wanted = array64(targets, [targets.length]);
  const head = functions.headLossGradient(stages[0]!, activation, wanted, sumsOf(0));
  store(0, head.gradients);
  let gradient = head.inputGradient;
  const outputGradients: Array64[] = [];
  for (let index = stages.length - 1; index >= 0; index--) {
    outputGradients[index] = gradient;
    const sums = sumsOf(index).blocks;
    const backward = functions.stageBackward(stages[index]!, residuals[index]!, gradient, sums);
    store(index, { blocks: backward.blocks });
    gradient = backward.inputGradient;
  }
  store(0, { embedding: functions.embedBackward(gradient, ids, sumsOf(0).embedding!) });
  const logits = functions.headLogits(stages[0]!, activation);
  return { loss: mean(head.losses), gradients, outputs, outputGradients, logits };
}

function mean({ values }: Array64): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
