// What each codec costs and what it keeps: bytes, error on real gradients beside what theory says, loss after training
// at equal steps and at equal bytes, and time against a forward and backward pass. The model is the demo's, trained in
// one process as its swarm of eight would: two replicas a stage, each with half of the micro-batches.

import { availableParallelism } from 'node:os';
import { demoModel, demoTraining } from '../src/cli/demo/model.ts';
import { manifestOf } from '../src/cli/manifest.ts';
import { knownNames } from '../src/cli/names.ts';
import { loadText, type NamedText } from '../src/cli/text.ts';
import { createOnnxEngine } from '../src/engine/onnx/index.ts';
import { type Codec, type CodecName, codecs, eden } from '../src/gradient/index.ts';
import { initialWeights } from '../src/model/initial.ts';
import { stageLayout } from '../src/model/layout.ts';
import { createKeyIdentity, generateKey } from '../src/network/libp2p/identity.ts';
import { createRealClock } from '../src/network/real-clock.ts';
import { bellNumbers, fillBits, stream } from '../src/random/index.ts';
import { trainSingle } from '../src/replay/single.ts';
import { parseManifest } from '../src/scenario/schema.ts';
import { parametersOf } from '../src/swarm/holder.ts';
import type { Manifest } from '../src/swarm/manifest.ts';
import { median } from '../src/swarm/medians.ts';

export const flags = {
  steps: 'number',
  seeds: 'number',
  firstSeed: 'number',
  gradients: 'number',
  codecs: 'text',
  threads: 'number',
  rounds: 'number',
} as const;

interface Options {
  readonly steps?: number;
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
}

const STAGES = 4;
const REPLICAS = 2;
const FIRST_SEED = 7;
/** Losses are means over this many steps, or a tenth of the steps where there are few. */
const LAST = 10;

/** Codecs that are compared and have no name in a manifest: other blocks for eden. */
const variants: readonly Codec[] = [
  eden('eden, blocks of 1024', 1, 1024),
  eden('eden, blocks of 8192', 1, 8192),
];

export async function run(options: Options = {}) {
  const { steps = 300, seeds = 3, firstSeed = FIRST_SEED, gradients = 20, threads = 1, rounds = 5 } = options;
  const names = options.codecs?.split(',') ?? Object.keys(codecs);
  const unknown = names.find((name) => !Object.hasOwn(codecs, name));
  if (unknown !== undefined)
    throw new RangeError(`there is no codec ${unknown}: ${Object.keys(codecs).join(', ')}`);
  const text = await loadText(undefined);
  const manifest = demoManifest(text, createKeyIdentity(await generateKey()), firstSeed, steps);
  const parameters = Array.from({ length: STAGES }, (_, stage) => parametersOf(manifest, stage));
  const samples = gradients > 0 ? await realGradients(text, gradients, threads) : undefined;
  const timing = rounds > 0 ? await timings(threads, rounds) : undefined;
  const runs = new Map<string, TrainedRun[]>();
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    for (const name of names) {
      const trained = await train(text, { seed, steps, threads, codec: codecs[name as CodecName] });
      runs.set(name, [...(runs.get(name) ?? []), trained]);
      progress(
        JSON.stringify({ seed, codec: name, losses: trained.losses.map((loss) => Number(loss.toFixed(4))) }),
      );
    }
  }
  const bytesOf = (name: string) => bytesPerStep(codecs[name as CodecName], parameters);
  const budget = steps * Math.min(...names.map(bytesOf));
  const rows = names.map((name) => {
    const codec: Codec = codecs[name as CodecName];
    const bytes = bytesOf(name);
    const affordable = Math.min(steps, Math.floor(budget / bytes));
    const trained = runs.get(name) ?? [];
    return {
      codec: name,
      bytesPerStep: bytes,
      shareOfDense: bytes / bytesPerStep(codecs['dense-f32'], parameters),
      theory: codec.relativeError(codec.sliceMultiple),
      ...(samples && {
        relativeError: meanError(codec, samples),
        errorOfTwo: errorOfTwo(codec, samples),
      }),
      [`lossAfter${steps}`]: meanLoss(trained, steps),
      lossRange: rangeOf(trained.map((one) => meanLoss([one], steps) ?? Number.NaN)),
      stepsAtEqualBytes: affordable,
      lossAtEqualBytes: meanLoss(trained, affordable),
      ...(timing && {
        encodeShare: timing.encode(codec) / timing.forwardBackward,
        decodeShare: timing.decode(codec) / timing.forwardBackward,
        encodeMemoryBytes: timing.memory(codec),
      }),
    };
  });
  return {
    bench: 'codecs',
    rows,
    notes: [
      `the demo's model, 857,216 parameters, two replicas a stage; ${seeds} seeds`,
      `equal bytes: the ${budget} bytes that the smallest codec sends in ${steps} steps; the learning rate's plan is that of ${steps} steps`,
      ...(samples ? errorNotes(samples, parameters) : []),
      ...(timing ? timing.notes : []),
    ],
  };
}

// Real gradients

/** The gradients of one stage at one iteration, one a replica. */
interface Sample {
  readonly iteration: number;
  readonly stage: number;
  readonly replicas: readonly Float32Array[];
}

/** Gradients of the demo while it learns, every stage in turn, in a run without losses of its codec. */
async function realGradients(text: NamedText, count: number, threads: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const steps = 2 + 3 * count;
  await train(text, {
    seed: FIRST_SEED,
    steps,
    threads,
    codec: codecs['dense-f32'],
    exchanging: (iteration, stage, replicas) => {
      if (samples.length < count && iteration % 3 === 0 && stage === (iteration / 3) % STAGES) {
        samples.push({ iteration, stage, replicas: replicas.map((gradient) => gradient.slice()) });
      }
    },
  });
  return samples;
}

function decodedError(
  codec: Codec,
  { iteration, stage, replicas }: Sample,
  places: readonly number[],
): number {
  const length = replicas[0]!.length;
  const slice = { from: 0, to: length };
  const decoded = new Float32Array(length);
  const exact = new Float64Array(length);
  for (const place of places) {
    const key = { runSeed: FIRST_SEED, iteration, stage, place };
    const bytes = codec.encode({ gradient: replicas[place]!, slice, key, state: codec.start(length) });
    codec.addDecoded({ bytes, slice, key, sum: decoded });
    replicas[place]!.forEach((value, i) => {
      exact[i]! += value;
    });
  }
  let error = 0;
  let size = 0;
  for (let i = 0; i < length; i++) {
    error += (decoded[i]! - exact[i]!) ** 2;
    size += exact[i]! ** 2;
  }
  return error / size;
}

function meanError(codec: Codec, samples: readonly Sample[]): number {
  return mean(samples.map((sample) => decodedError(codec, sample, [0])));
}

function errorOfTwo(codec: Codec, samples: readonly Sample[]): number {
  return mean(samples.map((sample) => decodedError(codec, sample, [0, 1])));
}

function errorNotes(samples: readonly Sample[], parameters: readonly number[]): string[] {
  return [
    `errors are of ${samples.length} gradients of the model's stages`,
    `errorOfTwo: |decoded sum − sum|² / |sum|² of both replicas of a stage, whose gradients have a cosine of ${cosine(samples).toFixed(2)}`,
    ...rotationNotes(samples, parameters),
  ];
}

/** What a rotation that the whole group shares would do to the error of its sum, and what other blocks would. */
function rotationNotes(samples: readonly Sample[], parameters: readonly number[]): string[] {
  const own = codecs.eden;
  const shared: Codec = {
    ...own,
    encode: (request) => own.encode({ ...request, key: { ...request.key, place: 0 } }),
    addDecoded: (request) => own.addDecoded({ ...request, key: { ...request.key, place: 0 } }),
  };
  const notes = [
    `eden, one rotation for both replicas: errorOfTwo ${errorOfTwo(shared, samples).toFixed(3)}, ` +
      `one each: ${errorOfTwo(own, samples).toFixed(3)}`,
  ];
  for (const codec of variants) {
    notes.push(
      `${codec.name}: relative error ${meanError(codec, samples).toFixed(3)}, ${bytesPerStep(codec, parameters)} bytes`,
    );
  }
  return notes;
}

function cosine(samples: readonly Sample[]): number {
  return mean(
    samples.map(({ replicas: [a, b] }) => {
      let product = 0;
      let first = 0;
      let second = 0;
      a!.forEach((value, i) => {
        product += value * b![i]!;
        first += value * value;
        second += b![i]! * b![i]!;
      });
      return product / Math.sqrt(first * second);
    }),
  );
}

/** What the codec produces in one iteration, all stages and replicas, each contribution once. */
function bytesPerStep(codec: Codec, parameters: readonly number[]): number {
  return REPLICAS * parameters.reduce((sum, length) => sum + codec.encodedBytes(length), 0);
}

// Training

interface TrainedRun {
  readonly losses: readonly number[];
}

interface TrainOptions {
  readonly seed: number;
  readonly steps: number;
  readonly threads: number;
  readonly codec: Codec;
  readonly exchanging?: (iteration: number, stage: number, gradients: readonly Float32Array[]) => void;
}

async function train(text: NamedText, options: TrainOptions): Promise<TrainedRun> {
  const { seed, steps, threads, codec, exchanging } = options;
  const identity = createKeyIdentity(await generateKey());
  const manifest = demoManifest(text, identity, seed, steps);
  const engines = await Promise.all(
    Array.from({ length: STAGES }, () => createOnnxEngine({ threads, inProcess: true })),
  );
  const losses: number[] = [];
  await trainSingle({
    manifest,
    text: text.bytes,
    engines,
    clock: createRealClock(),
    identity,
    codec,
    ...(exchanging && { exchanging }),
    committed: (_, loss) => {
      losses.push(loss);
    },
  });
  for (const engine of engines) await engine.close();
  return { losses };
}

/** The run that `skein demo` founds. */
function demoManifest(
  text: NamedText,
  identity: Parameters<typeof manifestOf>[2],
  seed: number,
  iterations: number,
): Manifest {
  const settings = {
    name: 'demo',
    seed,
    model: demoModel(STAGES),
    training: {
      ...demoTraining(Array.from({ length: STAGES }, () => REPLICAS)),
      policy: '1f1b',
      iterations,
    },
  };
  return manifestOf(
    parseManifest(JSON.stringify(settings), { file: 'demo', names: knownNames }),
    text,
    identity,
  );
}

/** Mean over the last steps up to `steps`, and over the runs. */
function meanLoss(runs: readonly TrainedRun[], steps: number): number | undefined {
  if (steps === 0) return undefined;
  const first = steps - Math.min(LAST, Math.ceil(steps / 10));
  return mean(runs.map(({ losses }) => mean(losses.slice(first, steps))));
}

// Time

const TIMED_PARAMETERS = 10_000_000;
/** About 9.5 million parameters, 2,048 tokens. */
const timedModel = {
  width: 512,
  heads: 8,
  kvHeads: 8,
  hidden: 1376,
  vocabulary: 256,
  context: 256,
  normEpsilon: 1e-5,
  ropeTheta: 10000,
  tiedHead: false,
};
const timedStage = { blocks: 3, anchor: false };
const timedSamples = 8;

/** CPU seconds, a parameter each: medians of rounds in turns. */
async function timings(threads: number, rounds: number) {
  const parameters = stageLayout(timedModel, timedStage).length;
  const engine = await createOnnxEngine({ threads, inProcess: true });
  const weights = initialWeights(timedModel, [timedStage, timedStage], 1, 1);
  await engine.load({ model: timedModel, stage: timedStage, samples: timedSamples }, weights);
  const activation = bellNumbers(
    stream({ runSeed: 1, purpose: 'perturbation' }),
    0,
    timedSamples * timedModel.context * timedModel.width,
  );
  const gradient = bellNumbers(stream({ runSeed: 2, purpose: 'perturbation' }), 0, TIMED_PARAMETERS);
  const slice = { from: 0, to: TIMED_PARAMETERS };
  const key = { runSeed: 1, iteration: 1, stage: 1, place: 0 };
  const sum = new Float32Array(TIMED_PARAMETERS);
  const bits = new Uint32Array(1 << 22);
  const passes: number[] = [];
  const copies: number[] = [];
  const random: number[] = [];
  const encodes = new Map<string, number[]>();
  const decodes = new Map<string, number[]>();
  const memory = new Map<string, number>();
  for (let round = 0; round <= rounds; round++) {
    const pass = await secondsOf(async () => {
      const output = await engine.forward({ key: round, input: activation, keep: true });
      await engine.backward({ key: round, outputGradient: output, part: 'all' });
    });
    // The first round warms everything up.
    if (round > 0) passes.push(pass / parameters);
    copies.push((await secondsOf(() => sum.set(gradient))) / TIMED_PARAMETERS);
    random.push((await secondsOf(() => fillBits({ key0: 1, key1: round }, 0, bits))) / bits.byteLength);
    for (const codec of Object.values(codecs) as Codec[]) {
      const state = codec.start(TIMED_PARAMETERS);
      let bytes = new Uint8Array();
      const before = process.memoryUsage().arrayBuffers;
      const encoding = await secondsOf(() => {
        bytes = codec.encode({ gradient, slice, key, state }) as Uint8Array<ArrayBuffer>;
      });
      const allocated = process.memoryUsage().arrayBuffers - before;
      memory.set(codec.name, Math.max(allocated, memory.get(codec.name) ?? 0));
      append(encodes, codec.name, encoding / TIMED_PARAMETERS);
      const decoding = await secondsOf(() => codec.addDecoded({ bytes, slice, key, sum }));
      append(decodes, codec.name, decoding / TIMED_PARAMETERS);
    }
  }
  await engine.close();
  const forwardBackward = median(passes);
  const encode = (codec: Codec) => median(encodes.get(codec.name)!.slice(1));
  const decode = (codec: Codec) => median(decodes.get(codec.name)!.slice(1));
  const copy = median(copies.slice(1));
  const share = (encode(codecs.eden) + decode(codecs.eden)) / forwardBackward;
  return {
    forwardBackward,
    encode,
    decode,
    memory: (codec: Codec) => memory.get(codec.name)!,
    notes: [
      `CPU time: of forward + backward of 2,048 tokens, per parameter, ${parameters} parameters on ${threads} of ` +
        `${availableParallelism()} cores (${(1e9 * forwardBackward).toFixed(1)} ns); codecs on ${TIMED_PARAMETERS} values, one core`,
      `eden: encode + decode ${share.toFixed(3)} of forward + backward, ` +
        `${((encode(codecs.eden) + decode(codecs.eden)) / copy).toFixed(1)} of a plain copy of the gradient`,
      `encodeMemoryBytes: what encoding allocated at most, the encoded bytes included, for ${TIMED_PARAMETERS} values; ` +
        'the kernels have 192 KiB of their own, and error feedback keeps 4 bytes a parameter',
      `sign bits: ${(1e-9 / median(random.slice(1))).toFixed(2)} GB/s`,
    ],
  };
}

/** CPU seconds of this process, all threads: what else the machine does does not count. */
async function secondsOf(work: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

function append(lists: Map<string, number[]>, name: string, value: number): void {
  lists.set(name, [...(lists.get(name) ?? []), value]);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function rangeOf(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(3)}-${Math.max(...values).toFixed(3)}`;
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
