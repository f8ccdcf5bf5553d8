// One line changed in the peer's code, so that something which must hold does not: whether the simulation finds it
// tells what its checks are worth (mutation testing; DeMillo, Lipton, Sayward: Hints on test data selection, 1978).

import type { InvariantName } from '../../src/replay/invariants.ts';

export interface Mutant {
  /** From the repository's root. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly line: string;
  readonly instead: string;
  /** What is then found to be wrong; any of these. */
  readonly breaks: readonly InvariantName[];
  /** Has found it last time, so that it is looked at before the others. */
  readonly seed: number;
}

export const mutants = {
  /** What an attempt that did not end has added stays in the gradient of the next. */
  'micro-batch counted twice': {
    file: 'src/swarm/training/running.ts',
    line: '    await engine.takeGradients(); // of an attempt that did not end, or nothing',
    instead: '',
    breaks: ['the gradient is that of the micro-batches counted'],
    seed: 31,
  },
  /** An exchange that is ordered again counts what it counted in the round before, and once more. */
  'micro-batch counted in two rounds': {
    file: 'src/swarm/leading/collecting.ts',
    line: '    exchange.microbatches = exchange.contributors.flatMap(added);',
    instead:
      '    exchange.microbatches = exchange.microbatches.concat(exchange.contributors.flatMap(added));',
    breaks: ['no micro-batch counts twice in a stage'],
    seed: 12,
  },
  /** What a micro-batch took is kept when it is given up. */
  'slot not returned': {
    file: 'src/swarm/training/paths.ts',
    line: '    if (kept) this.#parts.release(visit.key);',
    instead: '    if (kept && visit.key < 0) this.#parts.release(visit.key);',
    breaks: ['what a peer keeps is given back'],
    seed: 1,
  },
  /** No path is led around a peer that is lost. */
  'a lost peer is waited for': {
    file: 'src/swarm/training/trainer.ts',
    line: '    this.#running.currentPaths?.peerLost(peer);',
    instead: '    void peer;',
    breaks: ['nothing waits for ever'],
    seed: 1,
  },
  /** Sums of iterations that were committed long ago are kept. */
  'sums kept for ever': {
    file: 'src/swarm/training/trainer.ts',
    line: '    if (this.installed) this.#exchanging.forgetBefore(iteration);',
    instead: '',
    breaks: ['what a peer keeps is given back'],
    seed: 3,
  },
  /** Whoever has ended keeps the snapshots that others might have fetched. */
  'snapshots kept at the end': {
    file: 'src/swarm/training/trainer.ts',
    line: '    this.#donor.close();',
    instead: '',
    breaks: ['what a peer keeps is given back'],
    seed: 3,
  },
  /** A replica that missed a commit goes on with the weights it has. */
  'stale replica serving': {
    file: 'src/swarm/weights/following.ts',
    line: '        this.#installed = false;\n        return summed',
    instead: '        return summed',
    breaks: [
      'who computes an iteration holds the weights of the one before',
      'replicas at equal iteration have equal digests',
    ],
    seed: 57,
  },
  /** A keeper that starts again has forgotten whom it voted for, and votes once more in the same term. */
  'vote not persisted': {
    file: 'src/swarm/agreement/keeping.ts',
    line: '    if (outputs.ballot) await journal.keepBallot(outputs.ballot);',
    instead: '',
    breaks: ['a keeper votes once in a term', 'committed history is one chain'],
    seed: 1,
  },
  /** One keeper less than a majority is enough to elect, to commit and to prove it. */
  'commit without majority': {
    file: 'src/journal/consensus/rules.ts',
    line: '2 * counted.size > keepers.length',
    instead: '2 * counted.size + 1 >= keepers.length',
    breaks: ['committed history is one chain'],
    seed: 20,
  },
} as const satisfies Readonly<Record<string, Mutant>>;

export type MutantName = keyof typeof mutants;
