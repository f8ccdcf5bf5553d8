// Where every weight of a stage lies: one flat float32 array per stage, so that gradients, optimizer state, digests
// and snapshots are plain ranges of numbers. Linear weights are stored as [in, out], x·W.

import type { ModelShape, StageShape } from '../seams/shapes.ts';
import type { Shape } from './operations.ts';
import { checkModel, checkStage, headWidth } from './shapes.ts';

export interface LayoutEntry {
  /** `embedding`, `blocks.0.query`, …, `norm`, `head`; blocks count from the stage's first. */
  readonly name: string;
  readonly shape: Shape;
  /** Where it starts in the flat array, in values. */
  readonly offset: number;
  /** Its number of values. */
  readonly length: number;
}

export interface StageLayout {
  readonly entries: readonly LayoutEntry[];
  /** Values in the flat array. */
  readonly length: number;
}

/** One value of any kind per weight of a block: tensors, names, shapes. */
export interface BlockWeights<Value> {
  readonly attentionNorm: Value;
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  readonly output: Value;
  readonly mlpNorm: Value;
  readonly gate: Value;
  readonly up: Value;
  readonly down: Value;
}

/** One value per weight of a stage; the last three only at stage 0, and no `head` where it is tied. */
export interface StageWeights<Value> {
  readonly blocks: readonly BlockWeights<Value>[];
  readonly embedding?: Value;
  readonly norm?: Value;
  readonly head?: Value;
}

/** Shapes of a block's weights, in the order of the layout. */
export function blockShapes(model: ModelShape): BlockWeights<Shape> {
  const { width, hidden } = model;
  const kvWidth = model.kvHeads * headWidth(model);
  return {
    attentionNorm: [width],
    query: [width, width],
    key: [width, kvWidth],
    value: [width, kvWidth],
    output: [width, width],
    mlpNorm: [width],
    gate: [width, hidden],
    up: [width, hidden],
    down: [hidden, width],
  };
}

/** The order, shapes and offsets of a stage's weights. Throws a `ShapeError` for a shape that cannot exist. */
export function stageLayout(model: ModelShape, stage: StageShape): StageLayout {
  checkModel(model);
  checkStage(stage);
  const entries: LayoutEntry[] = [];
  let offset = 0;
  const append = (name: string, shape: Shape) => {
    const length = shape.reduce((product, size) => product * size, 1);
    entries.push({ name, shape, offset, length });
    offset += length;
  };
  if (stage.anchor) append('embedding', [model.vocabulary, model.width]);
  for (let block = 0; block < stage.blocks; block++) {
    for (const [name, shape] of Object.entries(blockShapes(model))) append(`blocks.${block}.${name}`, shape);
  }
  if (stage.anchor) {
    append('norm', [model.width]);
    if (!model.tiedHead) append('head', [model.width, model.vocabulary]);
  }
  return { entries, length: offset };
}

/** Calls `make` for every weight, in the layout's order, and returns the results as a tree. */
export function mapWeights<Value>(
  model: ModelShape,
  stage: StageShape,
  make: (entry: LayoutEntry) => Value,
): StageWeights<Value> {
  const made = new Map(stageLayout(model, stage).entries.map((entry) => [entry.name, make(entry)]));
  const at = (name: string) => made.get(name) as Value;
  const blocks = Array.from({ length: stage.blocks }, (_, block) => {
    const names = Object.keys(blockShapes(model)) as (keyof BlockWeights<Value>)[];
    const weights = names.map((name) => [name, at(`blocks.${block}.${name}`)]);
    return Object.fromEntries(weights) as BlockWeights<Value>;
  });
  if (!stage.anchor) return { blocks };
  const ends = { blocks, embedding: at('embedding'), norm: at('norm') };
  return model.tiedHead ? ends : { ...ends, head: at('head') };
}

/** The weights of a tree under their names; weights the tree lacks are left out. */
export function namedWeights<Value>(weights: Partial<StageWeights<Value>>): Map<string, Value> {
  const named = new Map<string, Value>();
  if (weights.embedding !== undefined) named.set('embedding', weights.embedding);
  weights.blocks?.forEach((block, index) => {
    for (const [name, value] of Object.entries(block)) named.set(`blocks.${index}.${name}`, value as Value);
  });
  if (weights.norm !== undefined) named.set('norm', weights.norm);
  if (weights.head !== undefined) named.set('head', weights.head);
  return named;
}

/** Trainable values of the whole model. */
export function parameterCount(model: ModelShape, stages: readonly StageShape[]): number {
  return stages.reduce((sum, stage) => sum + stageLayout(model, stage).length, 0);
}
