// Whose word a member gives to founding the run again, when it keeps no part of the journal itself.

import { describe, expect, it } from 'vitest';
import type { EntryBody } from '../../src/journal/entry.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import type { Ledger } from '../../src/swarm/ledger.ts';
import { Refounding, type RefoundingParts } from '../../src/swarm/refounding.ts';
import { RunState } from '../../src/swarm/run-state.ts';

const LENGTH = 40;
const digest = '0'.repeat(64);

/** A run that p1 founded and leads. */
function stateLedByP1(): RunState {
  const state = new RunState();
  const bodies: EntryBody[] = [
    { kind: 'genesis', runId: digest, founder: 'p1' },
    { kind: 'leader', peer: 'p1', reason: '' },
  ];
  bodies.forEach((body, index) => {
    const entry = { index, term: index, previous: digest, author: 'p1', body };
    state.apply({ ...entry, hash: digest, signature: '' });
  });
  return state;
}

/** A member that is no keeper, in a run that p1 leads as far as it knows, and that takes p1 to be alive. */
function member(): Refounding {
  const ledger: Pick<Ledger, 'isKeeper' | 'leader' | 'certainLength' | 'keepers'> = {
    isKeeper: false,
    leader: '',
    certainLength: LENGTH,
    keepers: ['p1', 'p2'],
  };
  const state = stateLedByP1();
  return new Refounding({
    self: 'p0',
    clock: new SimulatedWorld().clockOf('p0'),
    ledger: ledger as Ledger,
    state: () => state,
    alive: () => true,
    isOver: () => false,
  } as unknown as RefoundingParts);
}

function granted(by: Refounding, asking: string, length = LENGTH): boolean {
  const answer = by.asked(asking, length);
  return answer.kind === 'consensus' && answer.value.granted;
}

describe('a member that is no keeper', () => {
  it('takes the word of who led last that it cannot lead any more', () => {
    expect(granted(member(), 'p1')).toBe(true);
  });

  it('gives its word to nobody else while it hears that one', () => {
    expect(granted(member(), 'p3')).toBe(false);
  });

  it('gives it to nobody whose journal is shorter than its own', () => {
    expect(granted(member(), 'p1', LENGTH - 1)).toBe(false);
  });

  it('gives it to one at a time', () => {
    const asked = member();
    expect([granted(asked, 'p1'), granted(asked, 'p3')]).toEqual([true, false]);
  });
});
