// The model a scenario names: preset and fields joined, how its blocks are spread over the stages, and what that
// weighs: parameters, floating-point operations, bytes.

import { type ActivationTypeName, activationTypes } from '../model/activations/index.ts';
import { stageLayout } from '../model/layout.ts';
import type { ModelShape, StageShape } from '../seams/shapes.ts';
import type { ModelInput } from './fields.ts';
import { suggest } from './nearest.ts';
import { MODEL_PRESETS } from './presets.ts';
import type { ModelSettings } from './settings.ts';
import type { FieldPath, Source } from './source.ts';

const BYTES_PER_FLOAT = 4;

/**
 * Joins a preset with the fields that override it. Without a preset: width, layers and heads are required;
 * hidden = 43/16 width (LLaMA-7B's ratio) to the next multiple of 8, a byte vocabulary, context 128.
 */
export function resolveModel(input: ModelInput, stages: number, source: Source): ModelSettings {
  const at = (field: string): FieldPath => ['model', field];
  const preset = input.preset === undefined ? undefined : MODEL_PRESETS[input.preset];
  if (input.preset !== undefined && preset === undefined) {
    const suggestion = suggest(input.preset, Object.keys(MODEL_PRESETS));
    throw source.error(at('preset'), `there is no model preset '${input.preset}'${suggestion}`);
  }
  const required = (field: 'width' | 'layers' | 'heads'): number => {
    const value = input[field] ?? preset?.[field];
    if (value === undefined) throw source.error(at(field), 'is missing; give it, or a preset');
    return value;
  };
  const width = required('width');
  const layers = required('layers');
  const heads = required('heads');
  const kvHeads = input.kvHeads ?? (input.heads === undefined ? preset?.kvHeads : undefined) ?? heads;
  const presetHidden = input.width === undefined ? preset?.hidden : undefined;
  if (width % heads !== 0 || (width / heads) % 2 !== 0) {
    throw source.error(at('heads'), `the width ${width} must split into ${heads} heads of an even width`);
  }
  if (heads % kvHeads !== 0) {
    throw source.error(at('kvHeads'), `must divide the ${heads} heads, is ${kvHeads}`);
  }
  const settings: ModelSettings = {
    preset: input.preset,
    layers,
    anchorLayers: input.anchorLayers,
    shape: {
      width,
      heads,
      kvHeads,
      hidden: input.hidden ?? presetHidden ?? Math.ceil((width * 43) / 16 / 8) * 8,
      vocabulary: input.vocabulary ?? preset?.vocabulary ?? 256,
      context: input.context ?? preset?.context ?? 128,
      normEpsilon: input.normEpsilon ?? 1e-5,
      ropeTheta: input.ropeTheta ?? preset?.ropeTheta ?? 10_000,
      tiedHead: input.tiedHead ?? false,
    },
  };
  checkDepth(settings, stages, source);
  return settings;
}

function checkDepth({ layers, anchorLayers }: ModelSettings, stages: number, source: Source): void {
  const held = anchorLayers ?? 0;
  if (held > layers) {
    throw source.error(['model', 'anchorLayers'], `must be at most the model's ${layers} layers, is ${held}`);
  }
  if (stages === 1 ? held !== layers && anchorLayers !== undefined : layers - held < stages - 1) {
    throw source.error(
      ['model', anchorLayers === undefined ? 'layers' : 'anchorLayers'],
      `${layers} layers do not fill ${stages} stages: every stage after stage 0 needs at least one` +
        `${held > 0 ? ` beside the ${held} of stage 0` : ''}`,
    );
  }
}

/** Splits `total` into `parts` numbers that differ by at most one, the larger ones first. */
export function splitEvenly(total: number, parts: number): number[] {
  const base = Math.floor(total / parts);
  return Array.from({ length: parts }, (_, i) => base + (i < total % parts ? 1 : 0));
}

/** How many blocks each stage holds. Stage 0, which also has embedding and head, gets a smaller share where it is uneven. */
export function stageShapes(model: ModelSettings, stages: number): StageShape[] {
  const anchorBlocks = model.anchorLayers ?? Math.floor(model.layers / stages);
  const others = splitEvenly(model.layers - anchorBlocks, Math.max(1, stages - 1)).slice(0, stages - 1);
  return [anchorBlocks, ...others].map((blocks, stage) => ({ blocks, anchor: stage === 0 }));
}

/** Weights in one stage. */
export function stageParameters(shape: ModelShape, stage: StageShape): number {
  return stageLayout(shape, stage).length;
}

/**
 * Floating-point operations of a stage's forward over `rows` tokens: two per weight and token in the matrix products
 * (`dense`), and 4 · context · width per token and block for scores and weighted values (`attention`; the
 * causal half is computed and masked). The backward for the input costs dense + 2 attention, for the weights dense.
 */
export function stageFlops(
  shape: ModelShape,
  stage: StageShape,
  rows: number,
): { dense: number; attention: number } {
  const keyWidth = (shape.width / shape.heads) * shape.kvHeads;
  const weights = 2 * shape.width * shape.width + 2 * shape.width * keyWidth + 3 * shape.width * shape.hidden;
  return {
    dense: 2 * weights * rows * stage.blocks,
    attention: 4 * shape.context * shape.width * rows * stage.blocks,
  };
}

/** Bytes a stage keeps of one micro-batch from forward to backward: block inputs, normed inputs, q, k, v, attention weights and outputs, gate and up. */
export function residualBytes(shape: ModelShape, stage: StageShape, rows: number): number {
  const keyWidth = (shape.width / shape.heads) * shape.kvHeads;
  const perRow = 6 * shape.width + 2 * keyWidth + 2 * shape.hidden + shape.heads * shape.context;
  return BYTES_PER_FLOAT * perRow * rows * stage.blocks;
}

/** Bytes of weights, gradients and optimizer state: two moments for adamw, one for sgd. */
export function stateBytes(shape: ModelShape, stage: StageShape, optimizer: 'adamw' | 'sgd'): number {
  return BYTES_PER_FLOAT * stageParameters(shape, stage) * (optimizer === 'adamw' ? 4 : 3);
}

/** Bytes of one activation, or of its gradient, on the wire: [rows, width] packed as `activations` says. */
export function activationBytes(shape: ModelShape, rows: number, activations: string): number {
  return activationTypes[activations as ActivationTypeName].packedBytes({ rows, width: shape.width });
}
