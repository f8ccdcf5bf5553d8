import { describe, expect, test } from 'vitest';
import { threefryBlock, threefryBlocks } from '../../src/random/index.ts';

function block(key: [number, number], counter: [number, number]): string {
  const out = new Uint32Array(2);
  threefryBlock(...key, ...counter, out, 0);
  return [...out].map((word) => word.toString(16).padStart(8, '0')).join(' ');
}

describe('Threefry-2x32-20', () => {
  // Random123's known-answer file, kat_vectors, the lines "threefry2x32 20".
  test.each([
    { counter: [0, 0], key: [0, 0], answer: '6b200159 99ba4efe' },
    { counter: [0xffffffff, 0xffffffff], key: [0xffffffff, 0xffffffff], answer: '1cb996fc bb002be7' },
    { counter: [0x243f6a88, 0x85a308d3], key: [0x13198a2e, 0x03707344], answer: 'c4923a9c 483df7a0' },
  ] as const)('gives $answer for the published key and counter', ({ counter, key, answer }) => {
    expect(block([...key], [...counter])).toBe(answer);
  });

  test('numbers blocks by a 64-bit counter, high word first', () => {
    const first = 2 ** 32 - 1;
    const out = new Uint32Array(4);
    threefryBlocks(11, 22, first, 2, out);
    expect(block([11, 22], [0, 0xffffffff])).toBe(hex(out.subarray(0, 2)));
    expect(block([11, 22], [1, 0])).toBe(hex(out.subarray(2)));
  });
});

function hex(values: Uint32Array): string {
  return [...values].map((word) => word.toString(16).padStart(8, '0')).join(' ');
}
