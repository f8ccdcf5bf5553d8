// A run whose peers learn something in a hundred iterations, and whose iterations are long enough that a peer which
// starts again misses tens of them, not hundreds.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';

export interface SmallRunFiles {
  readonly manifest: string;
  readonly text: string;
}

export interface SmallRunChoices {
  readonly iterations: number;
  readonly stages?: number;
  readonly name?: string;
  readonly seed?: number;
}

/** Writes a manifest (one peer a stage) and a text into this folder. */
export function writeSmallRun(
  { home }: { readonly home: string },
  { iterations, stages = 3, name = 'small', seed = 3 }: SmallRunChoices,
): SmallRunFiles {
  const manifest = join(home, `${name}.yaml`);
  const text = join(home, 'text.txt');
  writeFileSync(
    manifest,
    stringify({
      name,
      seed,
      model: {
        width: 64,
        layers: stages,
        heads: 2,
        kvHeads: 2,
        hidden: 128,
        vocabulary: 256,
        context: 64,
        anchorLayers: 1,
      },
      training: {
        stages,
        stageSizes: Array.from({ length: stages }, () => 1),
        microbatchesPerAnchor: 4,
        samplesPerMicrobatch: 8,
        learningRate: 0.003,
        iterations,
      },
    }),
  );
  writeFileSync(text, sampleText(200_000));
  return { manifest, text };
}

/** Text with something to learn in it, always the same. */
export function sampleText(length: number, opening = 'In the beginning there was a flock.'): string {
  const words = ['geese', 'fly', 'in', 'a', 'skein', 'and', 'each', 'follows', 'its', 'neighbour', 'north'];
  const parts = [opening];
  for (let i = 0, size = 0; size < length; i++) {
    const word = words[(i * i + 3 * i + (i >> 3)) % words.length]!;
    parts.push(word);
    size += word.length + 1;
  }
  return parts.join(' ').slice(0, length);
}
