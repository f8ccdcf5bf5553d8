// What each codec costs and what it keeps: bytes, error on real gradients beside what theory says, loss after training
// at equal steps and at equal bytes, and time against a forward and backward pass. The model is the demo's, trained in
// one process as its swarm of eight would: two replicas a stage, each with half of the micro-batches.

import { demoForwardPasses } from '../src/cli/demo/model.ts';
import { loadText } from '../src/cli/text.ts';
import { type Codec, type CodecName, codecs, ONE_BYTE, oneByte } from '../src/gradient/index.ts';
import {
  bytesPerStep,
  errorNotes,
  errorOfTwo,
  meanError,
  oneByteError,
  realGradients,
  type Sample,
} from './codec-errors.ts';
import { timings } from './codec-times.ts';
import { demoStages, trainDemo } from './codec-training.ts';

export const flags = {
  steps: 'number',
  seeds: 'number',
  firstSeed: 'number',
  gradients: 'number',
  codecs: 'text',
  threads: 'number',
  rounds: 'number',
  budget: 'number',
} as const;

interface Options {
  readonly steps?: number;
  /** Runs a codec; with 0 no losses are measured. */
  readonly seeds?: number;
  readonly firstSeed?: number;
  /** Real gradients over which errors are averaged; with 0 no errors are measured. */
  readonly gradients?: number;
  /** Names, with commas between; all when left out. */
  readonly codecs?: string;
  /** Threads an engine. */
  readonly threads?: number;
  /** Of timing, after one that warms up; with 0 nothing is timed. */
  readonly rounds?: number;
  /** Each codec is trained as far as so many bytes go, and no further than `steps`. Without it, for all steps. */
  readonly budget?: number;
}

const FIRST_SEED = 7;
/** Losses are means over this many steps, or a tenth of the steps where there are few. */
const LAST = 10;
/** Samples of the demo's iteration, each with directions of its own where it trains by forward passes alone. */
const SAMPLES = 16;
const DIRECTIONS = SAMPLES * demoForwardPasses.directions;
const forward = oneByte(DIRECTIONS, { kind: 'plain', scale: 1e-3 });

export async function run(options: Options = {}) {
  const { steps = 300, seeds = 3, firstSeed = FIRST_SEED, gradients = 20, threads = 1, rounds = 5 } = options;
  const known = [...Object.keys(codecs), ONE_BYTE];
  const names = options.codecs?.split(',') ?? known;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new RangeError(`there is no codec ${unknown}: ${known.join(', ')}`);
  const text = await loadText(undefined);
  const parameters = demoStages(text);
  const bytesOf = (name: string) =>
    name === ONE_BYTE ? DIRECTIONS : bytesPerStep(codecs[name as CodecName], parameters);
  const smallest = Math.min(...names.filter((name) => name !== ONE_BYTE).map(bytesOf));
  const budget = options.budget ?? steps * (Number.isFinite(smallest) ? smallest : DIRECTIONS);
  const affordable = (name: string) => Math.min(steps, Math.floor(budget / bytesOf(name)));
  const samples = gradients > 0 ? await realGradients(text, gradients, threads) : undefined;
  const timing = rounds > 0 ? await timings(threads, rounds, DIRECTIONS) : undefined;
  const runs = new Map<string, (readonly number[])[]>();
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    for (const name of names) {
      const until = options.budget === undefined ? steps : affordable(name);
      const losses = await trainDemo(text, { seed, steps, until, threads, codec: name });
      runs.set(name, [...(runs.get(name) ?? []), losses]);
      progress(JSON.stringify({ seed, codec: name, losses: losses.map((loss) => Number(loss.toFixed(4))) }));
    }
  }
  const dense = bytesOf('dense-f32');
  const rows = names.map((name) => {
    const trained = runs.get(name) ?? [];
    return {
      codec: name,
      bytesPerStep: bytesOf(name),
      shareOfDense: bytesOf(name) / dense,
      ...errorsOf(name, parameters, samples),
      [`lossAfter${steps}`]: meanLoss(trained, steps),
      lossRange: rangeOf(trained, steps),
      // one-byte never sends as much as the others' budget
      ...(name !== ONE_BYTE && {
        stepsAtEqualBytes: affordable(name),
        lossAtEqualBytes: meanLoss(trained, affordable(name)),
        rangeAtEqualBytes: rangeOf(trained, affordable(name)),
      }),
      ...(timing && sharesOf(name, timing)),
    };
  });
  return {
    bench: 'codecs',
    rows,
    notes: [
      `the demo's model, ${sum(parameters)} parameters, two replicas a stage; ${seeds} seeds`,
      `equal bytes: ${budget}; the learning rate's plan is that of ${steps} steps`,
      `${ONE_BYTE}: ${DIRECTIONS} directions an iteration; its error is that of plain steps on losses that are straight lines, ` +
        'its losses are those of normalised steps, its encodeShare is its passes in place of forward + backward',
      ...(samples ? errorNotes(samples, parameters) : []),
      ...(timing ? timing.notes : []),
    ],
  };
}

function errorsOf(name: string, parameters: readonly number[], samples: readonly Sample[] | undefined) {
  if (name === ONE_BYTE) {
    const theory = forward.relativeError(sum(parameters))!;
    return { theory, ...(samples && { relativeError: oneByteError(DIRECTIONS, samples) }) };
  }
  const codec: Codec = codecs[name as CodecName];
  const theory = codec.relativeError(codec.sliceMultiple);
  if (samples === undefined) return { theory };
  return { theory, relativeError: meanError(codec, samples), errorOfTwo: errorOfTwo(codec, samples) };
}

function sharesOf(name: string, timing: Awaited<ReturnType<typeof timings>>) {
  const { forwardBackward, encode, decode, memory, movedForward, estimate } = timing;
  if (name === ONE_BYTE) {
    const passes = 2 * demoForwardPasses.directions;
    return {
      encodeShare: (passes * movedForward) / forwardBackward,
      decodeShare: estimate / forwardBackward,
    };
  }
  const codec: Codec = codecs[name as CodecName];
  return {
    encodeShare: encode(codec) / forwardBackward,
    decodeShare: decode(codec) / forwardBackward,
    encodeMemoryBytes: memory(codec),
  };
}

/** Mean over the last steps up to `steps`, of each run that came so far. */
function lossesAt(runs: readonly (readonly number[])[], steps: number): number[] {
  const first = steps - Math.min(LAST, Math.ceil(steps / 10));
  return runs
    .filter((losses) => steps > 0 && losses.length >= steps)
    .map((losses) => sum(losses.slice(first, steps)) / (steps - first));
}

function meanLoss(runs: readonly (readonly number[])[], steps: number): number | undefined {
  const losses = lossesAt(runs, steps);
  return losses.length === 0 ? undefined : sum(losses) / losses.length;
}

function rangeOf(runs: readonly (readonly number[])[], steps: number): string | undefined {
  const losses = lossesAt(runs, steps);
  if (losses.length === 0) return undefined;
  return `${Math.min(...losses).toFixed(3)}-${Math.max(...losses).toFixed(3)}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
