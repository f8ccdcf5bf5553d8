// Folders with exported models: written by a run, read and put to work by `skein generate` and `skein eval`.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TextError } from '../data/index.ts';
import { createOnnxEngine } from '../engine/onnx/index.ts';
import { InferenceError, type LoadedModel, loadModel } from '../inference/index.ts';
import { exportModel, ImportError, importModel, type StagedModel } from '../model/export.ts';
import { SafetensorsError } from '../model/safetensors.ts';
import { tokenizerJson } from '../model/tokenizer-files.ts';
import { EngineError } from '../seams/engine.ts';
import { RunError, UsageError } from './errors.ts';
import { reasonOf, writeInto } from './files.ts';

const TOKENIZER_FILE = 'tokenizer.json';
/** What is read of a folder; others may lie beside. */
const FILES = ['config.json', 'model.safetensors', TOKENIZER_FILE];

/** Writes a model as Hugging Face's tools read it; gives the files' paths. Throws `RunError` when it cannot. */
export function writeModelFolder(folder: string, model: StagedModel): string[] {
  return [...exportModel(model)].map(([name, bytes]) => writeInto(folder, name, bytes));
}

/** Reads an exported model. Throws a `UsageError` that names the folder, the file and what is wrong in it. */
export function readModelFolder(folder: string): StagedModel {
  expectFolder(folder);
  const files = new Map<string, Uint8Array>();
  for (const name of FILES) {
    const bytes = readIfThere(join(folder, name));
    if (bytes !== undefined) files.set(name, bytes);
  }
  const model = imported(folder, files);
  expectByteTokenizer(folder, files.get(TOKENIZER_FILE));
  const broken = model.weights.findIndex((weights) => !weights.every(Number.isFinite));
  if (broken >= 0) {
    throw new UsageError(
      `${folder}: model.safetensors: weights of stage ${broken} are not finite numbers; the training that wrote them went wrong`,
    );
  }
  return model;
}

export interface OpenOptions {
  /** Threads to compute with. */
  readonly threads: number;
  /** The longest context wanted; a model with a shorter one keeps its own. */
  readonly mostContext: number;
  /** Tokens to compute at a time, rounded down to whole samples, one at least. */
  readonly batchTokens: number;
}

/**
 * Puts the model of a folder to work on this machine's CPU for as long as `use` takes. What is wrong with the folder,
 * the request or the text becomes a `UsageError`, what fails in computing a `RunError`.
 */
export async function withModelFolder<Result>(
  folder: string,
  { threads, mostContext, batchTokens }: OpenOptions,
  use: (model: LoadedModel) => Promise<Result>,
): Promise<Result> {
  const stagedModel = readModelFolder(folder);
  const context = Math.min(stagedModel.model.context, mostContext);
  const samples = Math.max(1, Math.floor(batchTokens / context));
  try {
    // In this thread: nothing else is to be done meanwhile, and a thread a stage takes longer to start than the first
    // answer to compute.
    const engineFor = () => createOnnxEngine({ threads, inProcess: true });
    const model = await loadModel({ stagedModel, engineFor, samples, context });
    try {
      return await use(model);
    } finally {
      await model.close();
    }
  } catch (error) {
    if (error instanceof InferenceError || error instanceof TextError) {
      throw new UsageError(error.message, { cause: error });
    }
    if (error instanceof EngineError) throw new RunError(error.message, { cause: error });
    throw error;
  }
}

function expectFolder(folder: string): void {
  let isFolder: boolean;
  try {
    isFolder = statSync(folder).isDirectory();
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new UsageError(`${folder}: ${missing ? 'there is no such folder' : reasonOf(error)}`, {
      cause: error,
    });
  }
  if (!isFolder) throw new UsageError(`${folder}: is a file; name the folder of an exported model`);
}

function readIfThere(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new UsageError(`${file}: ${reasonOf(error)}`, { cause: error });
  }
}

function imported(folder: string, files: ReadonlyMap<string, Uint8Array>): StagedModel {
  try {
    return importModel(files);
  } catch (error) {
    if (error instanceof ImportError || error instanceof SafetensorsError) {
      throw new UsageError(`${folder}: ${error.message}`, { cause: error });
    }
    // Arrays of the sizes that the config claims could not be made.
    if (error instanceof RangeError) {
      throw new UsageError(
        `${folder}: config.json: describes a model too large for this machine (${error.message})`,
        {
          cause: error,
        },
      );
    }
    throw error;
  }
}

/** A model with another tokenizer would read bytes as tokens that mean something else. */
function expectByteTokenizer(folder: string, file: Uint8Array | undefined): void {
  if (file === undefined) return;
  let tokenizer: unknown;
  try {
    tokenizer = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file));
  } catch (error) {
    throw new UsageError(`${folder}: ${TOKENIZER_FILE}: is not JSON text in UTF-8`, { cause: error });
  }
  const bytes = Object.entries(vocabularyOf(tokenizerJson()) ?? {});
  const found = vocabularyOf(tokenizer);
  if (found !== undefined && bytes.every(([character, id]) => found[character] === id)) return;
  throw new UsageError(`${folder}: ${TOKENIZER_FILE}: is not the byte tokenizer, and skein has no other`);
}

function vocabularyOf(tokenizer: unknown): Record<string, unknown> | undefined {
  return objectField(objectField(tokenizer, 'model'), 'vocab');
}

function objectField(value: unknown, field: string): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const inner = (value as Record<string, unknown>)[field];
  return typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : undefined;
}
