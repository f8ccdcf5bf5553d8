// A newcomer takes a stage from the one peer that holds it, and one of the two is lost: before, while and after the
// weights travel.

import type { Simulation } from '../../../src/replay/simulation.ts';
import { PART_SIZES } from '../../../src/swarm/protocols.ts';
import { smallSimulation } from '../small-run.ts';

export interface TransferFault {
  readonly who: 'the donor' | 'the newcomer' | 'the last anchor';
  readonly when: string;
  /** Seconds after the journal lets the newcomer in; undefined: once it counts. */
  readonly seconds: number | undefined;
  /** The rule by which the stage comes back; undefined where it was never lost. */
  readonly rule: string | undefined;
  readonly outcome: string;
  /** Whether things have come to that. */
  readonly came: (seen: Seen) => Record<string, unknown>;
  readonly expected: Record<string, unknown>;
}

/** What is looked at after the fault. */
export interface Seen {
  readonly simulation: Simulation;
  readonly newcomer: string;
  readonly donor: string;
  /** Of the stage, in the last commit. */
  readonly contributors: readonly string[];
  /** How the newcomer was to come to hold it, as often as it was let in since it was lost at first. */
  readonly origins: readonly string[];
  /** Who was given up, by journal entry. */
  readonly gone: readonly string[];
  /** From whom the newcomer has what it computes with, with bytes. */
  readonly sources: Readonly<Record<string, number>>;
}

/** The newcomer holds the stage by what it rebuilt itself, and nothing of the donor's. */
const rebuilt = {
  came: ({ contributors, origins, gone, sources, donor }: Seen) => ({
    contributors,
    origins,
    gone,
    fromDonor: sources[donor] ?? 0,
  }),
  expected: {
    contributors: ['p4'],
    origins: ['donor', 'rebuild'],
    gone: ['p4', 'p5'], // the newcomer when it was lost at first
    fromDonor: 0,
  },
};

const held = ({ contributors, origins, gone }: Seen) => ({ contributors, origins, gone });

export const TRANSFERS: readonly TransferFault[] = [
  {
    who: 'the donor',
    when: 'before it sends',
    seconds: 0,
    rule: 'checkfree',
    outcome:
      'The newcomer asks in vain; the stage is lost whole, and the newcomer rebuilds it from its neighbours.',
    ...rebuilt,
  },
  {
    who: 'the donor',
    when: 'while it sends',
    seconds: 0.015,
    rule: 'checkfree',
    outcome: 'The same: half a snapshot is of no use, and nothing of it is taken.',
    ...rebuilt,
  },
  {
    who: 'the donor',
    when: 'when the newcomer counts',
    seconds: undefined,
    rule: undefined,
    outcome: 'The newcomer holds the same bits and goes on alone.',
    came: (seen) => ({ ...held(seen), hasDonorsBytes: (seen.sources[seen.donor] ?? 0) > 0 }),
    expected: { contributors: ['p4'], origins: ['donor'], gone: ['p4', 'p5'], hasDonorsBytes: true },
  },
  {
    who: 'the newcomer',
    when: 'before it asks',
    seconds: 0,
    rule: undefined,
    outcome:
      'The newcomer is gone by journal entry; the donor goes on alone, and lets its frozen snapshot go after a while.',
    came: held,
    expected: { contributors: ['p5'], origins: ['donor'], gone: ['p4', 'p4'] },
  },
  {
    who: 'the newcomer',
    when: 'while it loads',
    seconds: 0.015,
    rule: undefined,
    outcome: 'The same.',
    came: held,
    expected: { contributors: ['p5'], origins: ['donor'], gone: ['p4', 'p4'] },
  },
  {
    who: 'the newcomer',
    when: 'when it counts',
    seconds: undefined,
    rule: undefined,
    outcome: 'A replica was lost, as any other.',
    came: held,
    expected: { contributors: ['p5'], origins: ['donor'], gone: ['p4', 'p4'] },
  },
  {
    who: 'the last anchor',
    when: 'while it sends stage 0 to a newcomer',
    seconds: 0.05,
    rule: undefined,
    outcome:
      'The newcomer was fetching from those who keep copies as well: what has come stays, the rest comes from them, and it goes on as the anchor with the same bits.',
    came: (seen) => ({
      ...held(seen),
      fromDonor: (seen.sources[seen.donor] ?? 0) > 0,
      fromOthers: Object.keys(seen.sources).some((peer) => peer !== seen.donor),
    }),
    expected: {
      contributors: ['p1'],
      origins: ['donor'],
      gone: ['p0', 'p1'],
      fromDonor: true,
      fromOthers: true,
    },
  },
];

/** Until it shows what has become of the newcomer. */
export const ITERATIONS = 14;

/** Stage 2, whose snapshot takes about 30 ms on its way; and stage 0, whose takes about 130, and whose donor leads. */
const MIDDLE = { newcomer: 'p4', donor: 'p5' };
const ANCHORS = { newcomer: 'p1', donor: 'p0' };

/** Runs the small swarm: a replica is lost early, comes back, and it or the other is lost around the transfer. */
export async function transferring(fault: TransferFault): Promise<{ seen: Seen; broke: boolean }> {
  const { newcomer, donor } = fault.who === 'the last anchor' ? ANCHORS : MIDDLE;
  const victim = fault.who === 'the newcomer' ? newcomer : donor;
  let gone = false;
  let back = false;
  let broke = false;
  const simulation = smallSimulation({
    iterations: ITERATIONS,
    bytesPerSecond: 1e6,
    sizes: { ...PART_SIZES, weightChunkBytes: 4096 },
    script: (event, simulated) => {
      const { world, crash } = simulated;
      if (event.kind === 'plan' && event.iteration === 2 && !gone) {
        gone = true;
        crash(newcomer);
      } else if (event.kind === 'commit' && event.commit.iteration === 3 && !back) {
        back = true;
        void simulated.start(newcomer);
      }
      const wanted = fault.seconds === undefined ? 'active' : 'entered';
      if (!back || broke || event.kind !== wanted || event.peer !== newcomer) return;
      if (event.of !== donor) return;
      broke = true;
      world.after(fault.seconds ?? 0, '', () => crash(victim));
    },
  });
  await simulation.run(600);
  return { seen: seenOf(simulation, newcomer, donor), broke };
}

function seenOf(simulation: Simulation, newcomer: string, donor: string): Seen {
  const stage = newcomer === MIDDLE.newcomer ? 2 : 0;
  const { events } = simulation;
  const last = events.findLast((event) => event.kind === 'commit');
  const counted = last?.kind === 'commit' ? last.commit.stages.find((one) => one.stage === stage) : undefined;
  // each entry is told of by everyone; who has seen all of them is one that was there from first to last
  const told = events.filter(({ of }) => of === 'p2');
  const lostAt = told.find((event) => event.kind === 'gone' && event.peer === newcomer)?.at ?? 0;
  const origins = told.flatMap((event) =>
    event.kind === 'entered' && event.peer === newcomer && event.at > lostAt ? [event.origin] : [],
  );
  const gone = told.flatMap((event) => (event.kind === 'gone' ? [event.peer] : []));
  const fetched = events.flatMap((event) =>
    event.of === newcomer && event.kind === 'fetched' && event.at > lostAt ? event.sources : [],
  );
  const sources: Record<string, number> = {};
  for (const { peer, bytes } of fetched) sources[peer] = (sources[peer] ?? 0) + bytes;
  return {
    simulation,
    newcomer,
    donor,
    contributors: counted?.contributors ?? [],
    origins,
    gone: gone.toSorted(),
    sources,
  };
}

export function transferTable(): string {
  return [
    '| who is lost | when | what happens |',
    '| --- | --- | --- |',
    ...TRANSFERS.map(({ who, when, outcome }) => `| ${who} | ${when} | ${outcome} |`),
  ].join('\n');
}
