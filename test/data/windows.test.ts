import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import {
  drawSamples,
  heldOutWindows,
  readWindows,
  TextError,
  trainingWindows,
  type Windows,
  windowOffset,
} from '../../src/data/index.ts';

const rule = { chunkBytes: 32, every: 5 };
const inHeldOut = (byte: number) => Math.floor(byte / 32) % 5 === 4;
const offsets = (windows: Windows) =>
  Array.from({ length: windows.count }, (_, k) => windowOffset(windows, k));
const code = (expected: string) => expect.objectContaining({ name: 'TextError', code: expected });

const anyText = fc.record({
  textBytes: fc.integer({ min: 0, max: 1200 }),
  context: fc.integer({ min: 1, max: 31 }),
});

/** Every window of the part that the rule allows: greedily, stretch by stretch. */
function expectedOffsets(textBytes: number, context: number, part: Windows['part']): number[] {
  const found: number[] = [];
  let start = 0;
  for (let at = 0; at <= textBytes; at++) {
    const inside = at < textBytes && inHeldOut(at) === (part === 'held-out');
    if (!inside) start = at + 1;
    else if (at - start === context) {
      found.push(start);
      start += context;
    }
  }
  return found;
}

function offsetsOrNone(make: () => Windows): number[] {
  try {
    return offsets(make());
  } catch (error) {
    if (error instanceof TextError) return [];
    throw error;
  }
}

describe('windows of a text', () => {
  test('are all that fit in the training stretches, one context apart, and touch no held-out byte', () => {
    fc.assert(
      fc.property(anyText, ({ textBytes, context }) => {
        const actual = offsetsOrNone(() => trainingWindows(textBytes, context, rule));
        expect(actual).toEqual(expectedOffsets(textBytes, context, 'training'));
      }),
    );
  });

  test('of the held-out part lie wholly in held-out chunks', () => {
    fc.assert(
      fc.property(anyText, ({ textBytes, context }) => {
        const actual = offsetsOrNone(() => heldOutWindows(textBytes, context, rule));
        expect(actual).toEqual(expectedOffsets(textBytes, context, 'held-out'));
      }),
    );
  });

  test('by default leave out every twentieth chunk of 4096 bytes', () => {
    const heldOut = heldOutWindows(10_000_000, 128);
    expect(windowOffset(heldOut, 0)).toBe(19 * 4096);
    expect(windowOffset(heldOut, 31)).toBe(39 * 4096);
    const training = trainingWindows(10_000_000, 128);
    expect(training.count * 128).toBeGreaterThan(0.94 * 10_000_000);
    const touches = offsets(training).some((at) => chunkHeldOut(at) || chunkHeldOut(at + 128));
    expect(touches).toBe(false);
  });

  test('give inputs and their successors as targets', () => {
    const text = Uint8Array.from({ length: 600 }, (_, i) => i % 256);
    const windows = trainingWindows(text.length, 4, rule);
    const batch = readWindows(text, windows, [0, 32]);
    const start = windowOffset(windows, 32);
    expect([...batch.tokens]).toEqual([0, 1, 2, 3, ...text.subarray(start, start + 4)]);
    expect([...batch.targets]).toEqual([1, 2, 3, 4, ...text.subarray(start + 1, start + 5)]);
  });

  test.each([
    { what: 'shorter than one window', make: () => trainingWindows(128, 128), expected: 'too-short' },
    {
      what: 'without a held-out chunk',
      make: () => heldOutWindows(19 * 4096 + 128, 128),
      expected: 'no-held-out',
    },
    {
      what: 'asked for a context beyond a held-out chunk',
      make: () => heldOutWindows(1e7, 4096),
      expected: 'context',
    },
    {
      what: 'asked for a context beyond a stretch',
      make: () => trainingWindows(1e7, 77_824),
      expected: 'context',
    },
  ])('of a text $what are an error that says so', ({ make, expected }) => {
    expect(make).toThrow(code(expected));
  });

  test('of the smallest texts that have any are one', () => {
    expect(trainingWindows(129, 128).count).toBe(1);
    expect(heldOutWindows(19 * 4096 + 129, 128).count).toBe(1);
  });
});

describe('samples', () => {
  const windows = trainingWindows(2000, 8, rule);
  const draw = (iteration: number, microbatch: number, runSeed = 3) =>
    drawSamples({ runSeed, iteration, microbatch, samples: 3, microbatches: 4, windows });

  test('use every window once an epoch, in an order that differs between epochs and runs', () => {
    const iterations = Math.ceil((2 * windows.count) / 12);
    const run = (seed: number) =>
      Array.from({ length: iterations * 4 }, (_, i) => draw(Math.floor(i / 4), i % 4, seed)).flat();
    const drawn = run(3);
    const all = Array.from({ length: windows.count }, (_, i) => i);
    const [first, second] = [drawn.slice(0, windows.count), drawn.slice(windows.count, 2 * windows.count)];
    expect([...first].sort((a, b) => a - b)).toEqual(all);
    expect([...second].sort((a, b) => a - b)).toEqual(all);
    expect(second).not.toEqual(first);
    expect(run(4).slice(0, windows.count)).not.toEqual(first);
  });

  test('of a micro-batch can be drawn by anyone, alone', () => {
    expect(draw(5, 2)).toEqual(draw(5, 2));
    expect(draw(5, 2)).not.toEqual(draw(5, 1));
  });

  test('of a micro-batch that the iteration does not have are refused', () => {
    expect(() => draw(0, 4)).toThrow(RangeError);
  });
});

function chunkHeldOut(byte: number): boolean {
  return Math.floor(byte / 4096) % 20 === 19;
}
