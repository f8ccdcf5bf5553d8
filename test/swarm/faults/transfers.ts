// A newcomer takes a stage from the one peer that holds it, and one of the two is lost: before, while and after the
// weights travel.

import type { Simulation } from '../../../src/replay/simulation.ts';
import { smallSimulation } from '../small-run.ts';

export interface TransferFault {
  readonly who: 'the donor' | 'the newcomer' | 'the last anchor';
  readonly when: string;
  /** Seconds after the journal lets the newcomer in; undefined: once it counts. */
  readonly seconds: number | undefined;
  /** The rule by which the stage comes back; undefined where it was never lost. */
  readonly rule: string | undefined;
  readonly outcome: string;
}

export const TRANSFERS: readonly TransferFault[] = [
  {
    who: 'the donor',
    when: 'before it sends',
    seconds: 0,
    rule: 'checkfree',
    outcome:
      'The newcomer asks in vain and is let go; the stage is lost whole, and is rebuilt from its neighbours.',
  },
  {
    who: 'the donor',
    when: 'while it sends',
    seconds: 0.015,
    rule: 'checkfree',
    outcome: 'The same: half a snapshot is of no use, and nothing of it is taken.',
  },
  {
    who: 'the donor',
    when: 'when the newcomer counts',
    seconds: undefined,
    rule: undefined,
    outcome: 'The newcomer holds the same bits and goes on alone.',
  },
  {
    who: 'the newcomer',
    when: 'before it asks',
    seconds: 0,
    rule: undefined,
    outcome: 'The donor lets its frozen snapshot go; the newcomer is gone by journal entry.',
  },
  {
    who: 'the newcomer',
    when: 'while it loads',
    seconds: 0.015,
    rule: undefined,
    outcome: 'The same.',
  },
  {
    who: 'the newcomer',
    when: 'when it counts',
    seconds: undefined,
    rule: undefined,
    outcome: 'A replica was lost, as any other.',
  },
  {
    who: 'the last anchor',
    when: 'while it sends stage 0 to a newcomer',
    seconds: 0.05,
    rule: undefined,
    outcome:
      'The newcomer was fetching from those who keep copies as well: what has come stays, the rest comes from them, and it goes on as the anchor with the same bits.',
  },
];

/** Stage 2, whose snapshot takes about 30 ms on its way; and stage 0, whose takes about 130, and whose donor leads. */
const MIDDLE = { newcomer: 'p4', donor: 'p5' };
const ANCHORS = { newcomer: 'p1', donor: 'p0' };

/** Runs the small swarm: a replica is lost early, comes back, and it or the other is lost around the transfer. */
export async function transferring(
  fault: TransferFault,
): Promise<{ simulation: Simulation; broke: boolean }> {
  const { newcomer, donor } = fault.who === 'the last anchor' ? ANCHORS : MIDDLE;
  const victim = fault.who === 'the newcomer' ? newcomer : donor;
  let gone = false;
  let back = false;
  let broke = false;
  const simulation = smallSimulation({
    iterations: 20,
    bytesPerSecond: 1e6,
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
  return { simulation, broke };
}

export function transferTable(): string {
  return [
    '| who is lost | when | what happens |',
    '| --- | --- | --- |',
    ...TRANSFERS.map(({ who, when, outcome }) => `| ${who} | ${when} | ${outcome} |`),
  ].join('\n');
}
