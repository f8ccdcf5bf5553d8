// The family of policies. A new one (chimera, hanayo, bitpipe, breadth-first, v-half, v-min and 2bp are to come) is a
// file here and a line in this list; the compliance test then holds it too.

import { oneForwardOneBackward } from './1f1b.ts';
import { dtfm } from './dtfm.ts';
import { gpipe } from './gpipe.ts';
import { gwtf } from './gwtf.ts';
import { interleaved } from './interleaved-1f1b.ts';
import type { Policy } from './policy.ts';
import { randomSkip } from './random-skip.ts';
import { skippipe } from './skippipe.ts';
import { skippipeBlind } from './skippipe-blind.ts';
import { swarm } from './swarm.ts';
import { zbH1 } from './zb-h1.ts';
import { zbH2 } from './zb-h2.ts';
import { zbV } from './zb-v.ts';

export type { Budget, ClosedForm, Policy, PolicyOptions } from './policy.ts';

export const policies = {
  gpipe,
  '1f1b': oneForwardOneBackward,
  'interleaved-1f1b': interleaved,
  'zb-h1': zbH1,
  'zb-h2': zbH2,
  'zb-v': zbV,
  dtfm,
  swarm,
  'random-skip': randomSkip,
  gwtf,
  skippipe,
  'skippipe-blind': skippipeBlind,
} as const satisfies Record<string, Policy>;

export type PolicyName = keyof typeof policies;

export const policyNames = Object.keys(policies) as readonly PolicyName[];

export function isPolicyName(name: string): name is PolicyName {
  return Object.hasOwn(policies, name);
}
