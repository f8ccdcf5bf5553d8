// Tensors that come before what they belong to, or after it is over.

import { describe, expect, it } from 'vitest';
import { Arrivals, isLate, type Taken } from '../../src/swarm/training/arrivals.ts';
import { microbatchHeader } from '../../src/swarm/training/visits.ts';

const headerOf = (iteration: number, attempt: number) =>
  microbatchHeader('ACTIVATION', { iteration, attempt }, { microbatch: 0, path: [] }, 1, {
    type: 'F32',
    elements: 0,
  });
const nothing = new Uint8Array(0);

describe('a tensor that comes early', () => {
  it('is taken when what it belongs to has come', async () => {
    let answer: Taken = { kind: 'early' };
    const tried: Taken[] = [];
    const arrivals = new Arrivals({
      late: () => false,
      take: () => {
        tried.push(answer);
        return answer;
      },
    });
    const taking = arrivals.tensor('bob', headerOf(4, 0), nothing);
    arrivals.changed();
    answer = { kind: 'taken' };
    await Promise.resolve();
    arrivals.changed();
    expect(await taking).toBeUndefined();
    expect(tried.map(({ kind }) => kind)).toEqual(['early', 'taken']);
  });

  it('holds up nobody once another attempt has taken the place of its own', async () => {
    const state = { iteration: 3, plan: { iteration: 4, attempt: 0, plan: undefined } };
    const arrivals = new Arrivals({
      late: (header) => isLate(header, state),
      take: () => ({ kind: 'early' }),
    });
    const taking = arrivals.tensor('bob', headerOf(4, 0), nothing);
    state.plan.attempt = 1;
    arrivals.changed();
    expect(await taking).toBeUndefined();
  });

  it('is let go when the peer stops', async () => {
    const arrivals = new Arrivals({ late: () => false, take: () => ({ kind: 'early' }) });
    const taking = arrivals.tensor('bob', headerOf(4, 0), nothing);
    arrivals.stop();
    expect(await taking).toBeUndefined();
  });
});

describe('a tensor of another iteration', () => {
  const state = { iteration: 3, plan: { iteration: 4, attempt: 2, plan: undefined } };
  const cases: [string, number, number, boolean][] = [
    ['that was committed', 3, 5, true],
    ['under way, of an attempt before', 4, 1, true],
    ['under way', 4, 2, false],
    ['under way, of an attempt that is not known yet', 4, 3, false],
    ['that is not planned yet', 5, 0, false],
  ];
  for (const [what, iteration, attempt, late] of cases) {
    it(`${what} is ${late ? '' : 'not '}late`, () => {
      expect(isLate(headerOf(iteration, attempt), state)).toBe(late);
    });
  }
});
