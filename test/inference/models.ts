// Models whose answers are known: random ones near the uniform guess, and ones that only know which byte follows which.

import { createOnnxEngine } from '../../src/engine/onnx/index.ts';
import { type LoadedModel, type LoadOptions, loadModel } from '../../src/inference/index.ts';
import type { StagedModel } from '../../src/model/export.ts';
import { initialWeights } from '../../src/model/initial.ts';
import { stageLayout } from '../../src/model/layout.ts';
import { stageShapes } from '../../src/model/shapes.ts';
import type { ModelShape } from '../../src/seams/shapes.ts';
import { onTestFinished } from 'vitest';

const smallShape: ModelShape = {
  width: 16,
  heads: 4,
  kvHeads: 2,
  hidden: 24,
  vocabulary: 256,
  context: 16,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedHead: false,
};

interface Change {
  readonly shape?: Partial<ModelShape>;
  readonly stages?: number;
  readonly blocksPerStage?: number;
  /** The head's weights are multiplied by this: small ones guess uniformly, large ones are sure of something. */
  readonly headScale?: number;
}

/** Four stages of random weights, one block each. */
export function randomModel(change: Change = {}): StagedModel {
  const { stages: count = 4, blocksPerStage = 1, headScale = 1 } = change;
  const model = { ...smallShape, ...change.shape };
  const stages = stageShapes(count, blocksPerStage, 1);
  const weights = stages.map((_, stage) => initialWeights(model, stages, stage, 11));
  const head = entryOf(model, weights[0]!, 'head');
  for (let i = 0; i < head.length; i++) head[i]! *= headScale;
  return { model, stages, weights };
}

/** Knows that each byte of a pair is followed by the other byte of it, is sure of that, and knows nothing else. */
export function successorModel(
  pairs: readonly (readonly [number, number])[],
  shape: Partial<ModelShape> = {},
): StagedModel {
  const model = { ...smallShape, ...shape };
  if (pairs.length > model.width)
    throw new Error(`${pairs.length} pairs do not fit in a width of ${model.width}`);
  const stages = stageShapes(3, 1, 1);
  const weights = stages.map((stage) => new Float32Array(stageLayout(model, stage).length));
  const [anchor] = weights as [Float32Array];
  const embedding = entryOf(model, anchor, 'embedding');
  const head = entryOf(model, anchor, 'head');
  entryOf(model, anchor, 'norm').fill(1);
  // The blocks' weights are zero, so a byte's embedding reaches the head, where one row answers it.
  pairs.forEach(([from, to], row) => {
    embedding[from * model.width + row] = 1;
    head[row * model.vocabulary + to] = 10;
  });
  return { model, stages, weights };
}

const letters = Array.from('abcdefgh', (letter) => letter.charCodeAt(0));
/** a → b → … → h → a. */
export const alphabet = letters.map((letter, i) => [letter, letters[(i + 1) % letters.length]!] as const);

/** The values of one of stage 0's weights. */
export function entryOf(model: ModelShape, anchor: Float32Array, name: string): Float32Array {
  const entry = stageLayout(model, { blocks: 1, anchor: true }).entries.find((each) => each.name === name)!;
  return anchor.subarray(entry.offset, entry.offset + entry.length);
}

/** Loads on real engines, which are closed when the test is over. */
export async function load(
  stagedModel: StagedModel,
  options: Partial<Omit<LoadOptions, 'stagedModel'>> = {},
): Promise<LoadedModel> {
  const model = await loadModel({
    stagedModel,
    samples: 4,
    engineFor: () => createOnnxEngine({ inProcess: true }),
    ...options,
  });
  onTestFinished(() => model.close());
  return model;
}

/** A text of `periods` × 20 chunks of 4,096 bytes that repeats a piece per chunk. */
export function textOf(periods: number, pieceOf: (chunk: number) => string): Uint8Array {
  const chunks = Array.from({ length: periods * 20 }, (_, chunk) => {
    const piece = pieceOf(chunk);
    return piece.repeat(Math.ceil(4096 / piece.length)).slice(0, 4096);
  });
  return new TextEncoder().encode(chunks.join(''));
}

export const isHeldOut = (chunk: number) => chunk % 20 === 19;
