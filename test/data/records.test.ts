// A text that is a list of labelled records.

import { expect, test } from 'vitest';
import {
  drawSamples,
  onlyLabels,
  readWindows,
  recordWindows,
  TextError,
  windowOffset,
} from '../../src/data/index.ts';

const text = Uint8Array.from({ length: 3 * 9 + 4 }, (_, i) => i);

test('every whole record is a window, none shares a byte with another', () => {
  const windows = recordWindows(text.length, 8);
  expect(windows.count).toBe(3);
  expect([0, 1, 2].map((index) => windowOffset(windows, index))).toEqual([0, 9, 18]);
  const { tokens, targets } = readWindows(text, windows, [2, 0]);
  expect([...tokens]).toEqual([18, 19, 20, 21, 22, 23, 24, 25, 0, 1, 2, 3, 4, 5, 6, 7]);
  expect([...targets]).toEqual([19, 20, 21, 22, 23, 24, 25, 26, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('of a record only the last tokens are to be predicted', () => {
  const batch = readWindows(text, recordWindows(text.length, 8), [0, 1]);
  const { tokens, targets } = onlyLabels(batch, 8, 2);
  expect(tokens).toEqual(batch.tokens);
  expect([...targets]).toEqual([-1, -1, -1, -1, -1, -1, 7, 8, -1, -1, -1, -1, -1, -1, 16, 17]);
});

test('records that belong together are drawn together, in their order, every group once an epoch', () => {
  const windows = recordWindows(9 * 41, 8, 4); // one record is left over
  const draw = (microbatch: number, iteration: number) =>
    drawSamples({ runSeed: 3, iteration, microbatch, samples: 4, microbatches: 2, windows });
  const groups = Array.from({ length: 5 }, (_, i) => [draw(0, i), draw(1, i)]).flat();
  for (const [first, ...rest] of groups) {
    expect(first! % 4).toBe(0);
    expect(rest).toEqual([first! + 1, first! + 2, first! + 3]);
  }
  expect(groups.map(([first]) => first).sort((a, b) => a! - b!)).toEqual([
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36,
  ]);
  expect(groups.map(([first]) => first)).not.toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32, 36]);
});

test('a text without a whole record, or a whole group of them, is refused', () => {
  expect(() => recordWindows(8, 8)).toThrow(TextError);
  expect(() => recordWindows(9 * 3, 8, 4)).toThrow(/less than 4 records of 9/);
});
