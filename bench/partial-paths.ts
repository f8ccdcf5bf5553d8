// What partial paths cost and give (SkipPipe, arXiv 2502.19913, section 5): the demo's model trained with every path
// full, and with one of the three further stages left out on each path, from the same seeds and with equal tokens; then
// the held-out loss with all stages and with one left out. In one process: paths and their order decide here, not the
// network.

import { demoModel, demoTraining } from '../src/cli/demo/model.ts';
import { manifestOf } from '../src/cli/manifest.ts';
import { loadText } from '../src/cli/text.ts';
import { createOnnxEngine } from '../src/engine/onnx/index.ts';
import { evaluate, loadModel } from '../src/inference/index.ts';
import type { StagedModel } from '../src/model/export.ts';
import { createKeyIdentity, generateKey } from '../src/network/libp2p/identity.ts';
import { createRealClock } from '../src/network/real-clock.ts';
import { trainSingle } from '../src/replay/single.ts';
import { parseManifest } from '../src/scenario/schema.ts';
import { knownNames } from '../src/cli/names.ts';
import { trainedModel } from '../src/swarm/weights/trained-model.ts';

export const flags = { seeds: 'numbers', checkpoints: 'numbers', tokens: 'number', only: 'text' } as const;

interface Options {
  readonly seeds?: readonly number[];
  /** Iterations after which the model is evaluated; training ends with the last. */
  readonly checkpoints?: readonly number[];
  /** Held-out tokens of one evaluation. */
  readonly tokens?: number;
  /** Only the ways of training whose name has this in it. */
  readonly only?: string;
}

/** Ways of training. Swapped stages might cost loss by themselves, so paths are also tried in order. */
const WAYS = [
  { training: 'full', policy: '1f1b', skipRatio: 0, swapBudget: 0 },
  { training: 'one left out, in order', policy: 'skippipe', skipRatio: 0.33, swapBudget: 0 },
  { training: 'one left out, swaps allowed', policy: 'skippipe', skipRatio: 0.33, swapBudget: 2 },
] as const;
type Way = (typeof WAYS)[number];

const FURTHER_STAGES = [1, 2, 3];

/** One row a seed, way of training and checkpoint: held-out losses, nats per byte. */
export async function run({
  seeds = [7, 8, 9],
  checkpoints = [240, 480],
  tokens = 65_536,
  only,
}: Options = {}) {
  const ways = WAYS.filter(({ training }) => only === undefined || training.includes(only));
  const rows = [];
  for (const seed of seeds) {
    for (const way of ways) {
      rows.push(...(await trainAndEvaluate({ seed, way, checkpoints, tokens })));
    }
  }
  return { bench: 'partial-paths', rows, notes: [...comparisons(rows)] };
}

interface Row {
  readonly seed: number;
  readonly training: string;
  readonly iterations: number;
  readonly lossAllStages: number;
  /** The same where each stage adds as much as in training, although more of them do. */
  readonly lossUnscaled: number;
  readonly lossWithout1: number;
  readonly lossWithout2: number;
  readonly lossWithout3: number;
  readonly meanLossWithoutOne: number;
}

async function trainAndEvaluate(settings: {
  seed: number;
  way: Way;
  checkpoints: readonly number[];
  tokens: number;
}): Promise<Row[]> {
  const { seed, way, checkpoints, tokens } = settings;
  const { training } = way;
  const identity = createKeyIdentity(await generateKey());
  const text = await loadText(undefined);
  const manifest = manifestOf(
    parseManifest(JSON.stringify(demoManifest(seed, way, Math.max(...checkpoints))), {
      file: 'partial-paths',
      names: knownNames,
    }),
    text,
    identity,
  );
  const engines = await Promise.all(
    Array.from({ length: manifest.training.stages }, () => createOnnxEngine({ inProcess: true })),
  );
  const rows: Row[] = [];
  await trainSingle({
    manifest,
    text: text.bytes,
    engines,
    clock: createRealClock(),
    identity,
    committed: async (iterations, _loss, weights) => {
      if (!checkpoints.includes(iterations)) return;
      const copies = weights().map((values) => values.slice());
      const staged = trainedModel(manifest, copies);
      const all = new Set<number>();
      const skips = [all, ...FURTHER_STAGES.map((stage) => new Set([stage]))];
      const losses = await heldOutLosses(staged, text.bytes, tokens, skips);
      const [lossAllStages, lossWithout1, lossWithout2, lossWithout3] = losses as [
        number,
        number,
        number,
        number,
      ];
      const unscaled = { ...staged, visitedShare: undefined };
      const [lossUnscaled] = (await heldOutLosses(unscaled, text.bytes, tokens, [all])) as [number];
      const meanLossWithoutOne = round4((lossWithout1 + lossWithout2 + lossWithout3) / 3);
      rows.push({
        seed,
        training,
        iterations,
        lossAllStages,
        lossUnscaled,
        lossWithout1,
        lossWithout2,
        lossWithout3,
        meanLossWithoutOne,
      });
      process.stderr.write(`${JSON.stringify(rows.at(-1))}\n`);
    },
  });
  for (const engine of engines) await engine.close();
  return rows;
}

/** The demo's model and batch. */
function demoManifest(seed: number, { policy, skipRatio, swapBudget }: Way, iterations: number) {
  return {
    name: 'partial-paths',
    seed,
    model: demoModel(4),
    training: {
      ...demoTraining([2, 2, 2, 2]),
      skipRatio,
      swapBudget,
      policy,
      codec: 'dense-f32', // whole gradients: what is compared are paths
      iterations,
    },
  };
}

/** Held-out loss without each of these sets of stages. */
async function heldOutLosses(
  stagedModel: StagedModel,
  text: Uint8Array,
  maxTokens: number,
  skips: readonly ReadonlySet<number>[],
): Promise<number[]> {
  const engineFor = () => createOnnxEngine({ inProcess: true });
  const model = await loadModel({ stagedModel, engineFor, samples: 8 });
  try {
    const losses: number[] = [];
    for (const skip of skips) {
      losses.push(round4((await evaluate(model, text, { maxTokens, skip })).loss));
    }
    return losses;
  } finally {
    await model.close();
  }
}

function* comparisons(rows: readonly Row[]): Iterable<string> {
  for (const partial of rows.filter((row) => row.training !== 'full')) {
    const full = rows.find(
      ({ training, seed, iterations }) =>
        training === 'full' && seed === partial.seed && iterations === partial.iterations,
    );
    if (full === undefined) continue;
    const gap = 100 * (partial.lossAllStages / full.lossAllStages - 1);
    yield `seed ${partial.seed}, ${partial.iterations} iterations, ${partial.training}: with all stages ${gap.toFixed(1)} % above full training; ` +
      `with one left out ${partial.meanLossWithoutOne} against ${full.meanLossWithoutOne}`;
  }
}

function round4(value: number): number {
  return Math.round(1e4 * value) / 1e4;
}
