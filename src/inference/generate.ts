// Text written by a model, byte by byte. Every byte is drawn by shared randomness, so a seed gives the same text again.
// Each step computes the whole context anew: for models of this size that costs milliseconds, and the engines need no
// cache of keys and values.

import { stream, uniform } from '../random/index.ts';
import { BYTE_VOCABULARY, decode, encode } from '../model/tokenizer.ts';
import { chooseToken, type SamplingRule } from './sampling.ts';
import {
  expectByteModel,
  InferenceError,
  type LoadedModel,
  type PathOptions,
  pathWithout,
} from './staged.ts';

/** Sharper than the model's own distribution, whose long tail is noise in a small model. */
export const DEFAULT_SAMPLING: SamplingRule = { temperature: 0.8, topK: 40 };

/** What stands before an empty prompt, unseen: a text begins on a new line. */
const BEFORE_EMPTY_PROMPT = '\n';

export interface GenerateOptions extends PathOptions, Partial<SamplingRule> {
  /** Bytes to write. */
  readonly tokens: number;
  /** An integer from 0 to 2^53 − 1. */
  readonly seed: number;
  /** Called with each piece of text as soon as its last byte is known. */
  readonly onText?: (piece: string) => void;
  /** Stops between two bytes and throws its reason. */
  readonly signal?: AbortSignal;
}

export interface Generated {
  readonly prompt: string;
  /** What the model wrote after it. */
  readonly continuation: string;
  /** Both together. Bytes that are no valid UTF-8 are U+FFFD, also where the last character was cut. */
  readonly text: string;
  /** Bytes that the model wrote. */
  readonly tokens: number;
}

/**
 * Goes on from a prompt; the model sees its last T bytes. Throws an `InferenceError` for a wrong `skip` or sampling
 * rule, or a model that is not one of bytes.
 */
export async function generate(
  model: LoadedModel,
  prompt: string,
  options: GenerateOptions,
): Promise<Generated> {
  const { tokens, seed, skip, onText, signal } = options;
  const rule = checkedRule({
    temperature: options.temperature ?? DEFAULT_SAMPLING.temperature,
    topK: options.topK ?? DEFAULT_SAMPLING.topK,
  });
  if (!Number.isSafeInteger(tokens) || tokens < 0) {
    throw new InferenceError(`tokens must be a whole number of 0 or more, not ${tokens}`);
  }
  expectByteModel(model);
  pathWithout(model.stages, skip);
  const path = skip === undefined ? {} : { skip };
  const { context, vocabulary } = model.shape;
  const source = stream({ runSeed: seed, purpose: 'sampling' });
  const seen = [...encode(prompt === '' ? BEFORE_EMPTY_PROMPT : prompt)];
  const written: number[] = [];
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const show = (piece: string) => {
    if (piece !== '') onText?.(piece);
  };
  for (let step = 0; step < tokens; step++) {
    signal?.throwIfAborted();
    const window = Int32Array.from(seen.slice(-context));
    const logits = await model.logits(window, path);
    // Tokens beyond the bytes, if the model has any, stand for nothing.
    const last = logits.subarray((window.length - 1) * vocabulary).subarray(0, BYTE_VOCABULARY);
    const token = chooseToken(last, rule, uniform(source, step));
    seen.push(token);
    written.push(token);
    show(decoder.decode(Uint8Array.of(token), { stream: true }));
  }
  show(decoder.decode());
  const continuation = decode(written);
  return { prompt, continuation, text: prompt + continuation, tokens };
}

function checkedRule(rule: SamplingRule): SamplingRule {
  if (!(rule.temperature >= 0 && Number.isFinite(rule.temperature))) {
    throw new InferenceError(`temperature must be a number of 0 or more, not ${rule.temperature}`);
  }
  if (!Number.isSafeInteger(rule.topK) || rule.topK < 1) {
    throw new InferenceError(`topK must be a whole number of 1 or more, not ${rule.topK}`);
  }
  return rule;
}
