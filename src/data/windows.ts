// Where samples lie in a text. A window is context + 1 neighbouring tokens: the first `context` are the input, each
// one's successor is its target. Tokens are bytes. Windows of the training part never touch a held-out chunk, and
// window k's place follows from k by arithmetic, so nothing is stored per window.
//
// A text is periods of `every` chunks: the training part of a period is all but its last chunk, the held-out part is
// that chunk. Windows follow each other at a distance of `context` inside one part of one period.

import { type HeldOutRule, heldOutRule, TextError } from './text.ts';

export interface Windows {
  readonly part: 'training' | 'held-out';
  /** How many windows there are. */
  readonly count: number;
  /** Tokens of input per window (a window is one token longer). */
  readonly context: number;
  /** Windows in the part of one whole period. */
  readonly perPeriod: number;
  readonly periodBytes: number;
  /** Where the part begins inside its period. */
  readonly partOffset: number;
  /** So many windows in a row are drawn together, in their order; one at a time when left out. */
  readonly together?: number;
}

/**
 * The training windows of a text of `textBytes` bytes.
 * Throws a `TextError`: 'too-short' when there is none, 'context' when no text could have one.
 */
export function trainingWindows(
  textBytes: number,
  context: number,
  rule: HeldOutRule = heldOutRule,
): Windows {
  const windows = windowsOf('training', textBytes, context, rule);
  if (windows.count === 0) {
    throw new TextError(
      'too-short',
      `the text has ${textBytes} bytes, too few for one training window of ${context + 1}: ` +
        'give a longer text or a model of shorter context',
    );
  }
  return windows;
}

/**
 * The held-out windows of a text of `textBytes` bytes.
 * Throws a `TextError`: 'no-held-out' when there is none, 'context' when no text could have one.
 */
export function heldOutWindows(textBytes: number, context: number, rule: HeldOutRule = heldOutRule): Windows {
  const windows = windowsOf('held-out', textBytes, context, rule);
  if (windows.count === 0) {
    const needed = windows.partOffset + context + 1;
    throw new TextError(
      'no-held-out',
      `the text has ${textBytes} bytes and therefore no held-out window of ${context + 1} (the held-out part is ` +
        `every ${rule.every}th chunk of ${rule.chunkBytes} bytes): give a text of at least ${needed} bytes`,
    );
  }
  return windows;
}

/**
 * The windows of a text that is a list of records of context + 1 bytes each, all of them for training, drawn `together`
 * at a time. Throws a `TextError` when there are not so many.
 */
export function recordWindows(textBytes: number, context: number, together = 1): Windows {
  const count = together * Math.floor(textBytes / (context + 1) / together);
  if (count === 0) {
    const wanted = together === 1 ? 'one record' : `${together} records`;
    throw new TextError(
      'too-short',
      `the text has ${textBytes} bytes, less than ${wanted} of ${context + 1}`,
    );
  }
  const records = { count, context, perPeriod: 1, periodBytes: context + 1, partOffset: 0, together };
  return { part: 'training', ...records };
}

/** The batch with only the last `labelTokens` targets of each window, the others −1: they do not count. */
export function onlyLabels(
  { tokens, targets }: TokenBatch,
  context: number,
  labelTokens: number,
): TokenBatch {
  return { tokens, targets: targets.map((id, at) => (at % context < context - labelTokens ? -1 : id)) };
}

/** Where window `index` begins in the text, bytes. */
export function windowOffset(windows: Windows, index: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= windows.count) {
    throw new RangeError(`there is no ${windows.part} window ${index}: there are ${windows.count}`);
  }
  const period = Math.floor(index / windows.perPeriod);
  const within = index % windows.perPeriod;
  return period * windows.periodBytes + windows.partOffset + within * windows.context;
}

/** Inputs and targets of some windows, each [windows, context], row after row. */
export interface TokenBatch {
  readonly tokens: Int32Array;
  /** −1 for one that is not to be predicted. */
  readonly targets: Int32Array;
}

/** Reads the windows of these indices out of the text. */
export function readWindows(text: Uint8Array, windows: Windows, indices: readonly number[]): TokenBatch {
  const { context } = windows;
  const tokens = new Int32Array(indices.length * context);
  const targets = new Int32Array(indices.length * context);
  for (const [row, index] of indices.entries()) {
    const offset = windowOffset(windows, index);
    if (offset + context >= text.length) {
      throw new RangeError(`window ${index} ends beyond the text: the windows were made for a longer one`);
    }
    tokens.set(text.subarray(offset, offset + context), row * context);
    targets.set(text.subarray(offset + 1, offset + 1 + context), row * context);
  }
  return { tokens, targets };
}

function windowsOf(part: Windows['part'], textBytes: number, context: number, rule: HeldOutRule): Windows {
  if (!Number.isInteger(context) || context < 1) {
    throw new RangeError(`the context must be a positive integer, not ${context}`);
  }
  const periodBytes = rule.every * rule.chunkBytes;
  const trainingBytes = periodBytes - rule.chunkBytes;
  const partOffset = part === 'training' ? 0 : trainingBytes;
  const partBytes = part === 'training' ? trainingBytes : rule.chunkBytes;
  const perPeriod = windowsIn(partBytes, context);
  if (perPeriod === 0) {
    throw new TextError(
      'context',
      `a context of ${context} tokens is too long: the ${part} part of a text is cut into stretches of ` +
        `${partBytes} bytes, and a window of ${context + 1} fits in none`,
    );
  }
  const periods = Math.floor(textBytes / periodBytes);
  const restBytes = Math.min(partBytes, Math.max(0, (textBytes % periodBytes) - partOffset));
  return {
    part,
    count: periods * perPeriod + windowsIn(restBytes, context),
    context,
    perPeriod,
    periodBytes,
    partOffset,
  };
}

/** Windows that fit in a stretch: neighbours share one token, the last target of one and first input of the next. */
function windowsIn(bytes: number, context: number): number {
  return Math.max(0, Math.floor((bytes - 1) / context));
}
