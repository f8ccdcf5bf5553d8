// The peer code in virtual time: whole swarms in this process, with real tensors and no real second passing.

import { describe, expect, it } from 'vitest';
import { createOnnxEngine } from '../../src/engine/onnx/index.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import type { Simulation } from '../../src/replay/simulation.ts';
import { generator, stream } from '../../src/random/index.ts';
import { trainSingle } from '../../src/replay/single.ts';
import { type Engine, EngineError } from '../../src/seams/engine.ts';
import { changed, type SmallRun, smallManifest, smallSimulation, smallText } from './small-run.ts';

function lossesOf(simulation: Simulation): number[] {
  const losses = new Map<number, number>();
  for (const event of simulation.events) {
    if (event.kind === 'commit') losses.set(event.commit.iteration, event.commit.loss!);
  }
  return [...losses.values()];
}

/** Crashes the named peers `seconds` after iteration 3 was first planned. */
function crashing(names: readonly string[], seconds = 0.05): NonNullable<SmallRun['script']> {
  let armed = true;
  return (event, simulation) => {
    if (event.kind !== 'plan' || event.iteration !== 3 || !armed) return;
    armed = false;
    simulation.world.after(seconds, '', () => {
      for (const name of names) simulation.crash(name);
    });
  };
}

/** What must hold at the end of every run that went on to its end. */
function expectSound(simulation: Simulation, iterations: number): void {
  const ends = [...simulation.ends.values()];
  expect(ends.every((end) => end.how === 'ended')).toBe(true);
  expect(lossesOf(simulation)).toHaveLength(iterations);
  for (const event of simulation.events) {
    if (event.kind === 'ended') expect(event.divergences).toBe(0);
    if (event.kind === 'commit') {
      for (const { microbatches } of event.commit.stages) {
        expect(new Set(microbatches).size).toBe(microbatches.length);
      }
    }
  }
}

/** An engine of which one call fails as soon as `now` says so. */
function breakingIn(engine: Engine, call: keyof Engine, now: () => boolean): Engine {
  return new Proxy(engine, {
    get(target, name) {
      const own = target[name as keyof Engine];
      if (typeof own !== 'function') return own;
      if (name !== call) return own.bind(target);
      return async (...given: unknown[]) => {
        if (now()) throw new EngineError('the device was lost');
        return (own as (...all: unknown[]) => unknown).apply(target, given);
      };
    },
  });
}

/** One anchor and one micro-batch: of two replicas one has nothing to do. */
const oneMicrobatch = { iterations: 5, training: { stageSizes: [1, 2, 2, 3], microbatchesPerAnchor: 1 } };

function goneOf(simulation: Simulation): string[] {
  return [...new Set(simulation.events.flatMap((event) => (event.kind === 'gone' ? [event.peer] : [])))];
}

async function run(settings: SmallRun): Promise<Simulation> {
  const simulation = smallSimulation(settings);
  await simulation.run(600);
  return simulation;
}

describe('a whole swarm in virtual time', () => {
  it('gives the same events and losses to the byte, twice, with a stage lost in the middle', async () => {
    const started = performance.now();
    const logs: string[] = [];
    for (let time = 0; time < 2; time++) {
      const simulation = await run({ script: crashing(['p4', 'p5']), iterations: 8 });
      expectSound(simulation, 8);
      expect(simulation.events.some((event) => event.kind === 'repair' && event.rule === 'checkfree')).toBe(
        true,
      );
      logs.push(simulation.events.map((event) => JSON.stringify(event)).join('\n'));
    }
    expect(logs[0]).toBe(logs[1]);
    expect(performance.now() - started).toBeLessThan(60_000);
  });

  it('learns', async () => {
    const losses = lossesOf(await run({ iterations: 30 }));
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.5);
  });

  it.each([
    { backwards: 'whole backwards', training: {} },
    { backwards: 'backwards in two parts', training: { splitBackward: true } },
    { backwards: 'the parts of backwards far apart', training: { policy: 'zb-h1' } },
  ])('trains as one process does, to the bit: $backwards', async ({ training }) => {
    const parts = new Set<string>();
    const engine = (_: string, same: Engine) =>
      changed(same, {
        backward: (request) => {
          parts.add(request.part);
          return same.backward(request);
        },
      });
    const simulation = await run({ iterations: 6, training, engine });
    expect([...parts]).toEqual(
      'splitBackward' in training || 'policy' in training ? ['input', 'weight'] : ['all'],
    );
    const manifest = { ...smallManifest({ iterations: 6, training }), founder: 'p0' };
    const engines = await Promise.all(Array.from({ length: 4 }, () => createOnnxEngine({ inProcess: true })));
    const losses: number[] = [];
    const world = new SimulatedWorld();
    const stages = await trainSingle({
      manifest,
      text: smallText,
      engines,
      clock: world.clockOf('single'),
      identity: createSimulatedIdentity('single'),
      committed: (_, loss) => {
        losses.push(loss);
      },
    });
    for (const engine of engines) await engine.close();
    expect(losses).toEqual(lossesOf(simulation));
    expect(stages.map((stage) => stage.weights)).toEqual(simulation.delivered!.map((stage) => stage.weights));
  });
});

describe('a peer that crashes in the middle of an iteration', () => {
  const cases: [string, string[]][] = [
    ['a replica of a middle stage', ['p4']],
    ['a replica of the first stage after the anchors', ['p2']],
    ['a replica of the last stage', ['p7']],
    ['an anchor', ['p1']],
    ['the leader, which is an anchor', ['p0']],
    ['two replicas of different stages at once', ['p2', 'p6']],
    ['both replicas of the first stage', ['p2', 'p3']],
    ['both replicas of the last stage', ['p6', 'p7']],
    ['the leader and a replica', ['p0', 'p5']],
  ];
  for (const [who, names] of cases) {
    it(`does not stop the run: ${who}`, async () => {
      for (const seconds of [0.01, 0.08, 0.2]) {
        const simulation = await run({ script: crashing(names, seconds), iterations: 6 });
        expectSound(simulation, 6);
      }
    });
  }

  it('loses no micro-batch when another replica holds its stage', async () => {
    const whole = lossesOf(await run({ iterations: 5 }));
    const mended = await run({ script: crashing(['p4'], 0.03), iterations: 5 });
    expect(mended.events.some((event) => event.kind === 'path' && event.note.kind === 'rerouted')).toBe(true);
    const third = mended.events.find((event) => event.kind === 'commit' && event.commit.iteration === 3);
    expect(third).toMatchObject({ commit: { dropped: [] } });
    // gradients that the lost peer had added are lost with it, so only this iteration's loss must be the same
    expect(lossesOf(mended)[2]).toBeCloseTo(whole[2]!, 6);
  });

  it('costs its group nobody else when it alone had something to add', async () => {
    for (const seconds of [0.1, 0.11]) {
      const simulation = await run({ ...oneMicrobatch, script: crashing(['p4'], seconds) });
      expectSound(simulation, 5);
      expect(goneOf(simulation)).toEqual(['p4']);
    }
  });

  it('holds nobody up when the peer after it had ended its part already', async () => {
    for (const seconds of [0.09, 0.15]) {
      const simulation = await run({ ...oneMicrobatch, script: crashing(['p4'], seconds) });
      expectSound(simulation, 5);
      expect(simulation.events.at(-1)!.at).toBeLessThan(10);
    }
  });

  it('comes back under its name and takes a stage again', async () => {
    const crash = crashing(['p4', 'p5']);
    let revived = false;
    const simulation = await run({
      iterations: 14,
      script: (event, world) => {
        crash(event, world);
        if (event.kind === 'commit' && event.commit.iteration === 6 && !revived) {
          revived = true;
          void world.start('p4');
        }
      },
    });
    expectSound(simulation, 14);
    expect(simulation.ends.get('p4')).toEqual({ how: 'ended' });
    const back = simulation.events.filter((event) => event.kind === 'active' && event.peer === 'p4');
    expect(back.at(-1)!.at).toBeGreaterThan(back[0]!.at + 0.5);
  });
});

describe('a connection that breaks while both ends live', () => {
  for (const [a, b] of [
    ['p2', 'p4'],
    ['p0', 'p6'],
    ['p1', 'p3'],
  ] as const) {
    it(`between ${a} and ${b}: nobody is given up and no micro-batch is lost`, async () => {
      const whole = lossesOf(await run({ iterations: 5 }));
      const cuts = [0.01, 0.03, 0.05, 0.07];
      const simulation = await run({
        iterations: 5,
        script: (event, { world, network }) => {
          if (event.kind !== 'plan' || event.of !== 'p0' || event.iteration < 2) return;
          const seconds = cuts[event.iteration - 2];
          if (seconds !== undefined) world.after(seconds, '', () => network(a)?.disconnect(b));
        },
      });
      expectSound(simulation, 5);
      expect(simulation.events.some((event) => event.kind === 'gone')).toBe(false);
      expect(lossesOf(simulation)).toEqual(whole);
    });
  }
});

describe('a busy peer', () => {
  it('is not a dead one: nobody suspects peers that compute for minutes', async () => {
    const simulation = smallSimulation({ iterations: 2, flopsPerSecond: 5e4 });
    await simulation.run(100_000);
    expectSound(simulation, 2);
    const [first] = simulation.events.filter((event) => event.kind === 'plan');
    const committed = simulation.events.find((event) => event.kind === 'commit');
    expect(committed!.at - first!.at).toBeGreaterThan(120);
    const suspicions = simulation.events.filter(
      (event) => event.kind === 'suspected' || event.kind === 'gone',
    );
    expect(suspicions).toEqual([]);
  });
});

describe('a peer that behaves oddly', () => {
  it('is given up when it stands still, and comes back in when it goes on', async () => {
    let frozen = false;
    const simulation = await run({
      iterations: 80,
      script: (event, { world }) => {
        if (event.kind !== 'plan' || event.iteration !== 3 || frozen) return;
        frozen = true;
        world.freeze('p6');
        world.after(6, '', () => world.thaw('p6'));
      },
    });
    expectSound(simulation, 80);
    const gone = simulation.events.find((event) => event.kind === 'gone' && event.peer === 'p6');
    const frozenAt = simulation.events.find((event) => event.kind === 'plan' && event.iteration === 3)!.at;
    expect(gone!.at - frozenAt).toBeLessThan(5);
  });

  it('keeps newcomers waiting, not away, when the contact they know stands still', async () => {
    const simulation = smallSimulation({ iterations: 3 });
    simulation.world.after(0.02, '', () => simulation.world.freeze('p0'));
    simulation.world.after(14, '', () => simulation.world.thaw('p0'));
    await simulation.run(600);
    expectSound(simulation, 3);
    expect(simulation.ends.size).toBe(8);
  });

  it('is named when its gradient is not finite, and the others go on without it', async () => {
    let takes = 0;
    const simulation = await run({
      iterations: 6,
      engine: (peer, engine) => {
        if (peer !== 'p3') return engine;
        const takeGradients = async () => {
          const values = await engine.takeGradients();
          if (++takes === 4) values[10] = Number.NaN;
          return values;
        };
        return changed(engine, { takeGradients });
      },
    });
    expectSound(simulation, 6);
    const named = simulation.events.find((event) => event.kind === 'left-out');
    expect(named).toMatchObject({ peer: 'p3', stage: 1 });
  });

  it('leaves gracefully: a peer that can be spared takes its stage before it goes', async () => {
    let left = false;
    const simulation = await run({
      iterations: 12,
      script: (event, { peer }) => {
        if (event.kind !== 'commit' || event.commit.iteration !== 3 || left) return;
        left = true;
        peer('p4')?.leave();
        peer('p5')?.leave();
      },
    });
    const stayed = [...simulation.ends].filter(([name]) => name !== 'p4' && name !== 'p5');
    expect(stayed.every(([, end]) => end.how === 'ended')).toBe(true);
    expect(simulation.ends.get('p4')).toEqual({ how: 'left' });
    expect(simulation.ends.get('p5')).toEqual({ how: 'left' });
    const heir = simulation.events.find(
      (event) => event.kind === 'entered' && event.stage === 2 && event.at > 0.5,
    );
    expect(heir).toMatchObject({ origin: 'donor' });
    expect(simulation.events.some((event) => event.kind === 'repair')).toBe(false);
  });

  it('is named and sent a fresh copy when its weights differ from its replica’s', async () => {
    let writes = 0;
    const simulation = await run({
      iterations: 10,
      engine: (peer, engine) => {
        if (peer !== 'p5') return engine;
        const writeWeights = async (weights: Float32Array) => {
          if (++writes === 4) weights[5]! += 0.25;
          await engine.writeWeights(weights);
        };
        return changed(engine, { writeWeights });
      },
    });
    const diverged = simulation.events.filter(
      (event) => event.kind === 'leading' && event.note.kind === 'diverged',
    );
    expect(diverged).toHaveLength(1);
    expect(diverged[0]).toMatchObject({ note: { stage: 2, iteration: 4 } });
    const last = simulation.events.findLast((event) => event.kind === 'commit');
    expect(last).toMatchObject({
      commit: {
        weights: expect.arrayContaining([expect.objectContaining({ stage: 2, replicas: 2, divergent: [] })]),
      },
    });
    const ended = simulation.events.find((event) => event.kind === 'ended');
    expect(ended).toMatchObject({ divergences: 1 });
  });

  const breaking: [keyof Engine, number][] = [
    ['backward', 5],
    ['writeWeights', 3],
    ['takeGradients', 4],
  ];
  for (const [call, time] of breaking) {
    it(`ends and is missed when its engine breaks in ${call}, and the run goes on`, async () => {
      let calls = 0;
      const simulation = await run({
        iterations: 8,
        engine: (peer, engine) => {
          if (peer !== 'p6') return engine;
          return breakingIn(engine, call, () => ++calls >= time);
        },
      });
      expect(simulation.ends.get('p6')).toMatchObject({ how: 'failed' });
      expect(lossesOf(simulation)).toHaveLength(8);
    });
  }

  it('asks for no other stage when its engine cannot even load one', async () => {
    let loads = 0;
    let revived = false;
    const crash = crashing(['p6']);
    const simulation = await run({
      iterations: 14,
      engine: (peer, engine) => (peer === 'p6' ? breakingIn(engine, 'load', () => ++loads > 1) : engine),
      script: (event, world) => {
        crash(event, world);
        if (event.kind !== 'commit' || event.commit.iteration !== 5 || revived) return;
        revived = true;
        void world.start('p6');
      },
    });
    expect(simulation.ends.get('p6')).toMatchObject({ how: 'failed' });
    expect(loads).toBe(2);
    expect(lossesOf(simulation)).toHaveLength(14);
  });

  it.each([false, true])(
    'returns what it kept, no residual is alive after an iteration: split %s',
    async (splitBackward) => {
      const engines: Engine[] = [];
      const alive: number[] = [];
      await run({
        iterations: 6,
        training: { splitBackward },
        script: crashing(['p4', 'p5'], 0.04),
        engine: (_, engine) => {
          engines.push(engine);
          const writeWeights = async (weights: Float32Array) => {
            await engine.writeWeights(weights);
            alive.push((await engine.memory()).residualsAlive);
          };
          return changed(engine, { writeWeights });
        },
      });
      expect(alive.length).toBeGreaterThan(20);
      expect(new Set(alive)).toEqual(new Set([0]));
    },
  );
});

describe('random crashes', () => {
  for (let seed = 0; seed < 12; seed++) {
    it(`seed ${seed}: two peers crash at odd moments and the run still ends soundly`, async () => {
      const draw = generator(stream({ runSeed: seed, purpose: 'churn' }));
      const victims = [2 + draw.integerBelow(6), 2 + draw.integerBelow(6)];
      const times = [0.5 + draw.uniform(), 0.5 + draw.uniform()];
      let armed = true;
      const simulation = await run({
        iterations: 8,
        script: (event, { world, crash }) => {
          if (event.kind !== 'plan' || !armed) return;
          armed = false;
          victims.forEach((victim, i) => {
            world.after(times[i]! - 0.4, '', () => crash(`p${victim}`));
          });
        },
      });
      expectSound(simulation, 8);
    });
  }
});
