// One peer's part of an iteration, with an engine whose answers the test gives: what may still change while it computes.

import { describe, expect, it } from 'vitest';
import type { EntryBody } from '../../src/journal/entry.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import type { Plan } from '../../src/schedule/plan.ts';
import type { Engine } from '../../src/seams/engine.ts';
import { Executor } from '../../src/swarm/training/executor.ts';
import { makePlan } from '../../src/swarm/planning/planning.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { bytesOf, microbatchHeader, nextPeer, type Visit } from '../../src/swarm/training/visits.ts';
import { activationFormat } from '../../src/swarm/training/activations.ts';
import { type SmallRun, smallManifest } from './small-run.ts';

const { model, training } = smallManifest({});
const small = { ...model, width: 4, context: 2 };
const activations = activationFormat({ model: small, training: { ...training, samplesPerMicrobatch: 1 } });
const ELEMENTS = activations.elements;
const names = ['a', 'b', 'c', 'd'];
const whole = names.map((peer, stage) => ({ stage, peer }));
const stageOf = (peer: string) => (names.includes(peer) ? names.indexOf(peer) : names.length - 1);

/** Four peers, each alone at its stage, or with a fifth that is a replica of the last and has nothing to do. */
const planOf = (peers: readonly string[]) => planWith(peers, stageOf, { microbatchesPerAnchor: 1 });

function planWith(
  peers: readonly string[],
  stageOf: (peer: string) => number,
  training: NonNullable<SmallRun['training']>,
): Plan {
  const state = new RunState();
  const nothing = '0'.repeat(64);
  const bodies: EntryBody[] = [
    { kind: 'genesis', runId: nothing, founder: 'a' },
    { kind: 'leader', peer: 'a', reason: '' },
    {
      kind: 'members',
      changes: peers.map((peer) => ({
        kind: 'enter',
        peer,
        name: peer,
        addresses: [],
        stage: stageOf(peer),
        origin: { kind: 'initial' },
      })),
    },
    { kind: 'members', changes: peers.map((peer) => ({ kind: 'active', peer })) },
  ];
  bodies.forEach((body, index) => {
    state.apply({ index, term: 1, previous: nothing, author: 'a', body, hash: nothing, signature: '' });
  });
  return makePlan(state, { ...smallManifest({ replicas: 1, training }), founder: 'a' });
}

/** The parts of an executor that do nothing, for a peer whose every other peer lives. */
function partsOf(self: string, stage: number, plan: Plan) {
  return {
    self,
    stage,
    iteration: 1,
    attempt: 0,
    plan,
    clock: new SimulatedWorld().clockOf(self),
    activations,
    emergencySkips: 1,
    mender: () => undefined,
    tokens: () => ({ inputs: new Int32Array(1), targets: new Int32Array(1) }),
    alive: () => true,
    askSlot: async () => false,
    note: () => {},
  };
}

/** The executor of a peer; `answer` ends the engine's forward or head. */
function executorOf(self: string) {
  const dropped: number[] = [];
  const released: number[] = [];
  const sent: string[] = [];
  const answers: (() => void)[] = [];
  const engine: Partial<Engine> = {
    forward: () =>
      new Promise((resolve) => {
        answers.push(() => resolve(new Float32Array(ELEMENTS)));
      }),
    head: () =>
      new Promise((resolve) => {
        answers.push(() =>
          resolve({ loss: 1, sampleLosses: new Float32Array(1), inputGradient: new Float32Array(ELEMENTS) }),
        );
      }),
    backward: () => new Promise(() => {}),
    release: async (key) => {
      released.push(key);
    },
  };
  const executor = new Executor({
    ...partsOf(self, stageOf(self), planOf([...new Set([...names, self])])),
    engine: engine as Engine,
    nextKey: () => 7,
    send: async (to, header) => {
      sent.push(`${header.kind} to ${to}`);
    },
    announceDropped: (microbatch) => dropped.push(microbatch),
  });
  void executor.run(() => {});
  const activation = (path: typeof whole, hop: number) => {
    const header = microbatchHeader(
      'ACTIVATION',
      { iteration: 1, attempt: 0 },
      { microbatch: 0, path },
      hop,
      activations,
    );
    return executor.paths.take(path[hop - 1]!.peer, header, bytesOf(new Float32Array(ELEMENTS)));
  };
  const answer = async () => {
    answers.shift()!();
    await new Promise((resume) => setImmediate(resume));
  };
  return { executor, activation, answer, dropped, released, sent };
}

/** Lets everything run that can run without a new message. */
const settled = () => new Promise((resume) => setImmediate(resume));

describe.each([
  { backwards: 'whole', splitBackward: false },
  { backwards: 'in two parts', splitBackward: true },
])('the order of a plan with paths that skip and backwards $backwards', ({ splitBackward }) => {
  const peers = Array.from({ length: 8 }, (_, at) => `p${at}`);
  const stageOfPair = (peer: string) => Math.floor(peers.indexOf(peer) / 2);
  const plan = planWith(peers, stageOfPair, {
    policy: 'skippipe',
    skipRatio: 0.25,
    microbatchesPerAnchor: 20,
    splitBackward,
  });
  const at = { iteration: 1, attempt: 0 };
  const nothing = bytesOf(new Float32Array(ELEMENTS));

  it.each(peers.slice(2))('is kept at %s, which is sent everything in the opposite order', async (self) => {
    const order = plan.order.kind === 'fixed' ? plan.order.tasks[plan.peers.indexOf(self)]! : [];
    const planned = order
      .map((index) => plan.tasks[index]!)
      .filter(({ microbatch }) => microbatch >= 0)
      .map(({ kind, microbatch }) => `${kind} ${microbatch}`);
    expect(planned.length).toBeGreaterThanOrEqual(10);
    const computed: string[] = [];
    let key = 0;
    const microbatchOf = (wanted: number) =>
      [...executor.paths.visits].find((visit) => visit.key === wanted)!.microbatch;
    const parts = { all: 'backward', input: 'backward-input', weight: 'backward-weight' };
    const compute = async (kind: string, key: number) => {
      computed.push(`${kind} ${microbatchOf(key)}`);
      return new Float32Array(ELEMENTS);
    };
    const engine: Partial<Engine> = {
      forward: ({ key }) => compute('forward', key),
      backward: ({ key, part }) => compute(parts[part], key),
    };
    const executor = new Executor({
      ...partsOf(self, stageOfPair(self), plan),
      engine: engine as Engine,
      nextKey: () => key++,
      send: async () => {},
      announceDropped: () => {},
    });
    const visits = [...executor.paths.visits].toReversed();
    const sendTo = (visit: Visit, kind: 'ACTIVATION' | 'GRADIENT', from: string) => {
      const header = microbatchHeader(kind, at, visit, visit.hop, activations);
      expect(executor.paths.take(from, header, nothing)).toBeUndefined();
    };
    void executor.run(() => {});
    for (const visit of visits) {
      expect(visit.path).toHaveLength(3); // of 4 stages
      sendTo(visit, 'ACTIVATION', visit.path[visit.hop - 1]!.peer);
    }
    for (let before = -1; computed.length > before; ) {
      before = computed.length;
      for (let turn = 0; turn < 20; turn++) await settled();
      for (const visit of visits) {
        if (visit.phase === 'backward' && visit.gradient === undefined)
          sendTo(visit, 'GRADIENT', nextPeer(visit));
      }
    }
    expect(computed).toEqual(planned);
  });
});

describe('between the two parts of a backward', () => {
  /** Peer b of a pipeline of two, which has sent the gradient on and is still to add what its weights give. */
  async function between() {
    const peers = ['a', 'b'];
    const plan = planWith(peers, (peer) => peers.indexOf(peer), {
      stages: 2,
      stageSizes: [1, 1],
      microbatchesPerAnchor: 1,
      splitBackward: true,
    });
    const [calls, released, sent]: [string[], number[], string[]] = [[], [], []];
    let addWeights = (): void => {};
    const engine: Partial<Engine> = {
      forward: async () => new Float32Array(ELEMENTS),
      backward: async ({ part }) => {
        calls.push(part);
        if (part === 'input') return new Float32Array(ELEMENTS);
        await new Promise<void>((resolve) => {
          addWeights = resolve;
        });
        return undefined;
      },
      release: async (key) => {
        released.push(key);
      },
    };
    const executor = new Executor({
      ...partsOf('b', 1, plan),
      engine: engine as Engine,
      nextKey: () => 7,
      send: async (to, { kind }) => {
        sent.push(`${kind} to ${to}`);
      },
      announceDropped: () => {},
    });
    const reports: (readonly number[])[] = [];
    void executor.run(({ microbatches }) => reports.push(microbatches));
    const path = peers.map((peer, stage) => ({ stage, peer }));
    const take = (kind: 'ACTIVATION' | 'GRADIENT') => {
      const at = { iteration: 1, attempt: 0 };
      const header = microbatchHeader(kind, at, { microbatch: 0, path }, 1, activations);
      expect(executor.paths.take('a', header, bytesOf(new Float32Array(ELEMENTS)))).toBeUndefined();
    };
    take('ACTIVATION');
    await settled();
    take('GRADIENT');
    await settled();
    expect({ calls, sent }).toEqual({
      calls: ['input', 'weight'],
      sent: ['ACTIVATION to a', 'GRADIENT to a'],
    });
    return { executor, reports, released, take, sent, end: () => addWeights() };
  }

  it('the micro-batch does not count yet, and then it does', async () => {
    const { executor, reports, end } = await between();
    expect(executor.report().microbatches).toEqual([]);
    end();
    await settled();
    expect(reports).toEqual([[0]]);
    expect(executor.paths.visit(0)?.phase).toBe('done');
  });

  it('nothing on its path changes that: its gradient has gone on', async () => {
    const { executor, reports, released, take, sent, end } = await between();
    executor.paths.dropped(0, 'somebody gives it up', '');
    executor.paths.peerLost('a');
    take('GRADIENT'); // once more
    executor.paths.resend('a');
    end();
    await settled();
    expect({ reports, released }).toEqual({ reports: [[0]], released: [] });
    expect(sent.filter((what) => what === 'GRADIENT to a')).toHaveLength(2);
  });

  it('an iteration that is let go of releases it', async () => {
    const { executor, released } = await between();
    executor.abort();
    expect(released).toEqual([7]);
  });
});

describe('an activation that cannot be used', () => {
  const headerOf = (type: 'F32' | 'INT8') =>
    microbatchHeader('ACTIVATION', { iteration: 1, attempt: 0 }, { microbatch: 0, path: whole }, 3, {
      type,
      elements: ELEMENTS,
    });

  it('is refused when it is of another type than the run’s', () => {
    const { executor, dropped } = executorOf('d');
    const { paths } = executor;
    expect(paths.take('c', headerOf('INT8'), new Uint8Array(8))).toMatch(/INT8, those of this run are F32/);
    expect(paths.take('c', headerOf('F32'), new Uint8Array(8))).toMatch(/8 bytes for 8 values/);
    expect(dropped).toEqual([]);
  });

  it('ends its micro-batch, and its sender is named, when a value is not finite', () => {
    const { executor, dropped } = executorOf('d');
    const values = new Float32Array(ELEMENTS);
    values[3] = Number.NaN;
    expect(executor.paths.take('c', headerOf('F32'), bytesOf(values))).toMatch(/that c sent is not finite/);
    expect(dropped).toEqual([0]);
  });
});

describe('an activation for which room was given', () => {
  const byFifth = [...whole.slice(0, 3), { stage: 3, peer: 'e' }];

  it('is of no more use when its micro-batch was given up meanwhile, and its sender did nothing wrong', () => {
    const { executor, activation } = executorOf('e');
    expect(activation(byFifth, 3)).toMatch(/micro-batch 0 was not expected here/);
    expect(executor.paths.grantSlot(0, 3)).toBe(true);
    executor.paths.dropped(0, 'stage 1 was lost', '');
    expect(activation(byFifth, 3)).toBeUndefined();
    expect(executor.paths.visit(0)).toBeUndefined();
  });
});

describe('a path that skips a lost stage', () => {
  const shorter = whole.filter(({ peer }) => peer !== 'c');

  it('gives the micro-batch up where the next stage computes on the lost one’s output already', async () => {
    const { activation, answer, dropped, released, sent } = executorOf('d');
    expect(activation(whole, 3)).toBeUndefined();
    await settled();
    expect(activation(shorter, 2)).toBeUndefined();
    await answer();
    expect({ dropped, released, sent }).toEqual({ dropped: [0], released: [7], sent: [] });
  });

  it('is taken where the next stage has not begun', async () => {
    const { activation, answer, dropped, sent } = executorOf('d');
    expect(activation(shorter, 2)).toBeUndefined();
    await settled();
    await answer();
    expect({ dropped, sent }).toEqual({ dropped: [], sent: ['ACTIVATION to a'] });
  });

  it('gives the micro-batch up where its loss is being computed on the whole path', async () => {
    const { activation, answer, dropped, sent } = executorOf('a');
    await settled();
    await answer(); // its own stage
    expect(activation(whole, 4)).toBeUndefined();
    await settled();
    const withoutLast = whole.slice(0, 3);
    expect(activation(withoutLast, 3)).toBeUndefined();
    await answer();
    expect({ dropped, sent }).toEqual({ dropped: [0], sent: ['ACTIVATION to b'] });
  });
});

describe('an anchor that is believed lost', () => {
  const gradientFor = (executor: ReturnType<typeof executorOf>['executor'], hop: number, from: string) =>
    executor.paths.take(
      from,
      microbatchHeader(
        'GRADIENT',
        { iteration: 1, attempt: 0 },
        { microbatch: 0, path: whole },
        hop,
        activations,
      ),
      bytesOf(new Float32Array(ELEMENTS)),
    );

  it('has its micro-batch given up, for everyone, by the last peer of the path', async () => {
    const { executor, activation, answer, dropped } = executorOf('d');
    activation(whole, 3);
    await settled();
    await answer();
    executor.paths.peerLost('a');
    expect(dropped).toEqual([0]);
  });

  it('loses nothing where the last peer has the head’s gradient', async () => {
    const { executor, activation, answer, dropped } = executorOf('d');
    activation(whole, 3);
    await settled();
    await answer();
    expect(gradientFor(executor, 3, 'a')).toBeUndefined();
    executor.paths.peerLost('a');
    expect({ dropped, phase: executor.paths.visit(0)?.phase }).toEqual({ dropped: [], phase: 'backward' });
  });

  it('loses nothing by the word of a peer in the middle, which may be wrong', async () => {
    const { executor, activation, answer, dropped } = executorOf('c');
    activation(whole, 2);
    await settled();
    executor.paths.peerLost('a');
    await answer();
    expect({ dropped, phase: executor.paths.visit(0)?.phase }).toEqual({ dropped: [], phase: 'backward' });
  });
});
