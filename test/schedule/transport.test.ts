// The transportation problem against every possible answer of small instances, and fair rates against their definition.

import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import { createFlows } from '../../src/schedule/execute/flows.ts';
import { transport } from '../../src/schedule/transport.ts';
import { linksOf } from './build.ts';

const costs = fc.array(fc.array(fc.nat(9), { minLength: 3, maxLength: 3 }), { minLength: 3, maxLength: 3 });
const amounts = fc.array(fc.nat(2), { minLength: 3, maxLength: 3 });

describe('transport', () => {
  it('moves every supply within every demand at the least cost', () => {
    fc.assert(
      fc.property(amounts, amounts, costs, (supply, spare, cost) => {
        const demand = supply.map((_, j) => spare[j]! + supply[(j + 1) % 3]!); // sums suffice by construction
        const flow = transport(supply, demand, cost);
        flow.forEach((row, i) => {
          expect(row.reduce((a, b) => a + b, 0)).toBe(supply[i]);
          for (const amount of row) expect(amount).toBeGreaterThanOrEqual(0);
        });
        demand.forEach((most, j) => {
          expect(flow.reduce((sum, row) => sum + row[j]!, 0)).toBeLessThanOrEqual(most);
        });
        const total = flow
          .flatMap((row, i) => row.map((amount, j) => amount * cost[i]![j]!))
          .reduce((a, b) => a + b, 0);
        expect(total).toBe(cheapest(supply, demand, cost));
      }),
      { numRuns: 200, seed: 5 },
    );
  });

  it('refuses more supply than demand', () => {
    expect(() => transport([2], [1], [[0]])).toThrow(RangeError);
  });
});

/** The least cost by trying everything, an item at a time. */
function cheapest(
  supply: readonly number[],
  demand: readonly number[],
  cost: readonly (readonly number[])[],
): number {
  const sender = supply.findIndex((left) => left > 0);
  if (sender < 0) return 0;
  let best = Number.POSITIVE_INFINITY;
  demand.forEach((open, receiver) => {
    if (open === 0) return;
    const less = (values: readonly number[], at: number) =>
      values.map((value, i) => (i === at ? value - 1 : value));
    best = Math.min(
      best,
      cost[sender]![receiver]! + cheapest(less(supply, sender), less(demand, receiver), cost),
    );
  });
  return best;
}

describe('shared links', () => {
  it('give max-min fair rates: no link over its capacity, and every flow held by a full link on which none is faster', () => {
    const count = 4;
    const rate = fc.integer({ min: 1, max: 20 });
    const ends = fc.tuple(fc.nat(count - 1), fc.nat(count - 1)).filter(([from, to]) => from !== to);
    fc.assert(
      fc.property(
        fc.array(ends, { minLength: 1, maxLength: 10 }),
        fc.array(rate, { minLength: count, maxLength: count }),
        fc.array(rate, { minLength: count, maxLength: count }),
        rate,
        (pairs, upload, download, pair) => {
          const flows = createFlows(linksOf(count, { upload, download, pair, shared: true }));
          const bytes = 1000;
          pairs.forEach(([from, to], edge) => {
            flows.start(edge, from, to, bytes, 0);
          });
          const rates = new Array<number>(pairs.length).fill(0);
          flows.share(0, (edge, time) => {
            rates[edge] = bytes / time;
          });
          const linksOfFlow = ([from, to]: readonly [number, number]) => [
            `up ${from}`,
            `down ${to}`,
            `${from} ${to}`,
          ];
          const capacity = (link: string) => {
            const [kind, peer] = link.split(' ');
            return kind === 'up' ? upload[Number(peer)]! : kind === 'down' ? download[Number(peer)]! : pair;
          };
          const on = (link: string) =>
            pairs.flatMap((ends, edge) => (linksOfFlow(ends).includes(link) ? [rates[edge]!] : []));
          pairs.forEach((ends, edge) => {
            const held = linksOfFlow(ends).some((link) => {
              const used = on(link).reduce((a, b) => a + b, 0);
              expect(used).toBeLessThanOrEqual(capacity(link) + 1e-9);
              return used > capacity(link) - 1e-9 && Math.max(...on(link)) <= rates[edge]! + 1e-9;
            });
            expect(held).toBe(true);
          });
        },
      ),
      { numRuns: 200, seed: 9 },
    );
  });
});
