// The types that a manifest can name for what travels between stages.

import { f16 } from './f16.ts';
import { f32 } from './f32.ts';
import { int8 } from './int8.ts';
import type { ActivationType } from './type.ts';

export type { ActivationShape, ActivationType } from './type.ts';

export const activationTypes = { f32, f16, int8 } as const satisfies Record<string, ActivationType>;

export type ActivationTypeName = keyof typeof activationTypes;

/** What a run uses whose founder does not say. */
export const DEFAULT_ACTIVATIONS: ActivationTypeName = 'f32';
