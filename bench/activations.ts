// What packing activations for the wire costs: each type, there and back, against a plain copy of the same float32
// values. The tensor is a micro-batch's of the demo (4 samples of 128 tokens, width 128) or of width 512.

import { type ActivationTypeName, activationTypes } from '../src/model/activations/index.ts';
import { bellNumbers, stream } from '../src/random/index.ts';

export const flags = { repeats: 'number' } as const;

const SHAPES = [
  { rows: 512, width: 128 },
  { rows: 512, width: 512 },
];
const WARM_UP = 30;

/** Rows: one a shape and type; times are the fastest of the repeats, `toCopy` how many plain copies fit in packing and unpacking. */
export async function run({ repeats = 200 }: { readonly repeats?: number } = {}) {
  const rows = SHAPES.flatMap((shape) => {
    const count = shape.rows * shape.width;
    const values = bellNumbers(stream({ runSeed: 1, purpose: 'perturbation' }), 0, count);
    const target = new Float32Array(count);
    return (Object.keys(activationTypes) as ActivationTypeName[]).map((name) => {
      const type = activationTypes[name];
      const bytes = type.pack(values, shape);
      const copySeconds = fastest(repeats, () => target.set(values));
      const packSeconds = fastest(repeats, () => type.pack(values, shape));
      const unpackSeconds = fastest(repeats, () => type.unpack(bytes, shape));
      return {
        type: name,
        shape: `${shape.rows} × ${shape.width}`,
        bytes: bytes.byteLength,
        shareOfF32: round3(bytes.byteLength / (4 * count)),
        copyMicroseconds: microseconds(copySeconds),
        packMicroseconds: microseconds(packSeconds),
        unpackMicroseconds: microseconds(unpackSeconds),
        toCopy: round3((packSeconds + unpackSeconds) / copySeconds),
      };
    });
  });
  return {
    bench: 'activations',
    rows,
    notes: [
      'f32 is not copied: packing is a view, and unpacking reads every value once to see that it is finite',
    ],
  };
}

function fastest(repeats: number, work: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = -WARM_UP; i < repeats; i++) {
    const from = performance.now();
    work();
    if (i >= 0) least = Math.min(least, (performance.now() - from) / 1000);
  }
  return least;
}

function microseconds(seconds: number): number {
  return Math.round(1e7 * seconds) / 10;
}

function round3(value: number): number {
  return Math.round(1000 * value) / 1000;
}
