// Whose word a member gives to founding the run again, when it keeps no part of the journal itself.

import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/journal/canonical.ts';
import type { Entry, EntryBody } from '../../src/journal/entry.ts';
import { Journal } from '../../src/journal/journal.ts';
import { createMemoryStore } from '../../src/journal/memory-store.ts';
import { refoundingAgreement } from '../../src/journal/refounding.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import type { Ledger } from '../../src/swarm/agreement/ledger.ts';
import { Refounding, type RefoundingParts } from '../../src/swarm/agreement/refounding.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { nothingMeasured, timeoutsFrom } from '../../src/swarm/membership/timeouts.ts';

const LENGTH = 40;
const digest = '0'.repeat(64);

/** A run that p1 founded and leads. */
function stateLedByP1(): RunState {
  const state = new RunState();
  const bodies: EntryBody[] = [
    { kind: 'genesis', runId: digest, founder: 'p1' },
    { kind: 'leader', peer: 'p1', reason: '' },
    {
      kind: 'members',
      changes: ['p0', 'p1'].map((peer) => ({
        kind: 'enter',
        peer,
        name: peer,
        addresses: [],
        stage: 0,
        origin: { kind: 'initial' },
      })),
    },
  ];
  bodies.forEach((body, index) => {
    const entry = { index, term: Math.min(index, 1), previous: digest, author: 'p1', body };
    state.apply({ ...entry, hash: digest, signature: '' });
  });
  return state;
}

const hash = 'ab'.repeat(32);
const identity = createSimulatedIdentity('p0');

/** A member that is no keeper, in a run that p1 leads as far as it knows, and that takes p1 to be alive. */
function member(
  silentSeconds: number | (() => number) = 0,
  world = new SimulatedWorld(),
  alone: RefoundingParts['alone'] = async () => {},
): Refounding {
  const here = { run: digest, term: 2, index: LENGTH, previous: hash, peer: 'p0' };
  const ledger: Pick<Ledger, 'isKeeper' | 'leader' | 'certainLength' | 'keepers' | 'refoundingProposal'> = {
    isKeeper: false,
    leader: '',
    certainLength: LENGTH,
    keepers: ['p1', 'p2'],
    refoundingProposal: here,
  };
  const state = stateLedByP1();
  return new Refounding({
    self: 'p0',
    clock: world.clockOf('p0'),
    messenger: { silentSeconds: typeof silentSeconds === 'number' ? () => silentSeconds : silentSeconds },
    alone,
    event: () => {},
    identity,
    ledger: ledger as Ledger,
    timing: { timeouts: timeoutsFrom(nothingMeasured) },
    state: () => state,
    alive: () => true,
    isOver: () => false,
  } as unknown as RefoundingParts);
}

async function asked(by: Refounding, from: string, said: { length?: number; hash?: string } = {}) {
  const nothing = new Uint8Array(0);
  const empty = {
    lastTerm: 0,
    granted: false,
    handedOver: false,
    entries: [],
    signature: nothing,
    keepers: [],
  };
  const answer = await by.asked(from, { ...empty, kind: 'REFOUND', term: 7, length: LENGTH, hash, ...said });
  if (answer.kind !== 'consensus') throw new Error(`it answers ${answer.kind}`);
  return answer.value;
}

/** Lets so much of the world's time pass. */
async function passing(world: SimulatedWorld, seconds: number): Promise<void> {
  const at = world.now() + seconds;
  world.after(seconds, '', () => {});
  await world.run(() => world.now() >= at, at + 1);
}

const granted = async (...question: Parameters<typeof asked>) => (await asked(...question)).granted;

describe('a member that is no keeper', () => {
  it('takes the word of who led last that it cannot lead any more', async () => {
    expect(await granted(member(), 'p1')).toBe(true);
  });

  it('signs for the run, the term, the place and the history that it was asked about, and for who asked', async () => {
    const { signature } = await asked(member(), 'p1');
    const agreed = { run: digest, term: 7, index: LENGTH, previous: hash, peer: 'p1' };
    expect(await identity.verify('p0', refoundingAgreement(agreed), signature)).toBe(true);
    const others = [{ term: 8 }, { index: 41 }, { previous: digest }, { peer: 'p3' }, { run: hash }];
    for (const other of others) {
      expect(await identity.verify('p0', refoundingAgreement({ ...agreed, ...other }), signature)).toBe(
        false,
      );
    }
  });

  it('gives its word to nobody else while it hears that one', async () => {
    expect(await granted(member(), 'p3')).toBe(false);
  });

  it('gives it to another when it has never heard that one in this life', async () => {
    const world = new SimulatedWorld();
    const one = member(Number.POSITIVE_INFINITY, world);
    const { refounding } = timeoutsFrom(nothingMeasured);
    const askedAfter = async (seconds: number) => {
      await passing(world, seconds);
      return granted(one, 'p3');
    };
    expect(await askedAfter(refounding / 4)).toBe(false);
    expect(await askedAfter(refounding / 2)).toBe(true);
  });

  it('that is entering stays to give its word for as long as others wait for more, or until somebody leads', async () => {
    const world = new SimulatedWorld();
    const { refounding } = timeoutsFrom(nothingMeasured);
    let silentSeconds = Number.POSITIVE_INFINITY;
    const asking: { patienceSeconds: number; enough: () => boolean }[] = [];
    member(
      () => silentSeconds,
      world,
      async (patienceSeconds = 0, enough = () => true) => {
        asking.push({ patienceSeconds, enough });
      },
    );
    await passing(world, refounding + 2);
    expect(asking).toMatchObject([{ patienceSeconds: 600 }]);
    expect(asking[0]!.enough()).toBe(false);
    silentSeconds = 0;
    expect(asking[0]!.enough()).toBe(true);
  });

  it('gives it to nobody whose journal is shorter than its own, or another one', async () => {
    expect(await granted(member(), 'p1', { length: LENGTH - 1 })).toBe(false);
    expect(await granted(member(), 'p1', { hash: digest })).toBe(false);
  });

  it('gives it to one at a time', async () => {
    const one = member();
    expect([await granted(one, 'p1'), await granted(one, 'p3')]).toEqual([true, false]);
  });
});

describe('an entry by which a run is founded again', () => {
  const proposal = { run: digest, term: 7, index: LENGTH, previous: hash, peer: 'p1' };

  async function entryWith(agreed: { peer: string; signature: string }[]): Promise<Entry> {
    const body: EntryBody = { kind: 'refound', run: digest, peer: 'p1', keepers: ['p1'], lost: [], agreed };
    const store = createMemoryStore();
    const journal = await Journal.open(createSimulatedIdentity('p1'), store);
    const [entry] = await journal.make([body], 7, { index: LENGTH - 1, hash });
    return entry!;
  }

  const signed = async (peer: string, said = proposal) => ({
    peer,
    signature: toHex(await createSimulatedIdentity(peer).sign(refoundingAgreement(said))),
  });

  it('is taken when everyone whom it names has signed for it, and refused else', async () => {
    const journal = await Journal.open(createSimulatedIdentity('anyone'), createMemoryStore());
    await journal.checkAlone(await entryWith([await signed('p1'), await signed('p2')]));
    const wrong = [
      [await signed('p1'), { peer: 'p2', signature: '' }],
      [await signed('p1'), { ...(await signed('p1')), peer: 'p2' }],
      [await signed('p1'), await signed('p2', { ...proposal, term: 6 })],
      [await signed('p1'), await signed('p2', { ...proposal, peer: 'p2' })],
    ];
    for (const agreed of wrong) {
      await expect(journal.checkAlone(await entryWith(agreed))).rejects.toThrow(/p2 has not signed/);
    }
  });
});
