// A text that is a list of labelled records.

import { expect, test } from 'vitest';
import { onlyLabels, readWindows, recordWindows, TextError, windowOffset } from '../../src/data/index.ts';

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

test('a text without a whole record is refused', () => {
  expect(() => recordWindows(8, 8)).toThrow(TextError);
});
