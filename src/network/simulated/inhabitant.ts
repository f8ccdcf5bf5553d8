// One peer of a simulated world as the world sees it: whether it runs, stands still or has crashed, how its clock and
// its processor go, and what waits for it.

export type PeerCondition = 'running' | 'frozen' | 'crashed';

/** A computation under way: it stands still with its peer and takes longer on a slow one. */
export interface Work {
  /** Seconds that were left at `since`, at the full speed of the processor. */
  left: number;
  since: number;
  readonly finish: () => void;
  /** Takes the planned end out of the queue. */
  unplan: () => void;
}

export class Inhabitant {
  readonly name: string;
  condition: PeerCondition = 'running';
  /** How often a peer of this name has crashed; what an earlier life left in the queue is never delivered. */
  life = 0;
  /** What came while it stood still. */
  readonly held: (() => void)[] = [];
  readonly works = new Set<Work>();
  /** Its clock shows `clockOffset` + `clockRate` × the world's time. */
  clockOffset = 0;
  clockRate = 1;
  /** Computations take this many times as long. */
  slowness = 1;

  constructor(name: string) {
    this.name = name;
  }
}
