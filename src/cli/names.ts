// The names that scenario files and flags may use: the members of each family that exist.

import { codecs, ONE_BYTE } from '../gradient/index.ts';
import { activationTypes } from '../model/activations/index.ts';
import { recoveryRules } from '../recovery/index.ts';
import type { KnownNames } from '../scenario/settings.ts';
import { policyNames } from '../schedule/policies/index.ts';

export const knownNames: KnownNames = {
  policies: policyNames,
  codecs: [...Object.keys(codecs), ONE_BYTE],
  activations: Object.keys(activationTypes),
  recovery: Object.keys(recoveryRules),
};
