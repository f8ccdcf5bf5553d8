// Task kinds as small numbers, so that a plan of ten million tasks fits in typed arrays, and the letters by
// which plans written as JSON name them.

import type { TaskKind } from './plan.ts';

/** Every kind; its position is its code in `PlanColumns.kind`. */
export const taskKinds = [
  'forward',
  'head',
  'backward',
  'backward-input',
  'backward-weight',
  'recompute',
  'exchange',
  'update',
] as const satisfies readonly TaskKind[];

const codes = new Map<TaskKind, number>(taskKinds.map((kind, code) => [kind, code]));

export function kindCode(kind: TaskKind): number {
  return codes.get(kind)!;
}

/** Codes below this one are computation on a micro-batch: they make the makespan; exchange and update do not. */
export const firstCodeAfterCompute = 6;

export function isCompute(kind: TaskKind): boolean {
  return kindCode(kind) < firstCodeAfterCompute;
}

const letters: Record<TaskKind, string> = {
  forward: 'F',
  head: 'H',
  backward: 'B',
  'backward-input': 'I',
  'backward-weight': 'W',
  recompute: 'R',
  exchange: 'X',
  update: 'U',
};

export function kindLetter(kind: TaskKind): string {
  return letters[kind];
}
