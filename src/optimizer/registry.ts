// The optimizers that a manifest can name.

import { type AdamWSettings, adamw } from './adamw.ts';
import type { Optimizer } from './optimizer.ts';
import { type SgdSettings, sgd } from './sgd.ts';

/** Factories by name, each with its own settings, all of which may be left out. */
export const optimizers = { adamw, sgd } as const;

export type OptimizerName = keyof typeof optimizers;

export type OptimizerSettings =
  | ({ readonly name: 'adamw' } & AdamWSettings)
  | ({ readonly name: 'sgd' } & SgdSettings);

/** The optimizer of these settings. */
export function createOptimizer(settings: OptimizerSettings): Optimizer {
  switch (settings.name) {
    case 'adamw':
      return adamw(settings);
    case 'sgd':
      return sgd(settings);
  }
}
