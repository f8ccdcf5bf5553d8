// What a broken path costs in work: which stages computed a micro-batch twice, counted from what the peers say that
// they have computed. The rule that is counted here: a fault repeats at most one stage of one micro-batch for each path
// that it breaks.

import type { PeerName } from '../../seams/network.ts';
import type { PathNote } from './paths.ts';

/** One stage's forward or backward of one micro-batch, and who computed it. */
export interface ComputedTask {
  readonly kind: 'forward' | 'backward';
  readonly microbatch: number;
  readonly stage: number;
  readonly peer: PeerName;
}

/** What peers tell of it, as in their events. */
export type WorkEvent =
  | {
      readonly kind: 'computed';
      readonly iteration: number;
      readonly attempt: number;
      readonly tasks: readonly ComputedTask[];
    }
  | { readonly kind: 'path'; readonly iteration: number; readonly attempt: number; readonly note: PathNote };

/** A micro-batch whose path broke, or of which a stage was computed twice, in one attempt at an iteration. */
export interface BrokenPathWork {
  readonly iteration: number;
  readonly attempt: number;
  readonly microbatch: number;
  /** How often a way around a lost peer or past a lost stage was taken. */
  readonly breaks: number;
  /** Stages that two peers computed, in either direction. */
  readonly stagesTwice: readonly number[];
}

/**
 * Every micro-batch that was led around a peer or computed twice somewhere. A peer that was killed tells nothing any
 * more: what others had of it counts as computed, and so does, at worst, the forward that another was asked for instead.
 */
export function brokenPathWork(events: Iterable<WorkEvent>): BrokenPathWork[] {
  const found = new Map<string, Gathered>();
  for (const event of events) {
    const { iteration, attempt } = event;
    const of = (microbatch: number): Gathered => {
      const key = `${iteration} ${attempt} ${microbatch}`;
      const known = found.get(key) ?? newGathered(iteration, attempt, microbatch);
      found.set(key, known);
      return known;
    };
    if (event.kind === 'computed') {
      for (const { microbatch, stage, peer } of event.tasks) computedBy(of(microbatch), stage, peer);
    } else if (event.note.kind !== 'dropped') {
      const { microbatch, stage, lost } = event.note;
      of(microbatch).breaks.add(`${stage} ${lost}`);
      computedBy(of(microbatch), stage, lost);
    }
  }
  return [...found.values()].flatMap(({ iteration, attempt, microbatch, breaks, computed }) => {
    const stagesTwice = [...computed].flatMap(([stage, peers]) => (peers.size > 1 ? [stage] : []));
    if (breaks.size === 0 && stagesTwice.length === 0) return [];
    return [{ iteration, attempt, microbatch, breaks: breaks.size, stagesTwice }];
  });
}

/** The most stages that were computed twice for one break of a path; what is computed twice without a break counts whole. */
export function mostStagesTwicePerBreak(paths: readonly BrokenPathWork[]): number {
  return Math.max(0, ...paths.map(({ breaks, stagesTwice }) => stagesTwice.length / Math.max(1, breaks)));
}

/**
 * How many tasks were computed in attempts at an iteration other than the one that was committed: a leader that took over
 * ordered it anew, and no commit counts them. What only lost peers knew of is not in it.
 * @param attemptOf which attempt of an iteration was committed; undefined while none is
 */
export function tasksLetGo(
  events: Iterable<WorkEvent>,
  attemptOf: (iteration: number) => number | undefined,
): number {
  const letGo = new Set<string>();
  for (const event of events) {
    if (event.kind !== 'computed') continue;
    const { iteration, attempt, tasks } = event;
    if (attempt === (attemptOf(iteration) ?? attempt)) continue;
    for (const { kind, microbatch, stage, peer } of tasks) {
      letGo.add(`${iteration} ${attempt} ${kind} ${microbatch} ${stage} ${peer}`);
    }
  }
  return letGo.size;
}

interface Gathered {
  readonly iteration: number;
  readonly attempt: number;
  readonly microbatch: number;
  readonly breaks: Set<string>;
  /** Who computed each stage, in either direction. */
  readonly computed: Map<number, Set<PeerName>>;
}

const newGathered = (iteration: number, attempt: number, microbatch: number): Gathered => ({
  iteration,
  attempt,
  microbatch,
  breaks: new Set(),
  computed: new Map(),
});

function computedBy({ computed }: Gathered, stage: number, peer: PeerName): void {
  computed.set(stage, (computed.get(stage) ?? new Set()).add(peer));
}
