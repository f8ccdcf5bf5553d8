// Fine-tuning for real, by forward passes alone: the demo's model, trained for longer, learns to tell spam from ham
// across four peers of which some leave, crash and come back in the middle. A micro-batch has as many mails of either
// kind, and one byte for all of them travels. Two kinds of step that can be made of the same bytes are compared, and
// bytes that each tell of one mail alone; the same run with full gradients stands beside them. In virtual time with real
// tensors, so nothing depends on how busy the machine is. `--world live` starts processes that speak over libp2p instead;
// `--world single` makes the same steps in one process that nobody leaves: quicker, to try rates.

import { modelFieldsOf } from '../src/cli/from.ts';
import { manifestOf } from '../src/cli/manifest.ts';
import { readModelFolder } from '../src/cli/model-folder.ts';
import { knownNames } from '../src/cli/names.ts';
import { createOnnxEngine } from '../src/engine/onnx/index.ts';
import type { StagedModel } from '../src/model/export.ts';
import { restage } from '../src/model/restage.ts';
import { createSimulatedIdentity } from '../src/network/simulated/identity.ts';
import { parseManifest } from '../src/scenario/schema.ts';
import type { Engine } from '../src/seams/engine.ts';
import { type Manifest, microbatchesPerIteration, modelOf, stagesOf } from '../src/swarm/manifest.ts';
import type { GivenWeights } from '../src/swarm/weights/obtaining.ts';
import { pretrained } from './pretrained.ts';
import { LABEL_TOKENS, LABELS, type LabelledMail, type SpamTask, spamTask } from './spam.ts';
import { tuneLive } from './tuning-live.ts';
import { REPLICAS, STAGES, tuneAlone, tuneSimulated, type World } from './tuning-worlds.ts';

export const flags = {
  pretraining: 'number',
  context: 'number',
  steps: 'number',
  fullSteps: 'number',
  microbatches: 'number',
  samples: 'number',
  directions: 'number',
  perturbation: 'number',
  rate: 'number',
  plainRate: 'number',
  fullRate: 'number',
  judged: 'number',
  by: 'text',
  methods: 'text',
  world: 'text',
} as const;

interface Options {
  /** Iterations of pretraining, of 2,048 tokens. */
  readonly pretraining?: number;
  /** Bytes of a mail and its label that are read. */
  readonly context?: number;
  /** Iterations of forward passes alone. */
  readonly steps?: number;
  /** Iterations with full gradients. */
  readonly fullSteps?: number;
  /** Of each anchor in an iteration of forward passes alone. */
  readonly microbatches?: number;
  /** Mails of a micro-batch, which share a direction: an even number. */
  readonly samples?: number;
  readonly directions?: number;
  readonly perturbation?: number;
  /** Learning rate of the forward passes with normalised steps, with plain ones, and of full gradients. */
  readonly rate?: number;
  readonly plainRate?: number;
  readonly fullRate?: number;
  /** Mails that are judged before and after, 400 at most. */
  readonly judged?: number;
  /** `test`, or `validation` for those that rates are chosen by. */
  readonly by?: string;
  /** Of `normalised`, `plain`, `sample` and `full`, with commas between; all when left out. */
  readonly methods?: string;
  /** `swarm`, in virtual time; `live`, of processes; or `single` for one process that nobody leaves. */
  readonly world?: string;
}

const worlds: Readonly<Record<string, World>> = { swarm: tuneSimulated, live: tuneLive, single: tuneAlone };
/** Spam and ham in turns: each micro-batch has as many of either. */
const KINDS = 2;

interface Method {
  readonly name: string;
  readonly iterations: number;
  /** Of each anchor. */
  readonly microbatches: number;
  readonly samples: number;
  readonly training: object;
}

/** All that train by forward passes alone send as many bytes. */
function methodsOf(options: Options): Readonly<Record<string, Method>> {
  const { steps = 150, fullSteps = 50, microbatches = 4, samples = 16 } = options;
  const { directions = 1, perturbation = 1e-3 } = options;
  const { rate = 8e-3, plainRate = 6e-3, fullRate = 5e-4 } = options;
  const forwardOnly = (training: object) => ({
    iterations: steps,
    microbatches,
    samples,
    training: {
      ...{ codec: 'one-byte', directions, directionFor: 'microbatch', perturbation, normalizeSteps: true },
      ...{ optimizer: 'sgd', momentum: 0, clip: 0, learningRate: rate, decay: 'none' },
      ...training,
    },
  });
  return {
    normalised: { name: 'one-byte, normalised steps', ...forwardOnly({}) },
    plain: {
      name: 'one-byte, plain steps',
      ...forwardOnly({ normalizeSteps: false, learningRate: plainRate }),
    },
    sample: {
      name: 'one-byte, a direction a sample',
      ...forwardOnly({ directionFor: 'sample' }),
      microbatches: microbatches / KINDS,
      samples: KINDS,
    },
    full: {
      name: 'full gradients',
      iterations: fullSteps,
      microbatches: 1,
      samples: 8,
      training: { codec: 'dense-f32', optimizer: 'adamw', learningRate: fullRate, decay: 'linear' },
    },
  };
}

export async function run(options: Options = {}) {
  const { pretraining = 400, context = 64, judged = 400, by = 'test', world = 'swarm' } = options;
  const tune = worlds[world];
  if (tune === undefined)
    throw new RangeError(`--world is one of ${Object.keys(worlds).join(', ')}, not ${world}`);
  if (by !== 'test' && by !== 'validation') throw new RangeError(`--by is test or validation, not ${by}`);
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const known = methodsOf(options);
  const methods = (options.methods?.split(',') ?? Object.keys(known)).map((name) => {
    const method = known[name];
    if (method === undefined)
      throw new RangeError(`there is no method ${name}: ${Object.keys(known).join(', ')}`);
    if (!Number.isInteger(method.microbatches))
      throw new RangeError(`--microbatches is a multiple of ${KINDS} for the method ${name}`);
    return method;
  });
  const found = readModelFolder(await pretrained(pretraining, say));
  // positions turn vectors and have no weights: the same weights serve shorter texts
  const model = { ...found, model: { ...found.model, context } };
  const task = spamTask(context, judged);
  const mails = task[by];
  const rows = [];
  for (const method of methods) {
    const shape = manifestFor(method, model, task);
    const given = restage(model, stagesOf(shape));
    const manifest = manifestFor(method, model, task, given);
    const progress = (line: string) => say(`${method.name}: ${line}`);
    const before = await judge(manifest, given, mails);
    const tuned = await tune({ manifest, fields: fieldsOf(method, model), model, given, task }, progress);
    const after = await judge(manifest, tuned.weights, mails);
    rows.push({
      method: method.name,
      iterations: method.iterations,
      mailsRead: method.iterations * microbatchesPerIteration(manifest) * method.samples,
      accuracyBefore: round4(before.accuracy),
      accuracyAfter: round4(after.accuracy),
      labelLossBefore: round4(before.loss),
      labelLossAfter: round4(after.loss),
      ...tuned.shown,
    });
  }
  return {
    bench: 'fine-tuning',
    rows,
    notes: [
      `accuracy over ${judged} ${by} mails that no run saw, half of them spam: one standard error is ${round4(Math.sqrt(0.25 / judged))} at a half, ${round4(Math.sqrt(0.16 / judged))} at 0.8`,
      `labelLoss is nats of the label's first byte: ${round4(Math.log(2))} is a coin toss between the two`,
      ...(world === 'single' ? [] : [`4 peers, ${STAGES} stages of ${REPLICAS} replicas`]),
    ],
  };
}

function manifestFor(method: Method, model: StagedModel, task: SpamTask, given?: GivenWeights): Manifest {
  const text = JSON.stringify(fieldsOf(method, model));
  const settings = parseManifest(text, { file: 'fine-tuning', names: knownNames });
  const mails = { name: 'mails', bytes: task.training };
  return manifestOf(settings, mails, createSimulatedIdentity('p0'), given);
}

/** The run as fields of a scenario file. */
function fieldsOf({ iterations, microbatches, samples, training }: Method, model: StagedModel) {
  return {
    name: 'fine-tuning',
    seed: 11,
    model: modelFieldsOf(model),
    training: {
      stages: STAGES,
      stageSizes: Array.from({ length: STAGES }, () => REPLICAS),
      microbatchesPerAnchor: microbatches,
      samplesPerMicrobatch: samples,
      labelTokens: LABEL_TOKENS,
      recordsTogether: KINDS,
      iterations,
      ...training,
    },
  };
}

const BATCH = 8;

/** The share of mails whose right label the model finds likelier than the other, and the mean loss of the right one. */
async function judge(manifest: Manifest, weights: GivenWeights, mails: readonly LabelledMail[]) {
  const model = modelOf(manifest);
  const engines: Engine[] = [];
  for (const [stage, shape] of stagesOf(manifest).entries()) {
    const engine = await createOnnxEngine({ threads: 1, inProcess: true });
    await engine.load({ model, stage: shape, samples: BATCH }, weights[stage]!);
    engines.push(engine);
  }
  let right = 0;
  let loss = 0;
  for (let first = 0; first < mails.length; first += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => mails[first + i] ?? mails.at(-1)!);
    const logits = await lastLogits(
      engines,
      batch.map(({ record }) => record.subarray(0, model.context)),
    );
    for (const [i, { spam }] of batch.slice(0, mails.length - first).entries()) {
      const [correct, wrong] = spam ? [LABELS.spam, LABELS.ham] : [LABELS.ham, LABELS.spam];
      if (logits[i]![correct]! > logits[i]![wrong]!) right++;
      loss += Math.log(logits[i]!.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[i]![correct]!;
    }
  }
  for (const engine of engines) await engine.close();
  return { accuracy: right / mails.length, loss: loss / mails.length };
}

/** What the model expects after each text's last byte. */
async function lastLogits(engines: readonly Engine[], texts: readonly Uint8Array[]): Promise<Float32Array[]> {
  let activation: Int32Array | Float32Array = Int32Array.from(texts.flatMap((text) => [...text]));
  for (const engine of engines) activation = await engine.forward({ key: 0, input: activation, keep: false });
  const logits = await engines[0]!.logits(activation as Float32Array);
  const each = logits.length / texts.length;
  const vocabulary = each / texts[0]!.length;
  return texts.map((_, i) => logits.subarray((i + 1) * each - vocabulary, (i + 1) * each));
}

const round4 = (value: number) => Math.round(1e4 * value) / 1e4;
