// The family of policies. A new one (chimera, hanayo, bitpipe, breadth-first, v-half, v-min, 2bp, gwtf and the
// skippipe ones are to come) is a file here and a line in this list; the compliance test then holds it too.

import { oneForwardOneBackward } from './1f1b.ts';
import type { Policy } from './policy.ts';

export type { ClosedForm, Policy, PolicyOptions } from './policy.ts';

export const policies = {
  '1f1b': oneForwardOneBackward,
} as const satisfies Record<string, Policy>;

export type PolicyName = keyof typeof policies;

export const policyNames = Object.keys(policies) as readonly PolicyName[];

export function isPolicyName(name: string): name is PolicyName {
  return Object.hasOwn(policies, name);
}
