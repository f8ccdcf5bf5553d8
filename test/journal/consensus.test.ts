import { describe, expect, it } from 'vitest';
import { Keeper } from '../../src/journal/consensus/keeper.ts';
import { emptyBase } from '../../src/journal/consensus/log.ts';
import {
  type Ballot,
  type KeeperMessage,
  type LogEntry,
  MAX_TERM_LEAD,
} from '../../src/journal/consensus/messages.ts';
import { generator, stream } from '../../src/random/index.ts';
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
        lies: 10 * SEEDS_EACH,
      };
      for (const [name, count] of Object.entries(least)) expect(sum[name], name).toBeGreaterThan(count);
    });
  }

  it('run the same way twice from one seed', () => {
    const counts = (): Counts => new ConsensusWorld(schedule(3, 5)).run();
    expect(counts()).toEqual(counts());
  });
});

describe('a keeper', () => {
  const genesis = { index: 0, term: 0, hash: 'genesis', author: 'a', previous: '', keepers: ['a', 'b', 'c'] };
  const entry = (hash: string, author = 'a', term = 1): LogEntry => ({
    index: 1,
    term,
    hash,
    author,
    previous: 'genesis',
  });
  const started = (ballot: Ballot, ...entries: LogEntry[]): Keeper<LogEntry> =>
    new Keeper<LogEntry>({
      self: 'b',
      rules: consensusRules,
      chance: generator(stream({ runSeed: 1, purpose: 'election' })),
      entryBytes: () => 1,
      ballot,
      base: emptyBase(''),
      entries: [genesis, ...entries],
      certificate: undefined,
    });
  const append = (...entries: LogEntry[]): KeeperMessage<LogEntry> => ({
    kind: 'append',
    term: 1,
    previousIndex: entries[0]!.index - 1,
    previousHash: entries[0]!.previous,
    entries,
    certificate: undefined,
  });
  const votedForA = { term: 1, votedFor: 'a' };
  const hears = (keeper: Keeper<LogEntry>, message: KeeperMessage<LogEntry>, from = 'a') =>
    keeper.step({ kind: 'message', from, message });

  it('signs one entry for a place in a term, also when it was started again in between', () => {
    const keeper = started(votedForA);
    const { sign, log, ballot } = hears(keeper, append(entry('one')));
    expect(sign).toEqual({ term: 1, index: 1, hash: 'one' });
    expect({ entries: log?.entries, ballot }).toEqual({ entries: [entry('one')], ballot: undefined });
    for (const one of [keeper, started(votedForA, entry('one'))]) {
      const { messages, wrong, ...others } = hears(one, append(entry('another')));
      expect(wrong).toMatch(/another than before/);
      expect({ messages, ...others }).toEqual({ messages: [], committed: [], outcome: 'ok' });
      expect(one.log.hashAt(1)).toBe('one');
    }
  });

  it('signs none for places of entries that its log has no more, in that term', () => {
    const keeper = started({ ...votedForA, signedUpTo: 1 });
    const next = { ...entry('two'), index: 2, previous: 'another' };
    expect(hears(keeper, append(entry('another'))).sign).toBeUndefined();
    expect(hears(keeper, append(next)).sign).toEqual({ term: 1, index: 2, hash: 'two' });
  });

  it('takes no entry that who leads its term has not made', () => {
    const others: [LogEntry, RegExp | undefined][] = [
      [entry('of another keeper', 'c'), /by c/],
      [entry('of no keeper, in a term before', 'mallory', 0), undefined],
    ];
    for (const [foreign, problem] of others) {
      const keeper = started({ term: 0, votedFor: '' });
      const { sign, log, wrong } = hears(keeper, append(foreign));
      expect({ sign, log }).toEqual({ sign: undefined, log: undefined });
      if (problem) expect(wrong).toMatch(problem);
    }
  });

  it('goes along with no keeper to a term that elections could not have reached', () => {
    const keeper = started(votedForA);
    for (const term of [MAX_TERM_LEAD + 1, 2 ** 31 - 1]) {
      expect(hears(keeper, { kind: 'refused', term, index: 0 }).ballot).toBeUndefined();
      expect(hears(keeper, { kind: 'voted', term, granted: true }).wrong).toMatch(/not asked/);
      expect(keeper.term).toBe(1);
    }
    hears(keeper, { kind: 'refused', term: MAX_TERM_LEAD, index: 0 });
    expect(keeper.term).toBe(MAX_TERM_LEAD);
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
