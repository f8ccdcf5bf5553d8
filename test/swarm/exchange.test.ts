// The exchange inside a group: the same bits everywhere, whatever arrives first, and refused contributions named.

import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import { type Codec, type CodecName, codecs, piecesOf, sumContributions } from '../../src/gradient/index.ts';
import type { TensorHeaderMessage } from '../../src/network/wire/codec.ts';
import { Contributing } from '../../src/swarm/training/contributing.ts';
import { Exchange, type ExchangeOrder } from '../../src/swarm/training/exchange.ts';

interface Letter {
  readonly from: string;
  readonly to: string;
  readonly header: TensorHeaderMessage;
  readonly payload: Uint8Array;
}

interface Group {
  readonly codec?: CodecName;
  readonly listeners?: readonly string[];
}

const noRest = async () => {};
const nameOf = (i: number) => `peer ${i}`;

/** A group whose tensors wait in a bag until the test delivers them, in any order. */
async function group(
  gradients: readonly Float32Array[],
  { codec = 'dense-f32', listeners = [] }: Group = {},
) {
  const contributors = gradients.map((_, i) => nameOf(i));
  const receivers = [...contributors, ...listeners];
  const bag: Letter[] = [];
  const places = contributors.map((_, i) => 2 * i); // others were planned between them
  const order: ExchangeOrder = {
    ...{ iteration: 3, attempt: 0, stage: 1, round: 0, microbatches: 4, deadlineSeconds: 0 },
    ...{ contributors, receivers, places },
  };
  const exchanges = new Map(
    receivers.map((self) => {
      const send = async (to: string, header: TensorHeaderMessage, payload: Uint8Array) => {
        bag.push({ from: self, to, header, payload: payload.slice() });
      };
      const parameters = gradients[0]!.length;
      return [self, new Exchange(order, { self, runSeed: 1, codec: codecs[codec], parameters, send })];
    }),
  );
  for (const [i, gradient] of gradients.entries()) {
    const contributing = new Contributing({
      self: nameOf(i),
      runSeed: 1,
      codec: codecs[codec],
      rest: noRest,
    });
    await exchanges.get(nameOf(i))!.contribute(await contributing.encode(order, gradient), noRest);
  }
  const deliver = (choose: (waiting: number) => number, lost: (letter: Letter) => boolean = () => false) => {
    while (bag.length > 0) {
      const [letter] = bag.splice(choose(bag.length), 1);
      if (lost(letter!)) continue;
      const { from, to, header, payload } = letter!;
      expect(exchanges.get(to)!.take(from, header, payload)).toBe(true);
    }
  };
  return { exchanges, deliver, bag, order };
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

/** `toEqual` takes a second for a hundred thousand values. */
const sameBits = (a: Float32Array, b: Float32Array) =>
  a.length === b.length && a.every((value, i) => Object.is(value, b[i]));

const gradientsOf = (replicas: number, parameters: number) =>
  Array.from({ length: replicas }, (_, r) =>
    Float32Array.from({ length: parameters }, (_, i) => Math.fround(((i * 7 + r * 13) % 11) / 3 - 1.5)),
  );

/** What the group's sum has to be: all contributions, encoded whole, in the group's order. */
function sumOf(codec: Codec, gradients: readonly Float32Array[]) {
  const slice = { from: 0, to: gradients[0]!.length };
  const key = { runSeed: 1, iteration: 3, stage: 1 };
  const contributions = gradients.map((gradient, i) => {
    const place = 2 * i;
    const state = codec.start(gradient.length);
    return {
      sender: nameOf(i),
      place,
      bytes: codec.encode({ gradient, slice, key: { ...key, place }, state }),
    };
  });
  return sumContributions({ codec, contributions, slice, key });
}

/** Long enough for several pieces, and for sums to be sent where that is fewer bytes. */
const LONG = 100_000;

describe('an exchange', () => {
  it.each(['dense-f32', 'dense-f16', 'int8', 'eden'] as const)(
    'gives everyone the sum in group order, to the bit, in whatever order tensors arrive: %s',
    async (name) => {
      const codec = codecs[name];
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 5 }),
          fc.constantFrom(1, 40, LONG),
          fc.array(fc.nat(), { minLength: 60, maxLength: 60 }),
          async (replicas, parameters, choices) => {
            const gradients = gradientsOf(replicas, parameters);
            const { exchanges, deliver } = await group(gradients, { codec: name, listeners: ['listener'] });
            let at = 0;
            deliver((waiting) => choices[at++ % choices.length]! % waiting);
            const expected = sumOf(codec, gradients);
            for (const sum of await sums(exchanges)) expect(sameBits(sum, expected.sum)).toBe(true);
            const squares = new Float64Array(replicas);
            for (const exchange of exchanges.values()) {
              const result = await exchange.result;
              if (result.kind !== 'sum') continue;
              for (const [i, value] of result.squares.entries()) squares[i]! += value;
            }
            for (const [i, value] of squares.entries()) expect(value).toBeCloseTo(expected.squares[i]!, 3);
          },
        ),
        { numRuns: 10 },
      );
    },
    60_000,
  );

  it.each(['dense-f32', 'eden'] as const)(
    'gives the whole sum or names whom it waits for, whatever is lost or comes twice, and the sum when it is sent again: %s',
    async (name) => {
      const codec = codecs[name];
      const pending = Symbol('pending');
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 2, max: 5 }),
          fc.constantFrom(40, LONG),
          fc.array(fc.nat(), { minLength: 60, maxLength: 60 }),
          async (replicas, parameters, choices) => {
            const gradients = gradientsOf(replicas, parameters);
            const expected = sumOf(codec, gradients).sum;
            const { exchanges, deliver, bag } = await group(gradients, {
              codec: name,
              listeners: ['listener'],
            });
            let at = 0;
            const draw = (below: number) => choices[at++ % choices.length]! % below;
            const twice = new Set<Letter>();
            deliver(draw, (letter) => {
              if (draw(3) === 0 && !twice.has(letter)) {
                const again = { ...letter };
                twice.add(again);
                bag.push(again);
              }
              return draw(4) === 0;
            });
            for (const exchange of exchanges.values()) {
              const result = await Promise.race([exchange.result, Promise.resolve(pending)]);
              const { contributors, owners } = exchange.missing();
              if (result === pending) expect(contributors.length + owners.length).toBeGreaterThan(0);
              else if (typeof result === 'symbol' || result.kind !== 'sum') expect.fail('refused');
              else expect(sameBits(result.sum, expected)).toBe(true);
            }
            for (const exchange of exchanges.values()) for (const to of exchanges.keys()) exchange.resend(to);
            deliver(draw);
            for (const sum of await sums(exchanges)) expect(sameBits(sum, expected)).toBe(true);
          },
        ),
        { numRuns: 10 },
      );
    },
    60_000,
  );

  it('sends each contribution to every other, where that is no more bytes than sending sums', async () => {
    const { exchanges, bag } = await group(gradientsOf(2, LONG));
    expect(exchanges.get('peer 0')!.sharing).toBe('gather');
    expect(bag.every(({ header }) => header.kind === 'CONTRIBUTION')).toBe(true);
    expect(bag.reduce((bytes, { payload }) => bytes + payload.byteLength, 0)).toBe(2 * 4 * LONG);
    const eden = await group(gradientsOf(8, LONG), { codec: 'eden' });
    expect(eden.exchanges.get('peer 0')!.sharing).toBe('gather');
  });

  it('sends no more than two tensors a peer in a large group, however little each of them is', async () => {
    const replicas = 40;
    const { exchanges, deliver, bag } = await group(gradientsOf(replicas, 50));
    const sent: Letter[] = [...bag];
    deliver(
      () => 0,
      (letter) => {
        if (!sent.includes(letter)) sent.push(letter);
        return false;
      },
    );
    expect(await sums(exchanges)).toHaveLength(replicas);
    expect(sent).toHaveLength(2 * (replicas - 1));
  });

  it('sends each piece once to its owner and each sum once to each other receiver, where that is fewer', async () => {
    const { exchanges, deliver, bag } = await group(gradientsOf(4, LONG));
    expect(exchanges.get('peer 0')!.sharing).toBe('scatter');
    const pieces = piecesOf(LONG, codecs['dense-f32']).length;
    expect(bag).toHaveLength(3 * pieces);
    const sent: Letter[] = [...bag];
    deliver(
      () => 0,
      (letter) => {
        if (letter.header.kind === 'SUM') sent.push(letter);
        return false;
      },
    );
    expect(sent.filter(({ header }) => header.kind === 'SUM')).toHaveLength(3 * pieces);
    expect(sent.reduce((bytes, { payload }) => bytes + payload.byteLength, 0)).toBe(2 * 3 * 4 * LONG);
  });

  it('ends without a sum, and names the sender, when a value is not finite', async () => {
    const gradients = gradientsOf(3, 30);
    gradients[1]![4] = Number.NaN;
    const { exchanges, deliver } = await group(gradients);
    deliver(() => 0);
    expect(await exchanges.get('peer 0')!.result).toEqual({ kind: 'refused', senders: ['peer 1'] });
  });

  it('knows whom it waits for: who sent nothing, and whose sum has not come', async () => {
    const { exchanges, deliver } = await group(gradientsOf(4, LONG));
    // peer 3 is not heard by the owner of the first piece, which therefore sums nothing
    deliver(
      () => 0,
      ({ from, to, header }) => header.kind === 'CONTRIBUTION' && from === 'peer 3' && to === 'peer 0',
    );
    expect(exchanges.get('peer 0')!.missing()).toEqual({ contributors: ['peer 3'], owners: [] });
    expect(exchanges.get('peer 1')!.missing()).toEqual({ contributors: [], owners: ['peer 0'] });
  });

  it('takes nothing that was not ordered', async () => {
    const { exchanges, bag } = await group(gradientsOf(2, 20));
    const [letter] = bag;
    const { to, from, header, payload } = letter!;
    const exchange = exchanges.get(to)!;
    expect(exchange.take('a stranger', header, payload)).toBe(false);
    expect(exchange.take(from, { ...header, firstElement: 3 }, payload)).toBe(false);
    expect(exchange.take(from, { ...header, elements: 10 }, payload)).toBe(false);
    expect(exchange.take(from, { ...header, kind: 'SUM' }, payload)).toBe(false);
  });

  it('counts a contribution that arrives twice once', async () => {
    const gradients = gradientsOf(2, 20);
    const { exchanges, deliver, bag } = await group(gradients);
    bag.push(...bag.map((letter) => ({ ...letter })));
    deliver(() => 0);
    for (const sum of await sums(exchanges)) {
      expect(sum[0]).toBe(Math.fround(gradients[0]![0]! + gradients[1]![0]!));
    }
  });
});

describe('what a peer contributes', () => {
  /** Sends nothing, and keeps everything for the next time: error feedback at its plainest. */
  const keeping = {
    ...codecs['dense-f32'],
    start: (parameters: number) => ({ residuals: [new Float32Array(parameters)] }),
    encode: ({ gradient, slice, state }: Parameters<(typeof codecs)['dense-f32']['encode']>[0]) => {
      const [kept] = state.residuals;
      for (let i = slice.from; i < slice.to; i++) kept![i]! += gradient[i]!;
      return new Uint8Array(kept!.slice(slice.from, slice.to).buffer);
    },
  };
  const gradient = Float32Array.of(1, 2);
  const order = (iteration: number, round = 0): ExchangeOrder => ({
    ...{ iteration, attempt: 0, stage: 1, round, microbatches: 1, deadlineSeconds: 0 },
    ...{ contributors: ['me'], receivers: ['me'], places: [0] },
  });
  const contributingOf = () =>
    new Contributing({ self: 'me', runSeed: 1, codec: keeping, rest: async () => {} });
  const valuesOf = async (contributing: Contributing, at: ExchangeOrder) => {
    const [piece] = await contributing.encode(at, gradient);
    return [...new Float32Array(piece!.slice().buffer)];
  };

  it('is encoded once for all rounds of its exchange: error feedback is not applied twice', async () => {
    const contributing = contributingOf();
    expect(await valuesOf(contributing, order(1))).toEqual([1, 2]);
    expect(await valuesOf(contributing, order(1, 1))).toEqual([1, 2]);
    expect(contributing.encodedBytes).toBe(8);
    contributing.settle(1, 0, true);
    expect(await valuesOf(contributing, order(2))).toEqual([2, 4]);
  });

  it('never was when the commit does not count it', async () => {
    const contributing = contributingOf();
    await valuesOf(contributing, order(1));
    contributing.settle(1, 0, true);
    await valuesOf(contributing, order(2));
    contributing.settle(2, 0, false);
    expect(await valuesOf(contributing, order(3))).toEqual([2, 4]);
    // another attempt at the same iteration starts from what the last commit left
    expect(await valuesOf(contributing, { ...order(3), attempt: 1 })).toEqual([2, 4]);
  });

  it('leaves nothing behind when the peer comes to another stage, and says what it keeps', async () => {
    const contributing = contributingOf();
    await valuesOf(contributing, order(1));
    contributing.settle(1, 0, true);
    expect(contributing.feedbackBytes).toBe(8);
    await valuesOf(contributing, order(2));
    expect(contributing.feedbackBytes).toBe(16);
    contributing.forget();
    expect(contributing.feedbackBytes).toBe(0);
    expect(await valuesOf(contributing, order(3))).toEqual([1, 2]);
  });
});
