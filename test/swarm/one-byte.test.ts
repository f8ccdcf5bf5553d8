// Training by forward passes alone, in virtual time with real tensors: a byte a sample and direction, and the same
// weights everywhere, whoever is lost and whoever comes.

import { describe, expect, it } from 'vitest';
import type { CommitBody } from '../../src/journal/entry.ts';
import { createOnnxEngine } from '../../src/engine/onnx/index.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import type { Simulation } from '../../src/replay/simulation.ts';
import { trainSingle } from '../../src/replay/single.ts';
import { initialStage, optimizerOf } from '../../src/swarm/weights/holder.ts';
import { type Manifest, readManifest, signManifest } from '../../src/swarm/manifest.ts';
import { weightsDigest } from '../../src/swarm/weights/obtaining.ts';
import { quickerWay } from '../../src/swarm/weights/catching-up.ts';
import { estimateOf, probeBytes } from '../../src/swarm/training/probing.ts';
import { learningRateAt, step } from '../../src/optimizer/index.ts';
import { changed, type SmallRun, smallManifest, smallSimulation, smallText } from './small-run.ts';

const directions = 2;
const training = {
  codec: 'one-byte' as const,
  probes: { directions, perturbation: 1e-3, normalizeSteps: false },
  optimizer: {
    ...smallManifest({}).training.optimizer,
    name: 'sgd',
    learningRate: 1e-4,
    momentum: 0,
    clip: 0,
  },
};

async function run(settings: SmallRun): Promise<Simulation> {
  const simulation = smallSimulation({ ...settings, training: { ...training, ...settings.training } });
  await simulation.run(600);
  return simulation;
}

function commitsOf(simulation: Simulation): CommitBody[] {
  const commits = new Map<number, CommitBody>();
  for (const event of simulation.events) {
    if (event.kind === 'commit') commits.set(event.commit.iteration, event.commit);
  }
  return [...commits.values()];
}

function expectSound(simulation: Simulation, iterations: number): void {
  expect([...simulation.ends.values()].every((end) => end.how === 'ended')).toBe(true);
  expect(commitsOf(simulation)).toHaveLength(iterations);
  for (const event of simulation.events) if (event.kind === 'ended') expect(event.divergences).toBe(0);
}

function madeManifest(iterations: number): Manifest {
  return { ...smallManifest({ iterations, training }), founder: 'p0' };
}

/** Samples of one iteration: two anchors, two micro-batches each, two samples each. */
const SAMPLES = 2 * 2 * 2;

describe('a swarm that trains by forward passes alone', () => {
  it('runs no backward, sends a byte a sample and direction, and keeps its replicas identical', async () => {
    const calls = new Map<string, number>();
    const counting: SmallRun['engine'] = (_, engine) =>
      changed(engine, {
        forward: (request) => {
          expect(request.keep).toBe(false);
          expect(request.perturbation?.seed).toHaveLength(2 * 2);
          calls.set('forward', (calls.get('forward') ?? 0) + 1);
          return engine.forward(request);
        },
        backward: () => expect.fail('a backward ran'),
      });
    const simulation = await run({ iterations: 4, engine: counting });
    expectSound(simulation, 4);
    // four micro-batches, forth and back along two directions, through four stages
    expect(calls.get('forward')).toBe(4 * 4 * 4 * 2 * directions);
    for (const commit of commitsOf(simulation)) {
      expect(probeBytes(commit)).toBe(SAMPLES * directions);
      expect(commit.visitsCounted).toBe(commit.visitsComputed);
      for (const { microbatches } of commit.stages) expect(microbatches).toHaveLength(4 * directions);
    }
    let contributed = 0;
    let gradients = 0;
    for (const event of simulation.events) {
      if (event.kind !== 'commit' || event.commit.iteration !== 4) continue;
      contributed += event.contributionBytes;
      gradients += event.sent.gradients;
    }
    expect(contributed).toBe(4 * SAMPLES * directions);
    // of each iteration, the anchor that does not lead sends half of the bytes, and the leader all of them to seven
    expect(gradients).toBeGreaterThanOrEqual(3 * (7.5 * SAMPLES * directions));
    expect(gradients).toBeLessThanOrEqual(4 * (7.5 * SAMPLES * directions));
  });

  it('lowers the loss', async () => {
    const optimizer = { ...training.optimizer, learningRate: 2e-3 };
    const settings = {
      iterations: 80,
      stages: 2,
      replicas: 1,
      training: { optimizer, microbatchesPerAnchor: 4 },
    };
    const losses = commitsOf(await run(settings)).map(({ loss }) => loss!);
    const mean = (of: readonly number[]) => of.reduce((sum, loss) => sum + loss, 0) / of.length;
    expect(mean(losses.slice(-10))).toBeLessThan(mean(losses.slice(0, 10)) - 0.1);
  });

  it.each(['sample', 'microbatch'] as const)('trains as one process does, to the bit: %s', async (of) => {
    const iterations = 3;
    const probes = { ...training.probes, directionFor: of };
    const given = [0, 1, 2, 3].map((stage) =>
      initialStage(madeManifest(iterations), stage).weights.map((weight) => 2 * weight),
    );
    const simulation = await run({ iterations, given, training: { probes } });
    const engines = await Promise.all(given.map(() => createOnnxEngine({ inProcess: true })));
    const manifest = madeManifest(iterations);
    const losses: number[] = [];
    const stages = await trainSingle({
      manifest: { ...manifest, training: { ...manifest.training, probes } },
      text: smallText,
      engines,
      clock: simulation.world.clockOf('single'),
      identity: createSimulatedIdentity('single'),
      given,
      committed: (_, loss) => {
        losses.push(loss);
      },
    });
    for (const engine of engines) await engine.close();
    const commits = commitsOf(simulation);
    expect(losses).toEqual(commits.map(({ loss }) => loss));
    // a byte for each of the micro-batch's two samples, or for both
    for (const { differences } of commits.flatMap(({ probes: sent }) => sent!)) {
      expect(differences).toHaveLength(of === 'sample' ? 2 * 2 : 2);
    }
    expect(stages.map(({ weights }) => weights)).toEqual(simulation.delivered!.map(({ weights }) => weights));
  });

  it('is a log: manifest and commits alone give the weights that the replicas reported', async () => {
    const iterations = 4;
    const simulation = await run({ iterations });
    const commits = commitsOf(simulation);
    const manifest = madeManifest(iterations);
    const identity = createSimulatedIdentity('an auditor');
    const optimizer = optimizerOf(manifest);
    for (const stage of [0, 1, 2, 3]) {
      const { weights, state } = initialStage(manifest, stage);
      for (const [at, commit] of commits.entries()) {
        const clock = simulation.world.clockOf('p0');
        const gradient = (await estimateOf(manifest, commit, stage, weights.length, clock))!;
        const learningRate = learningRateAt(
          { peak: 1e-4, warmupIterations: 0, decay: 'none', endIteration: iterations, endShare: 1 },
          at,
        );
        step(optimizer, { weights, gradient, state, learningRate });
        const reported = commits[at + 1]?.weights.find((report) => report.stage === stage);
        if (reported) expect(weightsDigest(weights, identity)).toBe(reported.digest);
      }
    }
  });

  it('leaves out a direction whose passes are not complete when a peer is lost, and does not wait', async () => {
    let armed = true;
    const simulation = await run({
      iterations: 5,
      script: (event, running) => {
        if (event.kind !== 'plan' || event.iteration !== 3 || !armed) return;
        armed = false;
        running.world.after(0.03, '', () => running.crash('p5'));
      },
    });
    expectSound(simulation, 5);
    const commits = commitsOf(simulation);
    const bytes = commits.map((commit) => probeBytes(commit));
    expect(bytes[2]).toBeLessThan(SAMPLES * directions);
    expect(bytes[2]).toBeGreaterThan(0);
    expect([bytes[0], bytes[1], bytes[4]]).toEqual([16, 16, 16]);
    expect(commits[2]!.dropped.length).toBeGreaterThan(0);
  });

  it('leaves out the bytes of losses that are not finite, and names who reported them', async () => {
    let heads = 0;
    const spoilt: SmallRun['engine'] = (of, engine) =>
      changed(engine, {
        head: async (request) => {
          const result = await engine.head(request);
          // once, of one sample, in the second iteration
          if (of === 'p1' && ++heads === 2 * 2 * directions + 1) result.sampleLosses[0] = Number.NaN;
          return result;
        },
      });
    const simulation = await run({ iterations: 3, engine: spoilt });
    expectSound(simulation, 3);
    const commits = commitsOf(simulation);
    // the byte of the micro-batch's other sample goes with it
    expect(commits.map((commit) => probeBytes(commit))).toEqual([16, 14, 16]);
    const named = commits.map(({ stages }) => stages.map(({ leftOut }) => leftOut.map(({ peer }) => peer)));
    expect(named).toEqual([
      [[], [], [], []],
      [['p1'], ['p1'], ['p1'], ['p1']],
      [[], [], [], []],
    ]);
    expect(commits[1]!.stages.map(({ microbatches }) => microbatches.length)).toEqual([7, 7, 7, 7]);
  });

  it('goes on when an anchor is lost, and takes a peer that comes in the middle', async () => {
    let armed = true;
    const simulation = await run({
      iterations: 16,
      script: (event, running) => {
        if (event.kind !== 'plan' || event.iteration !== 3 || !armed) return;
        armed = false;
        running.world.after(0.03, '', () => running.crash('p1'));
        running.world.after(0.2, '', () => void running.start('p1'));
      },
    });
    expectSound(simulation, 16);
    const last = commitsOf(simulation).at(-1)!;
    expect(last.weights.map(({ replicas }) => replicas)).toEqual([2, 2, 2, 2]);
    expect(simulation.ends.get('p1')?.how).toBe('ended');
  });
});

describe('a newcomer to a run whose updates stand in its journal', () => {
  /** p5 of stage 2 is lost after the third commit and comes back after the sixth; what it says then. */
  async function comesBack(
    settings: SmallRun,
    prepare?: (simulation: Simulation) => void,
  ): Promise<Simulation> {
    let step: 'before' | 'lost' | 'back' = 'before';
    return run({
      iterations: 14,
      ...settings,
      script: (event, running) => {
        if (event.kind !== 'commit') return;
        if (step === 'before' && event.commit.iteration === 3) {
          step = 'lost';
          running.world.after(0, '', () => running.crash('p5'));
        }
        if (step === 'lost' && event.commit.iteration === 6) {
          step = 'back';
          running.world.after(0, '', () => {
            prepare?.(running);
            void running.start('p5');
          });
        }
      },
    });
  }

  const ways = (simulation: Simulation) =>
    simulation.events.filter((event) => event.kind === 'weights' && event.of === 'p5' && event.iteration > 0);
  /** Its replica's and its own weights were compared in the last commit. */
  const lastReplicas = (simulation: Simulation) =>
    commitsOf(simulation)
      .at(-1)!
      .weights.map(({ replicas, divergent }) => replicas - divergent.length);

  it('computes its weights, to the bits of those that were there all the time', async () => {
    const simulation = await comesBack({}, ({ store }) => {
      void store('p5')!.writeBlob('stage-2', new Uint8Array(3)); // its own snapshot is of no use
    });
    expectSound(simulation, 14);
    expect(ways(simulation)).toMatchObject([{ stage: 2, way: 'replay', fromIteration: 0 }]);
    expect(lastReplicas(simulation)).toEqual([2, 2, 2, 2]);
  });

  it('goes on from its own snapshot where the journal bears it out', async () => {
    const simulation = await comesBack({});
    expectSound(simulation, 14);
    const [way] = ways(simulation);
    expect(way).toMatchObject({ way: 'replay' });
    expect(way!.kind === 'weights' && way!.fromIteration).toBeGreaterThan(0);
    expect(lastReplicas(simulation)).toEqual([2, 2, 2, 2]);
  });

  it('fetches them where computing takes longer', async () => {
    const costs = { snapshotBytes: 1e6, bytesPerSecond: 1e6, steps: 100 };
    expect(quickerWay({ ...costs, secondsPerStep: 0.009 })).toBe('replay');
    expect(quickerWay({ ...costs, secondsPerStep: 0.011 })).toBe('download');
  });

  it('computes a stage that was lost whole, and computed by another, on the way', async () => {
    const simulation = await losesStage2({});
    expectSound(simulation, 16);
    const repairs = simulation.events.filter((event) => event.kind === 'repair');
    expect(new Set(repairs.map(({ stage, rule }) => `${stage} ${rule}`))).toEqual(new Set(['2 replay']));
    expect(ways(simulation)).toMatchObject([{ way: 'replay', fromIteration: 0 }]);
    for (const { weights } of commitsOf(simulation)) {
      expect(weights.every(({ divergent }) => divergent.length === 0)).toBe(true);
    }
  });

  it('fetches first weights of the founder for a stage that was lost whole; without it, others make it anew', async () => {
    const other = { ...smallManifest({}), seed: 99, founder: 'p0' };
    const given = [0, 1, 2, 3].map((stage) => new Float32Array(initialStage(other, stage).weights));
    for (const [also, rule] of [
      [[], 'replay'],
      [['p0'], 'checkfree'],
    ] as const) {
      const simulation = await losesStage2({ given, iterations: 12 }, also);
      const repairs = simulation.events.filter((event) => event.kind === 'repair' && event.stage === 2);
      expect(new Set(repairs.map((repair) => repair.kind === 'repair' && repair.rule))).toEqual(
        new Set([rule]),
      );
      expect(commitsOf(simulation)).toHaveLength(12);
    }
  });

  /** Stage 2 is lost whole after the third commit; p5 comes back after the ninth, its disk of no use. */
  function losesStage2(settings: SmallRun, also: readonly string[] = []): Promise<Simulation> {
    let step = 0;
    return run({
      iterations: 16,
      ...settings,
      script: (event, running) => {
        if (event.kind !== 'commit') return;
        const at = (iteration: number, work: () => void) => {
          if (event.commit.iteration < iteration || step >= iteration) return;
          step = iteration;
          running.world.after(0, '', work);
        };
        at(3, () => ['p4', 'p5', ...also].forEach(running.crash));
        at(9, () => {
          void running.store('p5')!.writeBlob('stage-2', new Uint8Array(3));
          void running.start('p5');
        });
      },
    });
  }

  it('is not joined where an iteration has more samples than there are directions for', async () => {
    const identity = createSimulatedIdentity('p0');
    const most = madeManifest(1);
    const sign = (samplesPerMicrobatch: number) =>
      signManifest({ ...most, training: { ...most.training, samplesPerMicrobatch } }, identity);
    await readManifest((await sign(2 ** 13)).bytes, identity);
    await expect(readManifest((await sign(2 ** 13 + 1)).bytes, identity)).rejects.toThrow(
      /codec: one-byte takes at most 32768 samples an iteration, not 4 micro-batches of 8193/,
    );
  });
});
