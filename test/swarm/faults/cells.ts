// The fault rules, one cell a rule: who fails, at what, when, and what then happens. docs/faults.md shows this table,
// and each cell is a test.

import type { Fault, Moment, Work } from './breaking.ts';

/** What becomes of the micro-batch that the peer was working on, and of those it had worked on before. */
export type Fate =
  /** led to another replica; it counts in every stage */
  | 'led-around'
  /** its path leaves the lost stage out; it counts in the others */
  | 'skipped'
  /** it counts where its gradient came before the path broke, and nowhere behind */
  | 'broken-off'
  /** it counts in every stage but the lost peer's, whose sum is gone with it */
  | 'sum-lost'
  /** all of the anchor's micro-batches that had not reached their head are given up */
  | 'given-up'
  /** it counts everywhere but at the lost anchor */
  | 'anchor-sum-lost'
  /** the iteration starts anew under the next leader, and nothing is given up */
  | 'anew'
  /** it was committed already; nothing changes */
  | 'committed';

export interface Row {
  readonly who: string;
  readonly victims: readonly string[];
  readonly doing: string;
  readonly work: Work;
  /** Which call of the iteration is meant. */
  readonly call: number;
  /** Of the moments that there are. */
  readonly fates: Readonly<Partial<Record<Moment, Fate>>>;
}

export const MOMENTS: readonly Moment[] = [
  'before computing',
  'while computing',
  'before sending',
  'while sending',
  'after sending',
];

const replica = { who: 'a replica of a middle stage', victims: ['p4'] };
const follower = { who: 'a replica of a middle stage, no keeper', victims: ['p5'] };
const keeper = { who: 'a replica of a middle stage, a keeper', victims: ['p4'] };
const last = { who: 'a replica of the last stage', victims: ['p6'] };
const stage = { who: 'all replicas of a middle stage', victims: ['p4', 'p5'] };
const lastStage = { who: 'all replicas of the last stage', victims: ['p6', 'p7'] };
const anchor = { who: 'an anchor', victims: ['p1'] };
const anchorKeeper = { who: 'an anchor, also a keeper', victims: ['p1'] };
const leader = { who: 'the leader, also an anchor', victims: ['p0'] };
const anchors = { who: 'all anchors, the leader too', victims: ['p0', 'p1'] };

const forward = { doing: 'forward', work: 'forward', call: 1 } as const;
const backward = { doing: 'backward', work: 'backward', call: 1 } as const;
const head = { doing: 'head and loss', work: 'head', call: 1 } as const;
/** A peer empties its gradient when an iteration starts; the second time it takes it to exchange it. */
const exchange = { doing: 'exchange', work: 'takeGradients', call: 2 } as const;
/**
 * It is computed by writing its entry to the disk, and sent by a keeper who says so; whoever is no keeper sends nothing.
 * The next leader has the commit where it had reached a keeper, and orders the iteration anew where it had not.
 */
const commit = { doing: 'commit', work: 'commit', call: 1 } as const;
const update = { doing: 'update after the commit', work: 'writeWeights', call: 1 } as const;

/** Others have agreed on the commit by then. */
const WRITTEN = { 'before computing': 'committed', 'while computing': 'committed' } as const;

export const ROWS: readonly Row[] = [
  { ...replica, ...forward, fates: always('led-around') },
  { ...replica, ...backward, fates: untilSent('led-around', 'sum-lost') },
  { ...replica, ...exchange, fates: always('sum-lost') },
  { ...keeper, ...commit, fates: always('committed') },
  { ...follower, ...commit, fates: WRITTEN },
  { ...replica, ...update, fates: always('committed') },
  { ...last, ...forward, fates: always('led-around') },
  { ...last, ...backward, fates: untilSent('led-around', 'sum-lost') },
  { ...last, ...exchange, fates: always('sum-lost') },
  { ...last, ...commit, fates: WRITTEN },
  { ...last, ...update, fates: always('committed') },
  { ...stage, ...forward, fates: untilSent('skipped', 'broken-off') },
  { ...stage, ...backward, fates: untilSent('broken-off', 'sum-lost') },
  { ...stage, ...exchange, fates: always('sum-lost') },
  { ...stage, ...commit, fates: WRITTEN },
  { ...stage, ...update, fates: always('committed') },
  { ...lastStage, ...forward, fates: untilSent('skipped', 'broken-off') },
  { ...lastStage, ...backward, fates: untilSent('broken-off', 'sum-lost') },
  { ...lastStage, ...exchange, fates: always('sum-lost') },
  { ...lastStage, ...commit, fates: WRITTEN },
  { ...lastStage, ...update, fates: always('committed') },
  { ...anchor, ...forward, fates: always('given-up') },
  { ...anchor, ...head, fates: untilSent('given-up', 'anchor-sum-lost') },
  { ...anchor, ...backward, fates: always('anchor-sum-lost') },
  // its contribution and its word of the sum had both arrived: nothing of it is missing
  { ...anchor, ...exchange, fates: { ...always('anchor-sum-lost'), 'after sending': 'committed' } },
  { ...anchorKeeper, ...commit, fates: always('committed') },
  { ...anchor, ...update, fates: always('committed') },
  { ...leader, ...forward, fates: always('anew') },
  { ...leader, ...head, fates: always('anew') },
  { ...leader, ...backward, fates: always('anew') },
  { ...leader, ...exchange, fates: always('anew') },
  { ...leader, ...commit, fates: untilSent('anew', 'committed') },
  { ...leader, ...update, fates: always('committed') },
  { ...anchors, ...forward, fates: always('anew') },
  { ...anchors, ...update, fates: always('committed') },
];

/** What a fate means, in the words of docs/faults.md: the micro-batch, its gradient, its memory. */
export const MEANINGS: Readonly<Record<Fate, string>> = {
  'led-around':
    'The peer before the lost one kept its output and sends it to another replica of the stage, which runs one forward in its place; whoever has the micro-batch already only learns its new way back. It counts in every stage. Only that stage is computed twice.',
  skipped:
    'No replica is left, and the next stage has not computed with the lost one’s output: the path leaves the stage out (`emergencySkips`), and the micro-batch counts in the others.',
  'broken-off':
    'No replica is left, and what comes after the stage was computed from its output: a shorter path would have another gradient, so the micro-batch ends there. It counts in the stages whose gradient it has reached, and the commit names it as dropped.',
  'sum-lost':
    'The gradient has gone by, so the micro-batch counts in every other stage. What the lost peer had added up is gone with it: in its stage the commit names only what the other replicas added, and the mean is over that.',
  'given-up':
    'Only its anchor has its text and its loss: its micro-batches of which the head’s gradient has not come back to the last peer of the path end everywhere, by the word of that peer, and the commit names them as dropped. From the next plan on the other anchors take its data.',
  'anchor-sum-lost':
    'The head’s gradient was under way already, and the last peer of the path has it: the micro-batches count wherever it arrives. Only at stage 0 is the lost anchor’s sum missing.',
  anew: 'The next leader orders the iteration again, as a new attempt, with who is left; where all anchors are lost, after a peer with an exact copy of stage 0 has taken their place. What was computed in the attempt before is let go; no micro-batch is given up, and nothing of two attempts is mixed.',
  committed:
    'The commit stands: the other replicas apply it, and the lost peer’s copy is one fewer; a stage that is left without a holder is rebuilt like any other. Where the leader is lost, the next one has the commit and goes on from it.',
};

export function faultsOf(row: Row, moment: Moment): Fault[] {
  const { victims, work, call } = row;
  return victims.map((victim) => ({ victim, work, moment, call }));
}

/** The moments of a row, in order. */
export function momentsOf({ fates }: Row): { readonly moment: Moment; readonly fate: Fate }[] {
  return MOMENTS.flatMap((moment) => {
    const fate = fates[moment];
    return fate === undefined ? [] : [{ moment, fate }];
  });
}

function always(fate: Fate): Record<Moment, Fate> {
  return untilSent(fate, fate);
}

function untilSent(before: Fate, after: Fate): Record<Moment, Fate> {
  return {
    'before computing': before,
    'while computing': before,
    'before sending': before,
    'while sending': after,
    'after sending': after,
  };
}
