import { describe, expect, it } from 'vitest';
import { type ConsensusRules, consensusRules } from '../../src/journal/consensus/rules.ts';
import { type Counts, ConsensusWorld, type Schedule, Violation } from './consensus-world.ts';

const SEEDS_EACH = 300;

function schedule(seed: number, keepers: number, rules?: ConsensusRules): Schedule {
  return { seed, keepers, others: 2, rounds: 120, ...(rules && { rules }) };
}

describe('keepers that agree on the order of a journal', () => {
  for (const keepers of [3, 5, 7]) {
    it(`keep one history whatever happens to messages, disks and clocks: ${keepers} of them, ${SEEDS_EACH} schedules`, () => {
      const sum: Record<string, number> = {};
      for (let seed = 0; seed < SEEDS_EACH; seed++) {
        const counts = new ConsensusWorld(schedule(seed, keepers)).run();
        for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
      }
      // a net in which nothing goes wrong, or nothing goes right, would show nothing
      const least: Counts = {
        events: 100_000,
        elections: SEEDS_EACH,
        committed: 3 * SEEDS_EACH,
        crashes: 5 * SEEDS_EACH,
        cuts: 2 * SEEDS_EACH,
        keeperChanges: 100,
        installs: 10,
      };
      for (const [name, count] of Object.entries(least)) expect(sum[name], name).toBeGreaterThan(count);
    });
  }

  it('run the same way twice from one seed', () => {
    const counts = (): Counts => new ConsensusWorld(schedule(3, 5)).run();
    expect(counts()).toEqual(counts());
  });
});

describe('a broken rule is found within 100 schedules', () => {
  const broken: [string, Partial<ConsensusRules>, RegExp][] = [
    [
      'a ballot that is not written to the disk',
      { remember: () => ({ term: 0, votedFor: '' }) },
      /one leader a term|two/,
    ],
    [
      'a vote that is forgotten in a restart',
      { remember: ({ term }) => ({ term, votedFor: '' }) },
      /one leader a term|two/,
    ],
    [
      'a commit by half of the keepers',
      {
        isMajority: (peers, keepers) =>
          2 * [...peers].filter((peer) => keepers.includes(peer)).length >= keepers.length - 1,
      },
      /is certain by|one leader a term|two/,
    ],
    ['two keepers that change at once', { mayFollow: () => true }, /at once/],
  ];
  for (const [what, rules, problem] of broken) {
    it(what, () => {
      const found = [];
      for (let seed = 0; seed < 100; seed++) {
        const world = new ConsensusWorld(
          schedule(seed, [3, 5, 7][seed % 3]!, { ...consensusRules, ...rules }),
        );
        try {
          world.run();
        } catch (error) {
          if (!(error instanceof Violation)) throw error;
          found.push(error.message);
        }
      }
      expect(found.some((message) => problem.test(message))).toBe(true);
    });
  }
});
