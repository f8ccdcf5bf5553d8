// One move on trial: which micro-batches it has touched, what they were before, and how all of it is taken back.

import type { Candidate, Orderer } from '../candidate.ts';
import type { Draws } from '../draws.ts';
import type { Instance } from '../instance.ts';

/** Share of re-ordered paths, in 1024ths, that get a lawful order at random and not the shortest. */
const randomOrders = 60;

export interface Trial {
  /** A new move begins; the last one can no longer be taken back. */
  begin(): void;
  /** Keeps micro-batch m as it is; call it before anything of m is changed. */
  save(m: number): void;
  /** What taking the move back does besides restoring the saved micro-batches; the latest of these first, after them. */
  onUndo(action: () => void): void;
  undo(): void;
  /** Takes the move back and says that it came to nothing. */
  fail(): false;
  /** Puts m's visits into a lawful order, mostly the shortest; false when there is none. */
  reorder(m: number): boolean;
  reorderTouched(): boolean;
  /** True in so many of 1024 cases. */
  chance(of1024: number): boolean;
  readonly touched: Int32Array;
  touchedCount(): number;
}

export function createTrial(
  { pathLength, microbatches }: Instance,
  candidate: Candidate,
  orderer: Orderer,
  draws: Draws,
): Trial {
  const { path, bias, urgent, after } = candidate;
  const steps = 2 * pathLength + 1;
  const touched = new Int32Array(microbatches);
  const isTouched = new Uint8Array(microbatches);
  let touchedCount = 0;
  const savedPath = new Int32Array(microbatches * pathLength);
  const savedBias = new Float64Array(microbatches);
  const savedUrgent = new Uint8Array(microbatches);
  const savedAfter = new Int32Array(microbatches * steps);
  const actions: (() => void)[] = [];
  let wasUndone = false;

  const chance = (of1024: number) => (draws.word() & 1023) < of1024;

  function undo(): void {
    if (wasUndone) return;
    wasUndone = true;
    for (let i = 0; i < touchedCount; i++) {
      const m = touched[i]!;
      for (let k = 0; k < pathLength; k++) path[m * pathLength + k] = savedPath[i * pathLength + k]!;
      bias[m] = savedBias[i]!;
      urgent[m] = savedUrgent[i]!;
      for (let k = 0; k < steps; k++) after[m * steps + k] = savedAfter[i * steps + k]!;
    }
    for (let i = actions.length - 1; i >= 0; i--) actions[i]!();
  }

  function reorder(m: number): boolean {
    return orderer.order(candidate, m, chance(randomOrders) ? draws : undefined);
  }

  return {
    begin() {
      for (let i = 0; i < touchedCount; i++) isTouched[touched[i]!] = 0;
      touchedCount = 0;
      actions.length = 0;
      wasUndone = false;
    },
    save(m) {
      if (isTouched[m] === 1) return;
      isTouched[m] = 1;
      for (let i = 0; i < pathLength; i++) {
        savedPath[touchedCount * pathLength + i] = path[m * pathLength + i]!;
      }
      for (let k = 0; k < steps; k++) savedAfter[touchedCount * steps + k] = after[m * steps + k]!;
      savedBias[touchedCount] = bias[m]!;
      savedUrgent[touchedCount] = urgent[m]!;
      touched[touchedCount++] = m;
    },
    onUndo(action) {
      actions.push(action);
    },
    undo,
    fail() {
      undo();
      return false;
    },
    reorder,
    reorderTouched() {
      for (let i = 0; i < touchedCount; i++) if (!reorder(touched[i]!)) return false;
      return true;
    },
    chance,
    touched,
    touchedCount: () => touchedCount,
  };
}
