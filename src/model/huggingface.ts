// How a model is called in Hugging Face's LlamaForCausalLM: tensor names, their orientation, and config.json.
// The conventions agree but for two things: its linear weights are [out, in] where ours are [in, out], and its layers
// count through the whole model where our blocks count from their stage. Rotary halves and the order of query heads
// over shared key/value heads are the same. What its config does not know stands in an object of its own, `skein`.

import type { ModelShape, StageShape } from '../seams/shapes.ts';
import { type BlockWeights, stageLayout } from './layout.ts';
import { checkModel, checkStage, headWidth, ShapeError, totalBlocks } from './shapes.ts';

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** One tensor of the file and where its values lie in a stage's flat weights. */
export interface TensorPlace {
  readonly name: string;
  /** As in the file. */
  readonly shape: readonly number[];
  readonly stage: number;
  readonly offset: number;
  readonly length: number;
  /** Whether the file holds the transpose of ours. */
  readonly transposed: boolean;
}

const blockNames: BlockWeights<string> = {
  attentionNorm: 'input_layernorm',
  query: 'self_attn.q_proj',
  key: 'self_attn.k_proj',
  value: 'self_attn.v_proj',
  output: 'self_attn.o_proj',
  mlpNorm: 'post_attention_layernorm',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
};

/** Every tensor of the model, stage by stage in the order in which blocks run: stage 0's blocks are the first layers. */
export function tensorPlaces(model: ModelShape, stages: readonly StageShape[]): TensorPlace[] {
  const places: TensorPlace[] = [];
  let firstLayer = 0;
  for (const [stage, shape] of stages.entries()) {
    for (const { name, shape: ours, offset, length } of stageLayout(model, shape).entries) {
      // The embedding is [vocabulary, width] on both sides; every other matrix is a linear weight.
      const transposed = ours.length === 2 && name !== 'embedding';
      places.push({
        name: tensorName(name, firstLayer),
        shape: transposed ? ours.toReversed() : ours,
        stage,
        offset,
        length,
        transposed,
      });
    }
    firstLayer += shape.blocks;
  }
  return places;
}

/** `embedding`, `blocks.0.query`, `norm` or `head` as Hugging Face calls it. */
function tensorName(ours: string, firstLayer: number): string {
  switch (ours) {
    case 'embedding':
      return 'model.embed_tokens.weight';
    case 'norm':
      return 'model.norm.weight';
    case 'head':
      return 'lm_head.weight';
    default: {
      const [, block, weight] = ours.split('.') as [string, string, keyof BlockWeights<string>];
      return `model.layers.${firstLayer + Number(block)}.${blockNames[weight]}.weight`;
    }
  }
}

/**
 * The content of config.json.
 * @param visitedShare see `StagedModel`
 */
export function configOf(
  model: ModelShape,
  stages: readonly StageShape[],
  visitedShare?: number,
): Record<string, unknown> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: model.vocabulary,
    hidden_size: model.width,
    intermediate_size: model.hidden,
    num_hidden_layers: totalBlocks(stages),
    num_attention_heads: model.heads,
    num_key_value_heads: model.kvHeads,
    head_dim: headWidth(model),
    hidden_act: 'silu',
    max_position_embeddings: model.context,
    rms_norm_eps: model.normEpsilon,
    rope_theta: model.ropeTheta,
    rope_scaling: null,
    tie_word_embeddings: model.tiedHead,
    attention_bias: false,
    mlp_bias: false,
    // Bytes have no special tokens; left out, these would default to two of the bytes.
    bos_token_id: null,
    eos_token_id: null,
    torch_dtype: 'float32',
    skein: {
      stages: stages.length,
      anchorLayers: stages[0]?.blocks ?? 0,
      blocks: stages.map((stage) => stage.blocks),
      ...(visitedShare !== undefined && { visitedShare }),
    },
  };
}

export interface ReadConfig {
  readonly model: ModelShape;
  readonly stages: readonly StageShape[];
  readonly visitedShare: number | undefined;
}

/**
 * Model and stages of a config.json; without the object `skein` the whole model is one stage.
 * Throws a `ConfigError` that names the field that is missing, impossible, or asks for what skein does not compute.
 */
export function readConfig(config: Record<string, unknown>): ReadConfig {
  requireValue(config, 'model_type', ['llama']);
  requireValue(config, 'hidden_act', ['silu']);
  requireValue(config, 'attention_bias', [undefined, false]);
  requireValue(config, 'mlp_bias', [undefined, false]);
  requireValue(config, 'rope_scaling', [undefined, null]);
  const heads = numberField(config, 'num_attention_heads');
  const model: ModelShape = {
    width: numberField(config, 'hidden_size'),
    heads,
    kvHeads: config.num_key_value_heads === undefined ? heads : numberField(config, 'num_key_value_heads'),
    hidden: numberField(config, 'intermediate_size'),
    vocabulary: numberField(config, 'vocab_size'),
    context: numberField(config, 'max_position_embeddings'),
    normEpsilon: numberField(config, 'rms_norm_eps'),
    ropeTheta: numberField(config, 'rope_theta'),
    tiedHead: config.tie_word_embeddings === true,
  };
  const stages = readStages(config, numberField(config, 'num_hidden_layers'));
  try {
    checkModel(model);
    stages.forEach(checkStage);
  } catch (error) {
    if (error instanceof ShapeError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
  requireValue(config, 'head_dim', [undefined, null, headWidth(model)]);
  return { model, stages, visitedShare: readVisitedShare(config) };
}

function readVisitedShare({ skein }: Record<string, unknown>): number | undefined {
  const { visitedShare } = (skein ?? {}) as Record<string, unknown>;
  if (visitedShare === undefined) return undefined;
  if (typeof visitedShare === 'number' && visitedShare > 0 && visitedShare < 1) return visitedShare;
  throw new ConfigError(
    `skein.visitedShare must be a number above 0 and below 1, not ${JSON.stringify(visitedShare)}`,
  );
}

function readStages(config: Record<string, unknown>, layers: number): StageShape[] {
  const { skein } = config;
  if (skein === undefined) return [{ blocks: layers, anchor: true }];
  const { stages, anchorLayers, blocks } = (skein ?? {}) as Record<string, unknown>;
  if (!Array.isArray(blocks) || !blocks.every((count) => Number.isSafeInteger(count) && count >= 0)) {
    throw new ConfigError('skein.blocks must be a list of blocks per stage');
  }
  if (stages !== blocks.length || anchorLayers !== blocks[0]) {
    throw new ConfigError(
      `skein.blocks [${blocks.join(', ')}] does not agree with skein.stages (${stages}) and ` +
        `skein.anchorLayers (${anchorLayers})`,
    );
  }
  const total = blocks.reduce((sum: number, count: number) => sum + count, 0);
  if (total !== layers) {
    throw new ConfigError(`skein.blocks adds up to ${total} layers and num_hidden_layers is ${layers}`);
  }
  return blocks.map((count: number, stage) => ({ blocks: count, anchor: stage === 0 }));
}

function numberField(config: Record<string, unknown>, field: string): number {
  const value = config[field];
  if (typeof value !== 'number') {
    throw new ConfigError(`${field} must be a number, not ${JSON.stringify(value) ?? 'missing'}`);
  }
  return value;
}

function requireValue(config: Record<string, unknown>, field: string, allowed: readonly unknown[]): void {
  if (allowed.includes(config[field])) return;
  const named = allowed.filter((value) => value !== undefined).map((value) => JSON.stringify(value));
  throw new ConfigError(
    `${field} is ${JSON.stringify(config[field]) ?? 'missing'}; skein computes only ${named.join(' or ')}`,
  );
}
