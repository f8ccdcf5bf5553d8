// The scenario file's fields: names, types, ranges and defaults, as zod schemas. What needs more than one field to
// judge (assignments, presets, links) is in the files that resolve them.

import { z } from 'zod';
import { DEFAULT_CODEC, MOST_DIRECTIONS } from '../gradient/index.ts';
import { DEFAULT_ACTIVATIONS } from '../model/activations/index.ts';
import { describeIssue, show, withKeys } from './issues.ts';
import { suggest } from './nearest.ts';
import { describeBadQuantity, parseQuantity, type Quantity } from './units.ts';

const count = z.int().min(0);
const positive = z.int().min(1);
const nonEmpty = z.string().min(1);

/** An object of exactly these fields; another name is an error that suggests the nearest of them. */
function fields<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' && Array.isArray(issue.keys)
        ? unknownFieldMessage(String(issue.keys[0]), known)
        : undefined,
  });
}

function unknownFieldMessage(name: string, known: readonly string[]): string {
  const suggestion = suggest(name, known);
  const home = suggestion.startsWith('; known') ? FIELD_HOMES.get(name) : undefined;
  return `unknown field${home === undefined ? suggestion : `; it belongs ${home}`}`;
}

/** A number, or text with a unit, as bytes, bytes a second, or seconds. */
function quantity(kind: Quantity) {
  return z.unknown().transform((value, context): number => {
    const parsed = parseQuantity(value, kind);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: `${describeBadQuantity(value, kind)}, got ${show(value)}` });
    return z.NEVER;
  });
}

/** A rate or a size that something is divided by, or that limits: zero would mean never. */
function positiveQuantity(kind: Quantity) {
  return quantity(kind).refine((value) => value > 0, { error: 'must be more than 0' });
}

export const modelFields = fields({
  preset: nonEmpty.optional(),
  width: positive.optional(),
  layers: positive.optional(),
  heads: positive.optional(),
  kvHeads: positive.optional(),
  hidden: positive.optional(),
  vocabulary: positive.optional(),
  context: positive.optional(),
  anchorLayers: count.optional(),
  normEpsilon: z.number().positive().optional(),
  ropeTheta: z.number().positive().optional(),
  tiedHead: z.boolean().optional(),
});

export const trainingFields = fields({
  stages: positive,
  stageSizes: z.array(positive).optional(),
  microbatchesPerAnchor: positive.default(4),
  samplesPerMicrobatch: positive.default(8),
  skipRatio: z.number().min(0).lt(1).default(0),
  swapBudget: count.default(2),
  largestJump: positive.default(4),
  emergencySkips: count.default(1),
  headAt: z.enum(['anchor', 'last']).default('anchor'),
  splitBackward: z.boolean().default(false),
  chunks: positive.default(2),
  policy: nonEmpty.default('1f1b'),
  codec: nonEmpty.default(DEFAULT_CODEC),
  directions: positive.max(MOST_DIRECTIONS).default(1),
  perturbation: z.number().positive().max(1).default(1e-3),
  normalizeSteps: z.boolean().default(false),
  directionFor: z.enum(['sample', 'microbatch']).default('sample'),
  activations: nonEmpty.default(DEFAULT_ACTIVATIONS),
  recovery: nonEmpty.default('checkfree'),
  optimizer: z.enum(['adamw', 'sgd']).default('adamw'),
  learningRate: z.number().positive().default(3e-3),
  warmupIterations: count.default(0),
  decay: z.enum(['none', 'linear', 'cosine']).default('none'),
  endShare: z.number().min(0).max(1).default(0.1),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.95]),
  epsilon: z.number().positive().default(1e-8),
  weightDecay: z.number().min(0).default(0),
  momentum: z.number().min(0).lt(1).default(0.9),
  clip: z.number().min(0).default(1),
  iterations: positive.default(100),
  evalEvery: count.default(0),
  labelTokens: positive.optional(),
  recordsTogether: positive.optional(),
  data: z.union([nonEmpty, z.array(nonEmpty)], { error: 'expected a file, or a list of files' }).optional(),
});

const deviceFields = z.unknown().transform((value, context) => {
  if (typeof value === 'string') return value;
  const parsed = fields({
    teraflops: z.number().positive(),
    efficiency: z.number().positive().max(1).default(1),
  }).safeParse(value, { error: describeIssue });
  if (parsed.success) return parsed.data;
  if (typeof value !== 'object' || value === null) {
    context.addIssue({
      code: 'custom',
      message: `expected a device's name or {teraflops, efficiency}, got ${show(value)}`,
    });
  } else {
    const issues = parsed.error.issues.map(withKeys);
    const { path, message, keys } = issues.find((issue) => issue.keys.length > 0) ?? issues[0]!;
    context.addIssue({ code: 'custom', message, path: [...path, ...keys] });
  }
  return z.NEVER;
});

export const peerFields = fields({
  count: positive.max(100_000).default(1),
  name: z
    .string()
    .regex(/^[A-Za-z][\w.-]*$/, { error: 'must begin with a letter and go on with letters, digits, _ . -' })
    .optional(),
  region: nonEmpty.optional(),
  device: deviceFields.optional(),
  stage: z
    .union([z.literal('auto'), count], { error: "expected a stage's number or 'auto'" })
    .default('auto'),
  memoryMicrobatches: positive.optional(),
  memoryBytes: positiveQuantity('bytes').optional(),
  upload: positiveQuantity('rate').optional(),
  download: positiveQuantity('rate').optional(),
});

const linkFields = { latency: quantity('duration'), bandwidth: positiveQuantity('rate') };

/** A table of links, inline or a file's whole contents. */
export const linkTableFields = fields({
  source: z.string().optional(),
  sameRegion: fields(linkFields).optional(),
  default: fields(linkFields).optional(),
  pairs: z.array(fields({ a: nonEmpty, b: nonEmpty, ...linkFields })).default([]),
  share: z.boolean().optional(),
});

export const linkFileFields = fields({ file: nonEmpty, share: z.boolean().optional() });

export const churnRateFields = fields({
  crashesPerHour: z.number().min(0).default(0),
  joinsPerHour: z.number().min(0).default(0),
  rejoinSeconds: quantity('duration').optional(),
});

export const churnTraceFields = fields({ trace: nonEmpty });

export const traceLineFields = fields({
  at: quantity('duration'),
  peer: z.union([nonEmpty, count], { error: "expected a peer's name or a stage's number" }),
  event: z.enum(['join', 'leave', 'crash']),
});

const duration = quantity('duration');

/** One number, a list (per stage or per peer, by its length), or a list that says which it is. */
const costFields = z.unknown().transform((value, context): CostInput => {
  if (Array.isArray(value)) return { per: 'length', seconds: durations(value, [], context) };
  if (typeof value === 'object' && value !== null) {
    const parsed = fields({
      perStage: z.array(z.unknown()).optional(),
      perPeer: z.array(z.unknown()).optional(),
    });
    const lists = parsed.safeParse(value, { error: describeIssue });
    const { perStage, perPeer } = lists.success ? lists.data : {};
    if (perStage !== undefined && perPeer === undefined) {
      return { per: 'stage', seconds: durations(perStage, ['perStage'], context) };
    }
    if (perPeer !== undefined && perStage === undefined) {
      return { per: 'peer', seconds: durations(perPeer, ['perPeer'], context) };
    }
    context.addIssue({ code: 'custom', message: 'expected {perStage: […]} or {perPeer: […]}' });
    return z.NEVER;
  }
  return { per: 'all', seconds: oneDuration(value, [], context) };
});

/** One number, a matrix, or the file that holds one. */
const transferFields = z.unknown().transform((value, context): TransferInput => {
  if (Array.isArray(value)) {
    return { kind: 'matrix', seconds: value.map((row, i) => matrixRow(row, i, context)) };
  }
  if (typeof value === 'object' && value !== null) {
    const parsed = fields({ file: nonEmpty }).safeParse(value, { error: describeIssue });
    if (parsed.success) return { kind: 'file', file: parsed.data.file };
    const [issue] = parsed.error.issues.map(withKeys);
    context.addIssue({ code: 'custom', message: issue!.message, path: [...issue!.path, ...issue!.keys] });
    return z.NEVER;
  }
  return { kind: 'all', seconds: oneDuration(value, [], context) };
});

export type CostInput =
  | { readonly per: 'all'; readonly seconds: number }
  | { readonly per: 'stage' | 'peer' | 'length'; readonly seconds: readonly number[] };

export type TransferInput =
  | { readonly kind: 'all'; readonly seconds: number }
  | { readonly kind: 'matrix'; readonly seconds: readonly (readonly number[])[] }
  | { readonly kind: 'file'; readonly file: string };

export const matrixFields = z.unknown().transform((value, context) => {
  if (Array.isArray(value)) return value.map((row, i) => matrixRow(row, i, context));
  context.addIssue({ code: 'custom', message: `expected a matrix [from][to], got ${show(value)}` });
  return z.NEVER;
});

const none: CostInput = { per: 'all', seconds: 0 };

export const costsFields = fields({
  forwardSeconds: costFields.default(none),
  backwardInputSeconds: costFields.default(none),
  backwardWeightSeconds: costFields.default(none),
  headSeconds: costFields.default(none),
  gapSeconds: costFields.default(none),
  transferSeconds: transferFields.default({ kind: 'all', seconds: 0 }),
  shareLinks: z.boolean().default(false),
});

export const assignmentFields = z.union([z.literal('auto'), z.array(z.array(z.union([count, nonEmpty])))], {
  error: "expected 'auto' or a list of peers per stage, such as [[0, 3], [1, 2]]",
});

const manifestShape = {
  name: nonEmpty.optional(),
  seed: z.int().min(0).default(0),
  model: modelFields.optional(),
  training: trainingFields,
};

export const scenarioFields = fields({
  ...manifestShape,
  peers: z.array(peerFields).min(1, { error: 'must list at least one group of peers' }),
  links: z.unknown().optional(),
  churn: z.unknown().optional(),
  costs: costsFields.optional(),
  assignment: assignmentFields.default('auto'),
});

/** The same file when only its manifest matters: everything else may be missing, or be there. */
export const manifestFields = fields({
  ...scenarioFields.shape,
  peers: scenarioFields.shape.peers.optional(),
});

export type ModelInput = z.output<typeof modelFields>;
export type TrainingInput = z.output<typeof trainingFields>;
export type PeerInput = z.output<typeof peerFields>;
export type LinkTableInput = z.output<typeof linkTableFields>;
export type CostsInput = z.output<typeof costsFields>;

/** Where each field of the second level belongs, for those written at the wrong level. */
const FIELD_HOMES: ReadonlyMap<string, string> = new Map([
  ...Object.keys(scenarioFields.shape).map((name) => [name, 'at the top level, beside training'] as const),
  ...Object.keys(peerFields.shape).map((name) => [name, 'in a group of peers'] as const),
  ...Object.keys(costsFields.shape).map((name) => [name, "under 'costs'"] as const),
  ...Object.keys(churnRateFields.shape).map((name) => [name, "under 'churn'"] as const),
  ...Object.keys(modelFields.shape).map((name) => [name, "under 'model'"] as const),
  ...Object.keys(trainingFields.shape).map((name) => [name, "under 'training'"] as const),
]);

type Context = z.core.$RefinementCtx<unknown>;

function oneDuration(value: unknown, path: (string | number)[], context: Context): number {
  const parsed = duration.safeParse(value);
  if (parsed.success) return parsed.data;
  context.addIssue({ code: 'custom', message: parsed.error.issues[0]!.message, path });
  return 0;
}

function durations(values: readonly unknown[], path: (string | number)[], context: Context): number[] {
  return values.map((value, i) => oneDuration(value, [...path, i], context));
}

function matrixRow(row: unknown, index: number, context: Context): number[] {
  if (Array.isArray(row)) return durations(row, [index], context);
  context.addIssue({ code: 'custom', message: `expected a row of numbers, got ${show(row)}`, path: [index] });
  return [];
}
