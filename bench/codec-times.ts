// What encoding and decoding cost beside a forward and backward pass, in CPU time.

import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createOnnxEngine } from '../src/engine/onnx/index.ts';
import { type Codec, codecs, type Probe, probeStream, writeEstimate } from '../src/gradient/index.ts';
import { initialWeights } from '../src/model/initial.ts';
import { stageLayout } from '../src/model/layout.ts';
import { bellNumbers, fillBits, stream } from '../src/random/index.ts';
import { median } from '../src/swarm/membership/medians.ts';

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
export async function timings(threads: number, rounds: number, directions: number) {
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
  const moved: number[] = [];
  const estimates: number[] = [];
  const seed = Uint32Array.from({ length: 2 * timedSamples }, (_, i) => i);
  const probes = Array.from({ length: directions }, (_, sample): Probe => {
    const place = { runSeed: 1, iteration: 1, sample, direction: 0, stage: 1 };
    return { byte: 1 + sample, signs: probeStream(place) };
  });
  for (let round = 0; round <= rounds; round++) {
    const pass = await secondsOf(async () => {
      const output = await engine.forward({ key: round, input: activation, keep: true });
      await engine.backward({ key: round, outputGradient: output, part: 'all' });
    });
    // The first round warms everything up.
    if (round > 0) passes.push(pass / parameters);
    copies.push((await secondsOf(() => sum.set(gradient))) / TIMED_PARAMETERS);
    random.push((await secondsOf(() => fillBits({ key0: 1, key1: round }, 0, bits))) / bits.byteLength);
    const along = { keep: false, perturbation: { seed, scale: 1e-3 } };
    const forth = secondsOf(() => engine.forward({ key: round, input: activation, ...along }));
    moved.push((await forth) / parameters);
    const estimating = secondsOf(() => writeEstimate(probes, { kind: 'plain', scale: 1e-3 }, sum));
    estimates.push((await estimating) / TIMED_PARAMETERS);
    for (const codec of Object.values(codecs) as Codec[]) {
      const state = codec.start(TIMED_PARAMETERS);
      let bytes = new Uint8Array();
      collectGarbage();
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
    /** A forward under moved weights, each sample's its own. */
    movedForward: median(moved.slice(1)),
    /** The gradient out of the bytes of all directions. */
    estimate: median(estimates.slice(1)),
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

setFlagsFromString('--expose-gc');
/** So that what an encoder allocates is not set off against what others left behind. */
const collectGarbage = runInNewContext('gc') as () => void;

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
