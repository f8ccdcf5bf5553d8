// The same run in one process, without a swarm: the yardstick for losses (they must agree) and for speed. Micro-batches
// go one after another over their planned paths, anchor by anchor, and gradients are added as the groups would add them
// where each anchor's micro-batches have replicas of their own.

import { drawSamples } from '../data/index.ts';
import {
  type Codec,
  codecs,
  type EncoderState,
  ONE_BYTE,
  piecesOf,
  sumContributions,
} from '../gradient/index.ts';
import type { Clock } from '../seams/clock.ts';
import type { Engine } from '../seams/engine.ts';
import type { Identity } from '../seams/identity.ts';
import { activationFormat } from '../swarm/activations.ts';
import { planOfGroups } from '../swarm/planning.ts';
import { initialStage, normOf, StageHolder } from '../swarm/holder.ts';
import { type Manifest, microbatchesPerIteration } from '../swarm/manifest.ts';
import { readSamples, windowsOf } from '../swarm/samples.ts';
import type { StageSnapshot } from '../swarm/snapshot.ts';

export interface SingleParts {
  readonly manifest: Manifest;
  readonly text: Uint8Array;
  /** One engine a stage; the caller closes them. */
  readonly engines: readonly Engine[];
  readonly clock: Clock;
  readonly identity: Identity;
  /** In place of the manifest's codec, for one that has no name there. */
  readonly codec?: Codec;
  /** Before a stage's exchange: the gradients of its replicas, in the group's order. */
  readonly exchanging?: (iteration: number, stage: number, gradients: readonly Float32Array[]) => void;
  /** After each iteration: its mean loss, nats per token, and the stages' weights as they are then. */
  readonly committed: (
    iteration: number,
    loss: number,
    weights: () => readonly Float32Array[],
  ) => void | Promise<void>;
}

/** Trains the run's iterations and returns every stage as it is then. */
export async function trainSingle(parts: SingleParts): Promise<StageSnapshot[]> {
  const { manifest, engines, clock, identity, committed } = parts;
  const { codec: name } = manifest.training;
  if (name === ONE_BYTE) throw new RangeError('forward passes alone exchange no gradients');
  const codec = parts.codec ?? codecs[name];
  /** What each replica of each stage remembers for its codec. */
  const memories: EncoderState[][] = engines.map(() => []);
  const holders = engines.map((engine) => new StageHolder(manifest, engine, clock, identity));
  for (const [stage, holder] of holders.entries()) await holder.install(initialStage(manifest, stage));
  for (let iteration = 1; iteration <= manifest.training.iterations; iteration++) {
    const plan = planOfGroups(manifest, replicaNames(manifest), iteration);
    const columns = manifest.training.stageSizes[0] ?? 1;
    const gradients: Float32Array[][] = engines.map(() => []);
    const visits = engines.map(() => 0);
    const losses = new Map<number, number>();
    for (let column = 0; column < columns; column++) {
      for (const path of plan.paths) {
        if (path.microbatch % columns !== column) continue;
        const stages = path.nodes.map((node) => node.stage);
        for (const stage of stages) visits[stage]!++;
        losses.set(path.microbatch, await oneMicrobatch(parts, iteration, path.microbatch, stages));
      }
      for (const [stage, engine] of engines.entries()) gradients[stage]!.push(await engine.takeGradients());
    }
    for (const [stage, holder] of holders.entries()) {
      if (visits[stage] === 0) {
        holder.pass(iteration);
        continue;
      }
      parts.exchanging?.(iteration, stage, gradients[stage]!);
      const key = { runSeed: manifest.seed, iteration, stage };
      const sum = addUp(codec, key, gradients[stage]!, memories[stage]!);
      await holder.step(iteration, sum, await normOf(sum, clock), visits[stage]!);
    }
    let loss = 0;
    for (const microbatch of [...losses.keys()].sort((a, b) => a - b)) loss += losses.get(microbatch)!;
    await committed(iteration, loss / losses.size, () => holders.map((holder) => holder.weights()));
  }
  return holders.map((holder, stage) => holder.decode(stage, holder.snapshot()));
}

/** A name for every replica of the run as planned. */
function replicaNames({ training }: Manifest): string[][] {
  return training.stageSizes.map((size, stage) =>
    Array.from({ length: size }, (_, replica) => `stage ${stage} replica ${replica}`),
  );
}

/** Forward over the stages of its path, head, and back; its loss. */
async function oneMicrobatch(
  { manifest, text, engines }: SingleParts,
  iteration: number,
  microbatch: number,
  stages: readonly number[],
): Promise<number> {
  const windows = windowsOf(manifest, text);
  const indices = drawSamples({
    runSeed: manifest.seed,
    iteration: iteration - 1,
    microbatch,
    samples: manifest.training.samplesPerMicrobatch,
    microbatches: microbatchesPerIteration(manifest),
    windows,
  });
  const { tokens, targets } = readSamples(manifest, text, windows, indices);
  let activation: Float32Array | Int32Array = tokens;
  const packed = activationFormat(manifest);
  // what travels between peers loses here what it loses there
  const sent = (values: Float32Array) =>
    stages.length === 1 ? values : (packed.unpack(packed.pack(values)) ?? values);
  for (const stage of stages)
    activation = sent(await engines[stage]!.forward({ key: microbatch, input: activation, keep: true }));
  const head = await engines[0]!.head({ input: activation as Float32Array, targets, gradient: true });
  let gradient = sent(head.inputGradient!);
  for (const stage of stages.toReversed()) {
    const before = await engines[stage]!.backward({ key: microbatch, outputGradient: gradient, part: 'all' });
    if (before !== undefined) gradient = sent(before);
  }
  return head.loss;
}

/** The group's sum, in the group's order, as the exchange computes it. */
function addUp(
  codec: Codec,
  key: { readonly runSeed: number; readonly iteration: number; readonly stage: number },
  gradients: readonly Float32Array[],
  memories: EncoderState[],
): Float32Array {
  const whole = new Float32Array(gradients[0]!.length);
  for (const slice of piecesOf(whole.length, codec)) {
    const contributions = gradients.map((gradient, place) => {
      memories[place] ??= codec.start(gradient.length);
      const bytes = codec.encode({ gradient, slice, key: { ...key, place }, state: memories[place] });
      return { sender: `${place}`, place, bytes };
    });
    whole.set(sumContributions({ codec, contributions, slice, key }).sum, slice.from);
  }
  return whole;
}
