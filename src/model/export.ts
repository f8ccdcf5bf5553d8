// A trained model as a folder that common tools load (Hugging Face's LlamaForCausalLM), and back into stages. Pure:
// files are names and bytes; reading and writing them is the caller's.

import type { ModelShape, StageShape } from '../seams/shapes.ts';
import { ConfigError, configOf, readConfig, type TensorPlace, tensorPlaces } from './huggingface.ts';
import { stageLayout } from './layout.ts';
import { type NamedTensor, readSafetensors, writeSafetensors } from './safetensors.ts';
import { BYTE_VOCABULARY } from './tokenizer.ts';
import { tokenizerConfig, tokenizerJson } from './tokenizer-files.ts';

export interface StagedModel {
  readonly model: ModelShape;
  readonly stages: readonly StageShape[];
  /** Per stage, flat in the order of `stageLayout`. */
  readonly weights: readonly Float32Array[];
  /**
   * Where the model was trained on paths that leave stages out: the share of the stages other than 0 that a path visits,
   * above 0 and below 1.
   */
  readonly visitedShare?: number | undefined;
}

export type ImportErrorCode =
  | 'missing-file'
  | 'config' // config.json is no JSON object, or describes what skein does not compute
  | 'missing-tensor'
  | 'unexpected-tensor'
  | 'shape'; // a tensor's shape is not the one that the config asks for

/** What is wrong with an exported folder; damage to the safetensors file itself is a `SafetensorsError`. */
export class ImportError extends Error {
  readonly code: ImportErrorCode;
  readonly file: string;
  constructor(code: ImportErrorCode, file: string, message: string, cause?: unknown) {
    super(`${file}: ${message}`, cause === undefined ? {} : { cause });
    this.name = 'ImportError';
    this.code = code;
    this.file = file;
  }
}

const WEIGHTS_FILE = 'model.safetensors';
const CONFIG_FILE = 'config.json';

/** The files of the folder, by name. Throws a RangeError when weights do not fit their stage. */
export function exportModel({ model, stages, weights, visitedShare }: StagedModel): Map<string, Uint8Array> {
  for (const [stage, shape] of stages.entries()) {
    const expected = stageLayout(model, shape).length;
    if (weights[stage]?.length !== expected) {
      throw new RangeError(`stage ${stage} has ${weights[stage]?.length ?? 'no'} weights, not ${expected}`);
    }
  }
  const tensors = tensorPlaces(model, stages).map((place) => {
    const ours = weights[place.stage]!.subarray(place.offset, place.offset + place.length);
    return { name: place.name, shape: place.shape, values: place.transposed ? toFile(ours, place) : ours };
  });
  const files = new Map<string, Uint8Array>([
    // The loaders of PyTorch ask for this note.
    [WEIGHTS_FILE, writeSafetensors(tensors, new Map([['format', 'pt']]))],
    [CONFIG_FILE, jsonBytes(configOf(model, stages, visitedShare))],
  ]);
  if (model.vocabulary >= BYTE_VOCABULARY) {
    files.set('tokenizer.json', jsonBytes(tokenizerJson()));
    files.set('tokenizer_config.json', jsonBytes(tokenizerConfig(model.context)));
  }
  return files;
}

/**
 * The model in the folder, its weights in stages. A folder that was not written by skein becomes a single stage.
 * Throws an `ImportError` or a `SafetensorsError` that names the file and what is wrong in it.
 */
export function importModel(files: ReadonlyMap<string, Uint8Array>): StagedModel {
  const { model, stages, visitedShare } = parseConfig(fileNamed(files, CONFIG_FILE));
  const { tensors } = readSafetensors(fileNamed(files, WEIGHTS_FILE), WEIGHTS_FILE);
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const weights = stages.map((stage) => new Float32Array(stageLayout(model, stage).length));
  for (const place of tensorPlaces(model, stages)) {
    const { values } = checkedTensor(found.get(place.name), place);
    const ours = weights[place.stage]!.subarray(place.offset, place.offset + place.length);
    if (place.transposed) transpose(values, place.shape, ours);
    else ours.set(values);
    found.delete(place.name);
  }
  for (const name of found.keys()) {
    if (isDerived(name, model)) continue;
    throw new ImportError(
      'unexpected-tensor',
      WEIGHTS_FILE,
      `the model has no place for the tensor "${name}"`,
    );
  }
  return { model, stages, weights, ...(visitedShare !== undefined && { visitedShare }) };
}

function fileNamed(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined) {
    const message = 'is missing: give a folder that skein or Hugging Face exported, in one safetensors file';
    throw new ImportError('missing-file', name, message);
  }
  return bytes;
}

function parseConfig(bytes: Uint8Array): Omit<StagedModel, 'weights'> {
  let config: unknown;
  try {
    config = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ImportError('config', CONFIG_FILE, 'is not JSON text in UTF-8', error);
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new ImportError('config', CONFIG_FILE, 'is not a JSON object');
  }
  try {
    return readConfig(config as Record<string, unknown>);
  } catch (error) {
    if (error instanceof ConfigError) throw new ImportError('config', CONFIG_FILE, error.message, error);
    throw error;
  }
}

function checkedTensor(tensor: NamedTensor | undefined, place: TensorPlace): NamedTensor {
  if (tensor === undefined) {
    throw new ImportError('missing-tensor', WEIGHTS_FILE, `the tensor "${place.name}" is missing`);
  }
  if (tensor.shape.join() !== place.shape.join()) {
    const message =
      `the tensor "${place.name}" is [${tensor.shape.join(', ')}], ` +
      `and ${CONFIG_FILE} asks for [${place.shape.join(', ')}]`;
    throw new ImportError('shape', WEIGHTS_FILE, message);
  }
  return tensor;
}

/** Tensors that some exporters write although they follow from others. */
function isDerived(name: string, model: ModelShape): boolean {
  return name.endsWith('.rotary_emb.inv_freq') || (model.tiedHead && name === 'lm_head.weight');
}

/** Our [in, out] values as the file's [out, in]. */
function toFile(ours: Float32Array, place: TensorPlace): Float32Array {
  const values = new Float32Array(ours.length);
  transpose(ours, place.shape.toReversed(), values);
  return values;
}

/** Writes the transpose of `values` [rows, columns] to `out`, as bits: a number may change a NaN's on the way. */
function transpose(values: Float32Array, shape: readonly number[], out: Float32Array): void {
  const [rows, columns] = shape as [number, number];
  const from = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const to = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      to[column * rows + row] = from[row * columns + column]!;
    }
  }
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}
