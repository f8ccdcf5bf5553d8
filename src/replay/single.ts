// The same run in one process, without a swarm: the yardstick for losses (they must agree) and for speed. Micro-batches
// go one after another over their planned paths, anchor by anchor, and gradients are added as the groups would add them
// where each anchor's micro-batches have replicas of their own. Of forward passes alone it makes the commit that a swarm
// would, and takes every stage further by it.

import { drawSamples } from '../data/index.ts';
import {
  type Codec,
  type CodecName,
  codecs,
  type EncoderState,
  piecesOf,
  sumContributions,
} from '../gradient/index.ts';
import { toHex } from '../journal/canonical.ts';
import type { Plan } from '../schedule/plan.ts';
import type { Clock } from '../seams/clock.ts';
import type { Engine, HeadResult } from '../seams/engine.ts';
import type { Identity } from '../seams/identity.ts';
import { activationFormat } from '../swarm/training/activations.ts';
import { planOfGroups } from '../swarm/planning/planning.ts';
import { initialStage, normOf, StageHolder } from '../swarm/weights/holder.ts';
import { type Manifest, microbatchesPerIteration } from '../swarm/manifest.ts';
import type { GivenWeights } from '../swarm/weights/obtaining.ts';
import {
  completeProbes,
  dataMicrobatch,
  estimateOf,
  isForwardOnly,
  perturbationOf,
} from '../swarm/training/probing.ts';
import { readSamples, windowsOf } from '../swarm/training/samples.ts';
import type { StageSnapshot } from '../swarm/weights/snapshot.ts';

export interface SingleParts {
  readonly manifest: Manifest;
  readonly text: Uint8Array;
  /** One engine a stage; the caller closes them. */
  readonly engines: readonly Engine[];
  readonly clock: Clock;
  readonly identity: Identity;
  /** The weights that the run begins with, where they do not come from its seed. */
  readonly given?: GivenWeights;
  /** Iterations after which it ends, learning rates being those of the whole run; all of the run's when left out. */
  readonly until?: number;
  /** Before a stage's exchange: the gradients of its replicas, in the group's order. */
  readonly exchanging?: (iteration: number, stage: number, gradients: readonly Float32Array[]) => void;
  /** After each iteration: its mean loss, nats per token, and the stages' weights as they are then. */
  readonly committed: (
    iteration: number,
    loss: number,
    weights: () => readonly Float32Array[],
  ) => void | Promise<void>;
}

/** One iteration of all stages; its mean loss. */
type Iteration = (iteration: number, plan: Plan) => Promise<number>;

/** Trains the run's iterations and returns every stage as it is then. */
export async function trainSingle(parts: SingleParts): Promise<StageSnapshot[]> {
  const { manifest, engines, clock, identity, committed } = parts;
  const holders = engines.map((engine) => new StageHolder(manifest, engine, clock, identity));
  for (const [stage, holder] of holders.entries())
    await holder.install(initialStage(manifest, stage, parts.given?.[stage]));
  const iterate = isForwardOnly(manifest) ? forwardOnly(parts, holders) : withGradients(parts, holders);
  const last = Math.min(manifest.training.iterations, parts.until ?? Number.POSITIVE_INFINITY);
  for (let iteration = 1; iteration <= last; iteration++) {
    const plan = planOfGroups(manifest, replicaNames(manifest), iteration);
    const loss = await iterate(iteration, plan);
    await committed(iteration, loss, () => holders.map((holder) => holder.weights()));
  }
  return holders.map((holder, stage) => holder.decode(stage, holder.snapshot()));
}

function withGradients(parts: SingleParts, holders: readonly StageHolder[]): Iteration {
  const { manifest, engines, clock } = parts;
  const codec = codecs[manifest.training.codec as CodecName];
  /** What each replica of each stage remembers for its codec. */
  const memories: EncoderState[][] = engines.map(() => []);
  return async (iteration, plan) => {
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
    return meanOf(losses);
  };
}

/** Passes under moved weights; what their losses differ by are the bytes of a commit, and the commit is the step. */
function forwardOnly(parts: SingleParts, holders: readonly StageHolder[]): Iteration {
  const { manifest, clock } = parts;
  return async (iteration, plan) => {
    const losses = new Map<number, number>();
    const sampleLosses = new Map<number, Float32Array>();
    for (const { microbatch, nodes } of plan.paths) {
      const stages = nodes.map((node) => node.stage);
      const head = await onePass(parts, iteration, microbatch, stages);
      losses.set(microbatch, head.loss);
      sampleLosses.set(microbatch, head.sampleLosses);
    }
    const probes = completeProbes(manifest, sampleLosses).map(({ probe, differences }) => ({
      probe,
      differences: toHex(differences),
    }));
    for (const [stage, holder] of holders.entries()) {
      const microbatches = plan.paths
        .filter(({ nodes }) => nodes.some((node) => node.stage === stage))
        .map((path) => path.microbatch);
      const commit = { iteration, stages: [{ stage, microbatches }], probes };
      const estimate = await estimateOf(manifest, commit, stage, holder.weights().length, clock);
      if (estimate) await holder.step(iteration, estimate, await normOf(estimate, clock), 1);
      else holder.pass(iteration);
    }
    return meanOf(losses);
  };
}

/** In the order of the micro-batches, whatever order they were computed in. */
function meanOf(losses: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const microbatch of [...losses.keys()].sort((a, b) => a - b)) sum += losses.get(microbatch)!;
  return sum / losses.size;
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
  const { tokens, targets } = samplesOf(manifest, text, iteration, microbatch);
  const sent = packing(manifest, stages);
  let activation: Float32Array | Int32Array = tokens;
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

/** Forward under the moved weights of one pass, and head. */
async function onePass(
  { manifest, text, engines }: SingleParts,
  iteration: number,
  pass: number,
  stages: readonly number[],
): Promise<HeadResult> {
  const { tokens, targets } = samplesOf(manifest, text, iteration, dataMicrobatch(manifest, pass));
  const sent = packing(manifest, stages);
  const perturbation = (stage: number) => perturbationOf(manifest, iteration, pass, stage);
  let activation: Float32Array | Int32Array = tokens;
  for (const stage of stages) {
    const how = { keep: false, perturbation: perturbation(stage) };
    activation = sent(await engines[stage]!.forward({ key: pass, input: activation, ...how }));
  }
  const how = { gradient: false, perturbation: perturbation(0) };
  return engines[0]!.head({ input: activation as Float32Array, targets, ...how });
}

function samplesOf(manifest: Manifest, text: Uint8Array, iteration: number, microbatch: number) {
  const windows = windowsOf(manifest, text);
  const indices = drawSamples({
    runSeed: manifest.seed,
    iteration: iteration - 1,
    microbatch,
    samples: manifest.training.samplesPerMicrobatch,
    microbatches: microbatchesPerIteration(manifest),
    windows,
  });
  return readSamples(manifest, text, windows, indices);
}

/** What travels between peers loses here what it loses there. */
function packing(manifest: Manifest, stages: readonly number[]) {
  const packed = activationFormat(manifest);
  return (values: Float32Array) =>
    stages.length === 1 ? values : (packed.unpack(packed.pack(values)) ?? values);
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
