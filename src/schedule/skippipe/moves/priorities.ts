// Moves of the order of work: when a micro-batch counts as having arrived, and which of its forwards go before waiting
// backwards. Paths stay as they are.

import type { Candidate } from '../candidate.ts';
import type { Draws } from '../draws.ts';
import type { Instance } from '../instance.ts';
import type { Trial } from './trial.ts';

export interface PriorityMoves {
  /** Varies what decides when micro-batch m's turn is. */
  change(m: number): boolean;
  /** Keeps a task back until another one of its peer has been started; both as micro-batch * steps + step. */
  hold(task: number, first: number): boolean;
  /**
   * Lets m go before the micro-batch that went first where both waited: its time of arrival there counts as `by` more
   * than the other's bias makes it. The flags say whether they waited for a forward.
   */
  overtake(m: number, isForward: boolean, other: number, otherIsForward: boolean, by: number): boolean;
}

/** Of changes those, in 1024ths, that let forwards go before waiting backwards, or no more; that clear a bias; that vary it. */
const urgentShare = 400;
const clearShare = 150;
const mixShare = 332;

export function createPriorityMoves(
  instance: Instance,
  candidate: Candidate,
  { word, below }: Draws,
  { save, chance }: Trial,
): PriorityMoves {
  const { bias, urgent, after } = candidate;
  const steps = 2 * instance.pathLength + 1;
  const typical = typicalForward(instance, candidate);
  return {
    change(m) {
      save(m);
      const which = word() & 1023;
      if (which < urgentShare) {
        urgent[m] = (urgent[m]! + 1 + below(2)) % 3;
        if (chance(512)) bias[m]! -= below(2 * typical + 1);
      } else if (which < urgentShare + clearShare) {
        bias[m] = 0;
        after.fill(-1, m * steps, (m + 1) * steps);
      } else if (which < urgentShare + clearShare + mixShare) {
        // Roughly normal, with a spread of about one forward.
        bias[m]! += below(2 * typical + 1) + below(2 * typical + 1) - 2 * typical;
      } else {
        const other = below(instance.microbatches);
        save(other);
        const value = bias[m]!;
        bias[m] = bias[other]!;
        bias[other] = value;
      }
      return true;
    },

    hold(task, first) {
      save(Math.floor(task / steps));
      after[task] = first;
      return true;
    },

    overtake(m, isForward, other, otherIsForward, by) {
      save(m);
      save(other);
      const otherFirst = !otherIsForward || urgent[other] !== 0;
      if (isForward && otherFirst) urgent[m] = 1;
      else if (!isForward && otherIsForward && chance(512)) {
        urgent[other] = 0;
        return true;
      }
      bias[m] = bias[other]! + by;
      return true;
    },
  };
}

/** Mean microseconds of a forward where it is done: the scale on which priorities are varied. */
function typicalForward(instance: Instance, { stageOf }: Candidate): number {
  let sum = 0;
  let count = 0;
  stageOf.forEach((stage, peer) => {
    if (stage < 0) return;
    sum += instance.forward[peer * instance.stages + stage]!;
    count++;
  });
  return Math.min(1e9, Math.max(1, Math.round(sum / Math.max(1, count))));
}
