// The codecs that a manifest can name.

import { ONE_BYTE } from './one-byte.ts';
import { type ExchangeBytes, exchangeBytesOf } from './sharing.ts';
import type { Codec } from './codec.ts';
import { denseF16 } from './dense-f16.ts';
import { denseF32 } from './dense-f32.ts';
import { eden } from './eden.ts';
import { withFeedback } from './feedback.ts';
import { int8 } from './int8.ts';
import { project } from './project.ts';
import { topK } from './top-k.ts';

const eden1 = eden('eden', 1);

export const codecs = {
  'dense-f32': denseF32,
  'dense-f16': denseF16,
  int8,
  'top-k': topK,
  eden: eden1,
  'eden-2': eden('eden-2', 2),
  'eden-3': eden('eden-3', 3),
  'eden-4': eden('eden-4', 4),
  'eden-feedback': withFeedback('eden-feedback', eden1),
  project,
  'project-feedback': withFeedback('project-feedback', project),
} as const satisfies Record<string, Codec>;

export type CodecName = keyof typeof codecs;

/** What a run uses whose founder does not say. */
export const DEFAULT_CODEC: CodecName = 'eden';

/** What an exchange sends with the codec of that name; without backwards no gradients are exchanged. */
export function exchangeBytesWith(codec: string, parameters: number): ExchangeBytes {
  if (codec === ONE_BYTE) return { gradientBytes: 0, sumBytes: 0 };
  return exchangeBytesOf(codecs[codec as CodecName], parameters);
}
