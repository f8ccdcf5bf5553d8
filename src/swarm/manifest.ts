// The manifest: what one run is. It never changes, its founder signed it, and its digest is the run's id.

import { z } from 'zod';
import type { TextDescription } from '../data/index.ts';
import { codecs, MOST_DIRECTIONS, MOST_SAMPLES, ONE_BYTE } from '../gradient/index.ts';
import { canonicalBytes, fromHex, type Json, toHex } from '../journal/canonical.ts';
import { frozen, remembering } from '../journal/recent.ts';
import { activationTypes } from '../model/activations/index.ts';
import type { Identity } from '../seams/identity.ts';
import type { ModelShape, StageShape } from '../seams/shapes.ts';

/** Two peers of different protocol versions refuse each other before anything else is said. */
export const PROTOCOL_VERSION = 'skein/1';

const size = z.number().int().min(1).max(1_000_000);
const share = z.number().min(0).max(1);

/** A name of the family, so that a program that does not know a member of it does not join. */
function oneOf<Name extends string>(family: Readonly<Record<Name, unknown>>) {
  return z.enum(Object.keys(family) as [Name, ...Name[]]);
}

const manifestSchema = z.object({
  protocol: z.string().max(40),
  name: z.string().min(1).max(200),
  seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  founder: z.string().min(1).max(128),
  /** how many peers keep the journal when there are enough */
  keepers: z.number().int().min(1).max(15).optional(),
  model: z.object({
    width: size,
    heads: size,
    kvHeads: size,
    hidden: size,
    vocabulary: size,
    context: size,
    normEpsilon: z.number().positive(),
    ropeTheta: z.number().positive(),
    tiedHead: z.boolean(),
    /** transformer blocks of each stage, stage 0 first */
    blocks: z.array(z.number().int().min(0).max(1000)).min(1).max(1000),
  }),
  training: z.object({
    stages: z.number().int().min(1).max(1000),
    stageSizes: z.array(size).max(1000),
    microbatchesPerAnchor: size,
    samplesPerMicrobatch: size,
    skipRatio: share,
    swapBudget: z.number().int().min(0),
    largestJump: size,
    splitBackward: z.boolean(),
    policy: z.string().max(40),
    codec: oneOf({ ...codecs, [ONE_BYTE]: ONE_BYTE }),
    /** training by forward passes alone: there with the codec one-byte */
    probes: z
      .object({
        directions: z.number().int().min(1).max(MOST_DIRECTIONS),
        /** ε of θ ± εz */
        perturbation: z.number().positive().max(1),
        normalizeSteps: z.boolean(),
        /** what has a direction and a byte of its own; each sample where it is left out */
        directionFor: z.enum(['sample', 'microbatch']).optional(),
      })
      .optional(),
    activations: oneOf(activationTypes),
    recovery: z.string().max(40),
    emergencySkips: z.number().int().min(0).max(100),
    optimizer: z.object({
      name: z.string().max(40),
      learningRate: z.number().positive(),
      warmupIterations: z.number().int().min(0),
      decay: z.enum(['none', 'linear', 'cosine']),
      /** the learning rate at the end, as a share of the peak */
      endShare: share,
      betas: z.array(z.number().min(0).max(1)).length(2),
      epsilon: z.number().positive(),
      weightDecay: z.number().min(0),
      momentum: z.number().min(0).max(1),
      /** largest norm of a stage's gradient; 0 switches clipping off */
      clip: z.number().min(0),
    }),
    iterations: size,
    /** the text is a list of records of context + 1 tokens, of which only the last so many are to be predicted */
    labelTokens: size.optional(),
    /** so many records in a row are drawn together: a micro-batch can then hold one of each kind */
    recordsTogether: size.optional(),
  }),
  /** the weights the run begins with, where they do not come from its seed: a digest for each stage's, float32 */
  start: z.object({ weights: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(1000) }).optional(),
  data: z.custom<TextDescription>((value) => typeof value === 'object' && value !== null),
});

export type Manifest = z.infer<typeof manifestSchema>;

export interface SignedManifest {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  /** digest of the bytes, hexadecimal */
  readonly runId: string;
}

export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** The manifest as one signed blob: what a joiner is handed and keeps. */
export async function signManifest(manifest: Manifest, identity: Identity): Promise<SignedManifest> {
  const body = canonicalBytes(manifest as unknown as Json);
  const signature = toHex(await identity.sign(identity.digest(body)));
  const bytes = canonicalBytes({ manifest: manifest as unknown as Json, signature });
  return { manifest, bytes, runId: toHex(identity.digest(body)) };
}

/** Reads and checks a signed manifest; with `runId`, it must be that run's. */
export async function readManifest(
  bytes: Uint8Array,
  identity: Identity,
  runId?: string,
): Promise<SignedManifest> {
  const { manifest, canonical, signature } = parseManifest(textOf(bytes));
  const hash = identity.digest(canonical);
  if (runId !== undefined && toHex(hash) !== runId) {
    throw new ManifestError(`the manifest is of run ${toHex(hash)}, not of ${runId}`);
  }
  if (signature === undefined || !(await identity.verify(manifest.founder, hash, signature))) {
    throw new ManifestError(`the manifest is not signed by its founder ${manifest.founder}`);
  }
  return { manifest, bytes, runId: toHex(hash) };
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ManifestError('the manifest is not JSON');
  }
}

/** Characters of manifests that are remembered: a peer reads its run's several times. */
const RECENT_CHARACTERS = 1_000_000;

const parseManifest = remembering(
  (text: string) => parse(text),
  (text) => text.length,
  RECENT_CHARACTERS,
);

function parse(text: string): {
  readonly manifest: Manifest;
  readonly canonical: Uint8Array;
  readonly signature: Uint8Array | undefined;
} {
  let value: { manifest?: unknown; signature?: unknown };
  try {
    value = JSON.parse(text);
  } catch {
    throw new ManifestError('the manifest is not JSON');
  }
  const parsed = manifestSchema.safeParse(value?.manifest);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ManifestError(`the manifest's ${issue?.path.join('.')} is wrong: ${issue?.message}`);
  }
  const manifest = parsed.data;
  if (manifest.protocol !== PROTOCOL_VERSION) {
    throw new ManifestError(`the run speaks ${manifest.protocol}, this program speaks ${PROTOCOL_VERSION}`);
  }
  const problem = samplesProblem(manifest);
  if (problem) throw new ManifestError(`the manifest's ${problem}`);
  return {
    manifest: frozen(manifest),
    canonical: canonicalBytes(manifest as unknown as Json),
    signature: typeof value.signature === 'string' ? fromHex(value.signature) : undefined,
  };
}

/** What every stage of the run holds, stage 0 first. */
export function stagesOf(manifest: Manifest): StageShape[] {
  return manifest.model.blocks.map((blocks, stage) => ({ blocks, anchor: stage === 0 }));
}

export function modelOf(manifest: Manifest): ModelShape {
  const { blocks: _, ...model } = manifest.model;
  return model;
}

/** Micro-batches of one iteration when stage 0 has its planned size. */
export function microbatchesPerIteration(manifest: Manifest): number {
  return manifest.training.microbatchesPerAnchor * (manifest.training.stageSizes[0] ?? 1);
}

/** What is wrong with a run by forward passes alone that needs directions of more samples than there are streams for. */
export function samplesProblem(manifest: Manifest): string | undefined {
  const { codec, samplesPerMicrobatch } = manifest.training;
  const microbatches = microbatchesPerIteration(manifest);
  if (codec !== ONE_BYTE || microbatches * samplesPerMicrobatch <= MOST_SAMPLES) return undefined;
  return (
    `training.codec: ${ONE_BYTE} takes at most ${MOST_SAMPLES} samples an iteration, not ${microbatches} micro-batches ` +
    `of ${samplesPerMicrobatch}`
  );
}
