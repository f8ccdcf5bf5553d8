// Reduce-scatter inside a group: the same bits everywhere, whatever arrives first, and refused contributions named.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { denseF32 } from '../../src/gradient/dense-f32.ts';
import type { TensorHeaderMessage } from '../../src/network/wire/codec.ts';
import { Exchange } from '../../src/swarm/exchange.ts';

interface Letter {
  readonly from: string;
  readonly to: string;
  readonly header: TensorHeaderMessage;
  readonly payload: Uint8Array;
}

/** A group whose tensors wait in a bag until the test delivers them, in any order. */
function group(gradients: readonly Float32Array[], listeners: readonly string[] = []) {
  const contributors = gradients.map((_, i) => `peer ${i}`);
  const receivers = [...contributors, ...listeners];
  const bag: Letter[] = [];
  const order = { iteration: 3, attempt: 0, stage: 1, round: 0, contributors, receivers, microbatches: 4 };
  const exchanges = new Map(
    receivers.map((self) => {
      const send = async (to: string, header: TensorHeaderMessage, payload: Uint8Array) => {
        bag.push({ from: self, to, header, payload: payload.slice() });
      };
      const parameters = gradients[0]!.length;
      return [self, new Exchange(order, { self, runSeed: 1, codec: denseF32, parameters, send })];
    }),
  );
  gradients.forEach((gradient, i) => {
    exchanges.get(`peer ${i}`)!.contribute(gradient);
  });
  const deliver = (choose: (waiting: number) => number) => {
    while (bag.length > 0) {
      const [letter] = bag.splice(choose(bag.length), 1);
      const { from, to, header, payload } = letter!;
      expect(exchanges.get(to)!.take(from, header, payload)).toBe(true);
    }
  };
  return { exchanges, deliver, bag };
}

function sums(exchanges: ReadonlyMap<string, Exchange>): Promise<Float32Array[]> {
  return Promise.all(
    [...exchanges.values()].map(async (exchange) => {
      const result = await exchange.result;
      if (result.kind !== 'sum') throw new Error('refused');
      return result.sum;
    }),
  );
}

const gradientsOf = (replicas: number, parameters: number) =>
  Array.from({ length: replicas }, (_, r) =>
    Float32Array.from({ length: parameters }, (_, i) => Math.fround(((i * 7 + r * 13) % 11) / 3 - 1.5)),
  );

describe('an exchange', () => {
  it('gives everyone the sum in group order, to the bit, in whatever order tensors arrive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.nat(), { minLength: 60, maxLength: 60 }),
        async (replicas, parameters, choices) => {
          const gradients = gradientsOf(replicas, parameters);
          const { exchanges, deliver } = group(gradients, ['listener']);
          let at = 0;
          deliver((waiting) => choices[at++ % choices.length]! % waiting);
          const expected = new Float32Array(parameters);
          for (const gradient of gradients) {
            for (const [i, value] of gradient.entries()) expected[i]! += value;
          }
          for (const sum of await sums(exchanges)) expect(sum).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('sends each slice once to its owner and each sum once to each other receiver', () => {
    const { bag } = group(gradientsOf(3, 30));
    expect(bag.filter(({ header }) => header.kind === 'CONTRIBUTION')).toHaveLength(6);
    expect(bag.reduce((bytes, { payload }) => bytes + payload.byteLength, 0)).toBe(4 * 60);
  });

  it('ends without a sum, and names the sender, when a value is not finite', async () => {
    const gradients = gradientsOf(3, 30);
    gradients[1]![4] = Number.NaN;
    const { exchanges, deliver } = group(gradients);
    deliver(() => 0);
    // element 4 lies in the shard that peer 0 sums
    expect(await exchanges.get('peer 0')!.result).toEqual({ kind: 'refused', senders: ['peer 1'] });
  });

  it('takes nothing that was not ordered', () => {
    const { exchanges, bag } = group(gradientsOf(2, 20));
    const [letter] = bag;
    const { to, header, payload } = letter!;
    const exchange = exchanges.get(to)!;
    expect(exchange.take('a stranger', header, payload)).toBe(false);
    expect(exchange.take(letter!.from, { ...header, firstElement: 3 }, payload)).toBe(false);
    expect(
      exchange.take(
        letter!.from,
        { ...header, kind: 'SUM', firstElement: 0, elements: 10 },
        payload.slice(4),
      ),
    ).toBe(false);
  });

  it('counts a contribution that arrives twice once', async () => {
    const gradients = gradientsOf(2, 20);
    const { exchanges, deliver, bag } = group(gradients);
    bag.push(...bag.map((letter) => ({ ...letter })));
    deliver(() => 0);
    for (const sum of await sums(exchanges)) {
      expect(sum[0]).toBe(Math.fround(gradients[0]![0]! + gradients[1]![0]!));
    }
  });
});
