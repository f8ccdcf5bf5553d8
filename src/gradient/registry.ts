// The codecs that a manifest can name.

import type { Codec } from './codec.ts';
import { denseF32 } from './dense-f32.ts';

export const codecs = { 'dense-f32': denseF32 } as const satisfies Record<string, Codec>;

export type CodecName = keyof typeof codecs;
