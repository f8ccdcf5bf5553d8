// A newcomer takes a stage from the one peer that holds it, and one of the two is lost: before, while and after the
// weights travel.

import type { Simulation } from '../../../src/replay/simulation.ts';
import { smallSimulation } from '../small-run.ts';

export interface TransferFault {
  readonly who: 'the donor' | 'the newcomer';
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
];

/** The snapshot takes about 30 ms on its way. */
const NEWCOMER = 'p4';
const DONOR = 'p5';

/** Runs the small swarm: p4 is lost early, comes back, and it or p5 is lost around the transfer between them. */
export async function transferring(
  fault: TransferFault,
): Promise<{ simulation: Simulation; broke: boolean }> {
  const victim = fault.who === 'the donor' ? DONOR : NEWCOMER;
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
        crash(NEWCOMER);
      } else if (event.kind === 'commit' && event.commit.iteration === 3 && !back) {
        back = true;
        void simulated.start(NEWCOMER);
      }
      const wanted = fault.seconds === undefined ? 'active' : 'entered';
      if (!back || broke || event.kind !== wanted || event.peer !== NEWCOMER) return;
      if (event.of !== DONOR) return;
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
