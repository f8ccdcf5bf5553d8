// From the settings of a scenario file and a text to the manifest of a run.

import { describeText, recordWindows, TextError, trainingWindows } from '../data/index.ts';
import { ONE_BYTE } from '../gradient/index.ts';
import type { ActivationTypeName } from '../model/activations/index.ts';
import { DescriptionError, PlanError } from '../schedule/errors.ts';
import type { Plan, TaskKind } from '../schedule/plan.ts';
import type { Manifest as ManifestSettings } from '../scenario/settings.ts';
import { stageShapes } from '../scenario/model.ts';
import type { Identity } from '../seams/identity.ts';
import { DEFAULT_KEEPERS } from '../swarm/leading/keepers.ts';
import { type Manifest, PROTOCOL_VERSION, samplesProblem } from '../swarm/manifest.ts';
import { type GivenWeights, weightsDigest } from '../swarm/weights/obtaining.ts';
import { planOfGroups } from '../swarm/planning/planning.ts';
import { UsageError } from './errors.ts';
import type { NamedText } from './text.ts';

/** The run that these settings describe, trained on this text, founded by this peer, and with these weights to begin with, if given. Throws a UsageError for what a live run cannot do. */
export function manifestOf(
  settings: ManifestSettings,
  text: NamedText,
  identity: Identity,
  given?: GivenWeights,
): Manifest {
  const { model, training, name, seed } = settings;
  if (training.headAt !== 'anchor') {
    throw new UsageError(
      'training.headAt: a live run has its head at the anchor; leave it out or write anchor',
    );
  }
  if (model.shape.vocabulary !== 256) {
    throw new UsageError(
      `model.vocabulary: the byte tokenizer has 256 tokens, not ${model.shape.vocabulary}`,
    );
  }
  checkText(text, model.shape.context, training);
  const sizes = training.stageSizes ?? Array.from({ length: training.stages }, () => 1);
  const manifest: Manifest = {
    protocol: PROTOCOL_VERSION,
    name,
    seed,
    founder: identity.self,
    keepers: DEFAULT_KEEPERS,
    model: { ...model.shape, blocks: stageShapes(model, training.stages).map((stage) => stage.blocks) },
    training: {
      stages: training.stages,
      stageSizes: [...sizes],
      microbatchesPerAnchor: training.microbatchesPerAnchor,
      samplesPerMicrobatch: training.samplesPerMicrobatch,
      skipRatio: training.skipRatio,
      swapBudget: training.swapBudget,
      largestJump: training.largestJump,
      splitBackward: training.splitBackward,
      policy: training.policy,
      ...(training.codec === ONE_BYTE && { probes: probesOf(training) }),
      codec: training.codec as Manifest['training']['codec'], // the settings were checked against the names that exist
      activations: training.activations as ActivationTypeName,
      recovery: training.recovery,
      emergencySkips: training.emergencySkips,
      optimizer: {
        name: training.optimizer,
        learningRate: training.learningRate,
        warmupIterations: training.warmupIterations,
        decay: training.decay,
        endShare: training.endShare,
        betas: [...training.betas],
        epsilon: training.epsilon,
        weightDecay: training.weightDecay,
        momentum: training.momentum,
        clip: training.clip,
      },
      iterations: training.iterations,
      ...(training.labelTokens !== undefined && { labelTokens: training.labelTokens }),
      ...(training.recordsTogether !== undefined && { recordsTogether: training.recordsTogether }),
    },
    ...(given && { start: { weights: given.map((weights) => weightsDigest(weights, identity)) } }),
    data: describeText(text.name, text.bytes, identity.digest),
  };
  checkSamples(manifest);
  checkPolicy(manifest);
  return manifest;
}

const probesOf = ({
  directions,
  directionFor,
  perturbation,
  normalizeSteps,
}: ManifestSettings['training']) => ({
  directions,
  perturbation,
  normalizeSteps,
  ...(directionFor !== 'sample' && { directionFor }),
});

/** Throws a UsageError when forward passes alone would need directions of more samples than there are streams for. */
function checkSamples(manifest: Manifest): void {
  const problem = samplesProblem(manifest);
  if (problem) throw new UsageError(`${problem}; lower microbatchesPerAnchor or samplesPerMicrobatch`);
}

const NOT_RUN_LIVE: ReadonlySet<TaskKind> = new Set(['recompute']);

/** Throws a UsageError when the run's policy has no plan for its stages, or one that peers cannot run. */
function checkPolicy(manifest: Manifest): void {
  const { policy, stageSizes } = manifest.training;
  const groups = stageSizes.map((size, stage) => Array.from({ length: size }, (_, i) => `${stage}.${i}`));
  let plan: Plan;
  try {
    plan = planOfGroups(manifest, groups, 1);
  } catch (error) {
    if (!(error instanceof DescriptionError || error instanceof PlanError)) throw error;
    throw new UsageError(`training.policy: ${policy}: ${error.message}`, { cause: error });
  }
  const task = plan.tasks.find(({ kind }) => NOT_RUN_LIVE.has(kind));
  if (task !== undefined || plan.chunks > 1) {
    const what = task === undefined ? `${plan.chunks} chunks a peer` : `tasks of kind ${task.kind}`;
    const why = `its plans have ${what}, which live peers do not run`;
    throw new UsageError(`training.policy: ${policy}: ${why}; \`skein plan\` shows them, 1f1b runs`);
  }
}

/** Throws a UsageError when there is no sample of this context (tokens) in the text. */
function checkText(
  { name, bytes }: NamedText,
  context: number,
  { labelTokens, recordsTogether, samplesPerMicrobatch }: ManifestSettings['training'],
): void {
  if (recordsTogether !== undefined && samplesPerMicrobatch % recordsTogether !== 0) {
    throw new UsageError(
      `training.recordsTogether: ${recordsTogether} records do not fit whole into ${samplesPerMicrobatch} samplesPerMicrobatch`,
    );
  }
  try {
    if (labelTokens === undefined) trainingWindows(bytes.length, context);
    else recordWindows(bytes.length, context, recordsTogether);
  } catch (error) {
    if (error instanceof TextError)
      throw new UsageError(`--data ${name}: ${error.message}`, { cause: error });
    throw error;
  }
}
