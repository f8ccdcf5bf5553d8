// Training by forward passes alone (the codec one-byte): which pass moves the weights how, what the losses of two
// passes become on the wire, and what the bytes of a commit do to a stage. Nobody sends a gradient: the anchors'
// bytes stand in the commit, and whoever reads the journal can take any stage one step further.

import {
  type ForwardCodec,
  gatherProbes,
  NOT_FINITE,
  ONE_BYTE,
  oneByte,
  probeStream,
  writeEstimate,
} from '../../gradient/index.ts';
import { fromHex } from '../../journal/canonical.ts';
import type { CommitBody } from '../../journal/entry.ts';
import { passNumber, passOf } from '../../schedule/forward-only.ts';
import { type Clock, sleep } from '../../seams/clock.ts';
import type { Perturbation } from '../../seams/engine.ts';
import { type Manifest, microbatchesPerIteration } from '../manifest.ts';

/** What both passes of one micro-batch gave: its number in the plan, and a byte for each direction. */
export interface ProbeReport {
  /** The plan's number of the first of the two passes. */
  readonly probe: number;
  readonly differences: Uint8Array;
}

/** What a step needs of a commit. */
export interface ProbedCommit extends Pick<CommitBody, 'iteration' | 'probes'> {
  readonly stages: readonly Pick<CommitBody['stages'][number], 'stage' | 'microbatches'>[];
}

/** Long loops over weights give way to the network after this many values; a multiple of 32. */
const SLICE = 1 << 16;

export function isForwardOnly({ training }: Manifest): boolean {
  return training.codec === ONE_BYTE;
}

/** Passes of each micro-batch: forth and back along each direction; 1 where there is a backward. */
export function passesOf(manifest: Manifest): number {
  return isForwardOnly(manifest) ? 2 * probesOf(manifest).directions : 1;
}

/** The micro-batch, of those whose data differ, that a number of the plan stands for. */
export function dataMicrobatch(manifest: Manifest, number: number): number {
  return isForwardOnly(manifest) ? passOf(number, microbatchesPerIteration(manifest)).microbatch : number;
}

function probesOf({ training }: Manifest): NonNullable<Manifest['training']['probes']> {
  if (training.probes === undefined) throw new RangeError('the manifest has no training.probes');
  return training.probes;
}

/** Directions, and bytes, of one pass and the one back: each sample has its own, or all share one. */
export function directionsOfPass({ training }: Manifest): number {
  return training.probes?.directionFor === 'microbatch' ? 1 : training.samplesPerMicrobatch;
}

/** How a stage's weights are moved for a pass. */
export function perturbationOf(
  manifest: Manifest,
  iteration: number,
  number: number,
  stage: number,
): Perturbation {
  const count = directionsOfPass(manifest);
  const { pass } = passOf(number, microbatchesPerIteration(manifest));
  const { perturbation } = probesOf(manifest);
  const seed = new Uint32Array(2 * count);
  for (let place = 0; place < count; place++) {
    const { key0, key1 } = signsOf(manifest, iteration, number, place, stage);
    seed.set([key0, key1], 2 * place);
  }
  return { seed, scale: pass % 2 === 0 ? perturbation : -perturbation };
}

function signsOf(manifest: Manifest, iteration: number, number: number, place: number, stage: number) {
  const { microbatch, pass } = passOf(number, microbatchesPerIteration(manifest));
  return probeStream({
    runSeed: manifest.seed,
    iteration,
    sample: microbatch * manifest.training.samplesPerMicrobatch + place,
    direction: pass >> 1,
    stage,
  });
}

/**
 * The bytes of every direction whose two passes have losses (each sample's, by the plan's number); the others are left
 * out. Where samples share a direction, the byte is of their mean loss.
 */
export function completeProbes(manifest: Manifest, losses: ReadonlyMap<number, Float32Array>): ProbeReport[] {
  const microbatches = microbatchesPerIteration(manifest);
  const codec = forwardCodec(manifest);
  const complete: ProbeReport[] = [];
  for (const [number, forth] of losses) {
    const { microbatch, pass } = passOf(number, microbatches);
    const back = losses.get(passNumber({ microbatch, pass: pass + 1 }, microbatches));
    if (pass % 2 === 1 || back === undefined) continue;
    const differences = codec.encode(forth, back);
    complete.push({ probe: number, differences });
  }
  return complete;
}

/** How two passes become bytes, and the bytes of all a step. */
function forwardCodec(manifest: Manifest): ForwardCodec {
  const { normalizeSteps, perturbation } = probesOf(manifest);
  const step = normalizeSteps
    ? ({ kind: 'normalised' } as const)
    : ({ kind: 'plain', scale: perturbation } as const);
  return oneByte(directionsOfPass(manifest), step);
}

/** Whether a report can be about that pass at all. */
export function isProbe(manifest: Manifest, { probe, differences }: ProbeReport): boolean {
  const { pass } = passOf(probe, microbatchesPerIteration(manifest));
  return pass % 2 === 0 && differences.length === directionsOfPass(manifest);
}

/** Whether all losses of a report are finite numbers; where one is not, it is left out and its sender named. */
export function isFiniteProbe({ differences }: Pick<ProbeReport, 'differences'>): boolean {
  return !differences.includes(NOT_FINITE);
}

/**
 * The estimate of a stage's mean gradient from a commit; undefined when none of its probes went through that stage.
 * A function of manifest and commit alone.
 */
export async function estimateOf(
  manifest: Manifest,
  { iteration, stages, probes = [] }: ProbedCommit,
  stage: number,
  parameters: number,
  clock: Clock,
): Promise<Float32Array<ArrayBuffer> | undefined> {
  const counted = new Set(stages.find((one) => one.stage === stage)?.microbatches);
  const codec = forwardCodec(manifest);
  const contributions = probes
    .filter(({ probe }) => counted.has(probe))
    .map(({ probe, differences }) => ({ sender: '', place: probe, bytes: fromHex(differences) ?? NO_BYTES }));
  const signs = (probe: number, place: number) => signsOf(manifest, iteration, probe, place, stage);
  const used = gatherProbes({ codec, contributions, signsOf: signs }).probes;
  if (used.length === 0) return undefined;
  const estimate = new Float32Array(parameters);
  for (let from = 0; from < parameters; from += SLICE) {
    if (from > 0) await sleep(clock, 0);
    writeEstimate(used, codec.step, estimate, from, Math.min(parameters, from + SLICE));
  }
  return estimate;
}

const NO_BYTES = new Uint8Array();

/** Bytes of a commit's probes: one a sample and direction. */
export function probeBytes({ probes = [] }: Pick<CommitBody, 'probes'>): number {
  return probes.reduce((sum, { differences }) => sum + differences.length / 2, 0);
}
