// Fine-tuning for real, by forward passes alone: the demo's model, trained for longer, learns to tell spam from ham
// across four peers of which some leave, crash and come back in the middle. One byte a sample and direction travels;
// the same run with full gradients stands beside it. In virtual time with real tensors, so nothing depends on how
// busy the machine is.

import { readModelFolder } from '../src/cli/model-folder.ts';
import { manifestOf } from '../src/cli/manifest.ts';
import { knownNames } from '../src/cli/names.ts';
import { modelFieldsOf } from '../src/cli/from.ts';
import { createTimedEngine } from '../src/engine/cost/index.ts';
import { createOnnxEngine } from '../src/engine/onnx/index.ts';
import { restage } from '../src/model/restage.ts';
import { createSimulatedIdentity } from '../src/network/simulated/identity.ts';
import { Simulation, type SimulatedPeerEvent } from '../src/replay/simulation.ts';
import { parseManifest } from '../src/scenario/schema.ts';
import type { Engine } from '../src/seams/engine.ts';
import { type Manifest, modelOf, stagesOf } from '../src/swarm/manifest.ts';
import type { GivenWeights } from '../src/swarm/obtaining.ts';
import { pretrained } from './pretrained.ts';
import { LABEL_TOKENS, type LabelledMail, type SpamTask, spamTask } from './spam.ts';

export const flags = {
  pretraining: 'number',
  steps: 'number',
  fullSteps: 'number',
  directions: 'number',
  test: 'number',
  rate: 'number',
} as const;

interface Options {
  /** Iterations of pretraining, of 2,048 tokens. */
  readonly pretraining?: number;
  /** Iterations of forward passes alone. */
  readonly steps?: number;
  /** Iterations with full gradients. */
  readonly fullSteps?: number;
  readonly directions?: number;
  /** Mails that are judged before and after. */
  readonly test?: number;
  /** Learning rate of the forward passes. */
  readonly rate?: number;
}

const STAGES = 2;
const REPLICAS = 2;
const SAMPLES = 4;
const MICROBATCHES_PER_ANCHOR = 2;
const device = { flopsPerSecond: 2e10, efficiency: 0.5, memoryBytesPerSecond: 1e10, memoryBytes: 1e10 };

interface Method {
  readonly name: string;
  readonly iterations: number;
  readonly training: object;
}

export async function run(options: Options = {}) {
  const {
    pretraining = 400,
    steps = 600,
    fullSteps = 150,
    directions = 2,
    test = 400,
    rate = 4e-2,
  } = options;
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const model = readModelFolder(await pretrained(pretraining, say));
  const { context } = model.model;
  const task = spamTask(context, 0, test);
  const methods: Method[] = [
    {
      name: 'one-byte',
      iterations: steps,
      training: {
        codec: 'one-byte',
        directions,
        perturbation: 1e-3,
        normalizeSteps: true,
        optimizer: 'sgd',
        momentum: 0,
        clip: 0,
        learningRate: rate,
        decay: 'linear',
      },
    },
    {
      name: 'full gradients',
      iterations: fullSteps,
      training: { codec: 'dense-f32', optimizer: 'adamw', learningRate: 1e-3, decay: 'linear' },
    },
  ];
  const rows = [];
  for (const method of methods) {
    const manifest = manifestFor(method, modelFieldsOf(model), task);
    const given = restage(model, stagesOf(manifest));
    const withStart = manifestFor(method, modelFieldsOf(model), task, given);
    const before = await judge(withStart, given, task.test);
    const tuned = await tune(withStart, given, task, (line) => say(`${method.name}: ${line}`));
    const after = await judge(withStart, tuned.weights, task.test);
    rows.push({
      method: method.name,
      iterations: method.iterations,
      mailsSeen: method.iterations * REPLICAS * MICROBATCHES_PER_ANCHOR * SAMPLES,
      accuracyBefore: round4(before.accuracy),
      accuracyAfter: round4(after.accuracy),
      labelLossBefore: round4(before.loss),
      labelLossAfter: round4(after.loss),
      contributionBytes: tuned.contributionBytes,
      bytesPerIteration: round4(tuned.contributionBytes / method.iterations),
      divergences: tuned.divergences,
      cameAndWent: tuned.cameAndWent,
    });
  }
  return {
    bench: 'fine-tuning',
    rows,
    notes: [
      `accuracy over ${test} mails that no run saw, half of them spam: one standard error is ${round4(Math.sqrt(0.25 / test))} at a half`,
      `4 peers, ${STAGES} stages of ${REPLICAS} replicas; labelLoss is nats per byte of the label's ${LABEL_TOKENS}`,
    ],
  };
}

function manifestFor(
  { iterations, training }: Method,
  model: object,
  task: SpamTask,
  given?: GivenWeights,
): Manifest {
  const fields = {
    name: 'fine-tuning',
    seed: 11,
    model,
    training: {
      stages: STAGES,
      stageSizes: Array.from({ length: STAGES }, () => REPLICAS),
      microbatchesPerAnchor: MICROBATCHES_PER_ANCHOR,
      samplesPerMicrobatch: SAMPLES,
      labelTokens: LABEL_TOKENS,
      iterations,
      ...training,
    },
  };
  const settings = parseManifest(JSON.stringify(fields), { file: 'fine-tuning', names: knownNames });
  const text = { name: 'mails', bytes: task.training };
  return manifestOf(settings, text, createSimulatedIdentity('p0'), given);
}

/** Trains in a swarm from which one peer takes its leave, and an anchor crashes; both come back. */
async function tune(manifest: Manifest, given: GivenWeights, task: SpamTask, say: (line: string) => void) {
  const { iterations } = manifest.training;
  const cameAndWent: string[] = [];
  const at = new Map<number, (simulation: Simulation) => void>([
    [Math.ceil(iterations * 0.3), (simulation) => simulation.peer('p3')?.leave()],
    [Math.ceil(iterations * 0.4), (simulation) => simulation.crash('p1')],
    [Math.ceil(iterations * 0.6), (simulation) => void simulation.start('p3')],
    [Math.ceil(iterations * 0.7), (simulation) => void simulation.start('p1')],
  ]);
  let contributionBytes = 0;
  let divergences = 0;
  const contributed = new Map<string, number>();
  const script = (event: SimulatedPeerEvent, simulation: Simulation) => {
    if (event.kind === 'commit') {
      const before = contributed.get(event.of) ?? 0;
      if (event.contributionBytes < before) contributionBytes += before; // it was started anew
      contributed.set(event.of, event.contributionBytes);
    }
    if (event.of !== 'p0') return;
    if (event.kind === 'gone') cameAndWent.push(`${event.name} ${event.how}`);
    if (event.kind === 'active' && simulation.peer('p0')!.state.iteration > 0)
      cameAndWent.push(`${event.name} came back`);
    if (event.kind === 'ended') divergences = event.divergences;
    if (event.kind !== 'commit') return;
    const { iteration, loss } = event.commit;
    if (iteration % 25 === 0) say(`iteration ${iteration} of ${iterations}, label loss ${loss?.toFixed(4)}`);
    const act = at.get(iteration);
    if (act) simulation.world.after(0, '', () => act(simulation));
  };
  const simulation = new Simulation({
    manifest,
    text: task.training,
    given,
    peers: Array.from({ length: STAGES * REPLICAS }, (_, i) => ({
      name: `p${i}`,
      stage: Math.floor(i / REPLICAS),
      hasText: true,
    })),
    links: { latencySeconds: () => 0.01, bytesPerSecond: () => 1e7 },
    engine: async (_, clock, pending) =>
      createTimedEngine(clock, await createOnnxEngine({ inProcess: true }), device, { pending }),
    script,
  });
  await simulation.run(1e7);
  for (const bytes of contributed.values()) contributionBytes += bytes;
  const weights = simulation.delivered!.map((stage) => new Float32Array(stage.weights));
  return { weights, contributionBytes, divergences, cameAndWent: cameAndWent.join(', ') };
}

const BATCH = 8;

/** The share of mails whose right answer the model finds likelier, and the mean loss of the right answers. */
async function judge(manifest: Manifest, weights: GivenWeights, mails: readonly LabelledMail[]) {
  const model = modelOf(manifest);
  const engines: Engine[] = [];
  for (const [stage, shape] of stagesOf(manifest).entries()) {
    const engine = await createOnnxEngine({ inProcess: true });
    await engine.load({ model, stage: shape, samples: BATCH }, weights[stage]!);
    engines.push(engine);
  }
  let right = 0;
  let loss = 0;
  for (let first = 0; first < mails.length; first += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => mails[first + i] ?? mails.at(-1)!);
    const ofSpam = await labelLosses(
      engines,
      batch.map((mail) => mail.record(true)),
    );
    const ofHam = await labelLosses(
      engines,
      batch.map((mail) => mail.record(false)),
    );
    for (let i = 0; i < BATCH && first + i < mails.length; i++) {
      const { spam } = batch[i]!;
      if (ofSpam[i]! < ofHam[i]! === spam) right++;
      loss += spam ? ofSpam[i]! : ofHam[i]!;
    }
  }
  for (const engine of engines) await engine.close();
  return { accuracy: right / mails.length, loss: loss / mails.length };
}

async function labelLosses(
  engines: readonly Engine[],
  records: readonly Uint8Array[],
): Promise<Float32Array> {
  const context = records[0]!.length - 1;
  const inputs = Int32Array.from(records.flatMap((record) => [...record.subarray(0, context)]));
  const targets = Int32Array.from(
    records.flatMap((record) =>
      Array.from(record.subarray(1), (id, at) => (at < context - LABEL_TOKENS ? -1 : id)),
    ),
  );
  let activation: Int32Array | Float32Array = inputs;
  for (const engine of engines) activation = await engine.forward({ key: 0, input: activation, keep: false });
  const head = await engines[0]!.head({ input: activation as Float32Array, targets, gradient: false });
  return head.sampleLosses;
}

const round4 = (value: number) => Math.round(1e4 * value) / 1e4;
