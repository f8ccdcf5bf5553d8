// Plans as data: what the validator finds, what the proof rests on, and JSON from strangers.

import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import { uniformDescription } from '../../src/schedule/closed-forms.ts';
import { DescriptionError, PlanError } from '../../src/schedule/errors.ts';
import { planFromJson, type PlanJson, planToJson } from '../../src/schedule/json.ts';
import type { Path, Plan, Task } from '../../src/schedule/plan.ts';
import { policies } from '../../src/schedule/policies/index.ts';
import { rulePlan } from '../../src/schedule/record.ts';
import { timeline, networkOf } from '../../src/schedule/timeline.ts';
import { proveCompletion, validatePlan } from '../../src/schedule/validate.ts';
import { assignmentOf, roundRobinPaths } from '../../src/schedule/wiring.ts';
import { linksOf } from './build.ts';

const description = uniformDescription(4, 4);
const sound = (): Plan => structuredClone(policies['1f1b'].plan(description, { seed: 0 }));
const problemsOf = (plan: Plan, change: (plan: { -readonly [Key in keyof Plan]: Plan[Key] }) => void) => {
  const changed = { ...plan };
  change(changed);
  return validatePlan(changed);
};
const withTask = (plan: Plan, index: number, change: Partial<Task>): readonly Task[] =>
  plan.tasks.map((task, at) => (at === index ? { ...task, ...change } : task));
const find = (plan: Plan, kind: Task['kind'], stage: number, microbatch: number) =>
  plan.tasks.findIndex(
    (task) => task.kind === kind && task.stage === stage && task.microbatch === microbatch,
  );
const lists = (plan: Plan) => (plan.order.kind === 'fixed' ? plan.order.tasks.map((list) => [...list]) : []);

describe('the validator', () => {
  it('finds nothing in a sound plan', () => {
    expect(validatePlan(sound())).toEqual([]);
  });

  it('names indices and numbers that are none', () => {
    const plan = sound();
    const bad = (change: Partial<Task>) => problemsOf(plan, (p) => (p.tasks = withTask(plan, 3, change)))[0]!;
    expect(bad({ peer: 4 })).toMatchObject({ problem: 'bad-index', where: 'tasks[3]' });
    expect(bad({ stage: -1 })).toMatchObject({ problem: 'bad-index', where: 'tasks[3]' });
    expect(bad({ seconds: Number.NaN })).toMatchObject({ problem: 'bad-number', where: 'tasks[3]' });
    expect(bad({ waitsFor: [{ task: 999, bytes: 0 }] })).toMatchObject({ problem: 'bad-index' });
    expect(bad({ waitsFor: [{ task: 1, bytes: -1 }] })).toMatchObject({ problem: 'bad-number' });
  });

  it('names a cycle by its tasks', () => {
    const plan = sound();
    const [first, last] = [find(plan, 'forward', 1, 2), find(plan, 'backward', 1, 2)];
    const waitsFor = [...plan.tasks[first]!.waitsFor, { task: last, bytes: 0 }];
    const problems = problemsOf(plan, (p) => (p.tasks = withTask(plan, first, { waitsFor })));
    const cycle = problems.find((problem) => problem.problem === 'cycle');
    expect(cycle).toMatchObject({ tasks: expect.arrayContaining([first, last]) });
    expect(cycle!.message).toContain('forward 2 of stage 1');
  });

  it('names a dependency that is missing', () => {
    const plan = sound();
    const task = find(plan, 'forward', 2, 1);
    const problems = problemsOf(plan, (p) => (p.tasks = withTask(plan, task, { waitsFor: [] })));
    expect(problems).toMatchObject([
      { problem: 'missing-dependency', task, needs: find(plan, 'forward', 1, 1) },
    ]);
  });

  it('names an update that does not wait for a gradient', () => {
    const plan = sound();
    const task = find(plan, 'update', 2, -1);
    const waitsFor = plan.tasks[task]!.waitsFor.slice(1);
    const problems = problemsOf(plan, (p) => (p.tasks = withTask(plan, task, { waitsFor })));
    expect(problems).toMatchObject([
      { problem: 'missing-dependency', task, needs: find(plan, 'backward', 2, 0) },
    ]);
  });

  it('names a task that a path needs and the plan has not', () => {
    const plan = sound();
    const task = find(plan, 'backward', 3, 1);
    const problems = problemsOf(plan, (p) => (p.tasks = withTask(plan, task, { microbatch: 77 })));
    expect(problems).toContainEqual(expect.objectContaining({ problem: 'missing-task', microbatch: 1 }));
  });

  it('names tasks that stand in a list twice, in none, or in another peer’s', () => {
    const plan = sound();
    const twice = lists(plan);
    const moved = lists(plan);
    twice[1]![0] = twice[1]![1]!;
    moved[0]!.push(moved[1]!.pop()!);
    const order = (tasks: number[][]) => problemsOf(plan, (p) => (p.order = { kind: 'fixed', tasks }));
    expect(order(twice).map(({ problem }) => problem)).toEqual(['twice-in-order', 'not-in-order']);
    expect(order(moved).map(({ problem }) => problem)).toEqual(['wrong-peer']);
  });

  it('names memory that cannot fit', () => {
    const plan = sound();
    const problems = problemsOf(plan, (p) => (p.memoryLimits = [4, 2, 4, 4]));
    expect(problems).toMatchObject([{ problem: 'memory', peer: 1, task: find(plan, 'forward', 1, 2) }]);
  });

  it('names the peers that wait for each other when lists contradict', () => {
    const plan = sound();
    const tasks = lists(plan);
    tasks[1]!.reverse();
    const problems = problemsOf(plan, (p) => (p.order = { kind: 'fixed', tasks }));
    expect(problems).toMatchObject([{ problem: 'stall' }]);
    expect(problems[0]!.message).toMatch(/p1 \(update of stage 1\) waits for/);
  });

  it('names paths that break a rule', () => {
    const plan = sound();
    const rules = { pathLength: 4, swapBudget: 1, largestJump: 2 };
    const through = (...stages: number[]): Path[] => [
      { microbatch: 0, nodes: stages.map((stage) => ({ stage, chunk: 0, peer: stage })) },
    ];
    const problems = (paths: readonly Path[]) =>
      validatePlan({ ...plan, paths }, rules).filter(({ problem }) => problem === 'path');
    const broken = (paths: readonly Path[]) => problems(paths)[0]!.message;
    expect(broken(through(1, 2, 3, 0))).toContain('starts at stage 1');
    expect(broken(through(0, 1, 2))).toContain('visits 3 stages and 4');
    expect(problems(through(0, 3, 2, 1))).toMatchObject([
      { rule: 'backward-step', message: expect.stringContaining('(rule backward-step)') },
      { rule: 'swap-budget' },
      { rule: 'largest-jump', message: expect.stringContaining('goes 3 beyond stage 0') },
    ]);
    expect(problems(through(0, 1, 2))).toMatchObject([{ rule: 'path-length', microbatch: 0 }]);
    expect(problems(through(0, 1, 2, 1))).toMatchObject([{ rule: 'no-stage-twice' }]);
    expect(broken(through(0, 2, 3, 1))).toContain('stage 1 comes after stage 3');
    expect(broken(through(0, 1, 2, 1))).toContain('visited twice');
    expect(broken([...through(0, 1, 2, 3), ...through(0, 1, 2, 3)])).toContain('used twice');
    expect(broken([{ microbatch: 0, nodes: [{ stage: 0, chunk: 0, peer: 1 }] }])).toContain(
      'p1 does not hold stage 0',
    );
    expect(validatePlan(plan, rules)).toEqual([]);
  });
});

describe('the proof of completion', () => {
  it('rests on the lists where there are lists', () => {
    expect(proveCompletion(sound())).toEqual({ by: 'lists' });
  });

  it('under a priority rule rests on room, or on an order of peers, or is refused', () => {
    const rule = (memory: number, paths: readonly Path[]) => {
      const peers = description.peers.map((peer) => ({ ...peer, memoryMicrobatches: memory }));
      const assignment = assignmentOf(description);
      const shape = { policy: 'rule', assignment, paths, splitBackward: false, chunks: 1, priority: () => 0 };
      return rulePlan({ ...description, peers }, shape);
    };
    const straight = roundRobinPaths(description, assignmentOf(description));
    const crossing = straight.map(({ microbatch, nodes }) =>
      microbatch % 2 === 0
        ? { microbatch, nodes }
        : { microbatch, nodes: [nodes[0]!, nodes[2]!, nodes[1]!, nodes[3]!] },
    );
    expect(proveCompletion(rule(4, crossing))).toEqual({ by: 'room' });
    expect(proveCompletion(rule(1, straight))).toEqual({ by: 'sorted-peers', peers: [0, 1, 2, 3] });
    expect(proveCompletion(rule(1, crossing))).toMatchObject({
      problem: 'unproven',
      peers: expect.arrayContaining([1, 2]),
    });
  });

  it('is needed: with one slot a peer, crossing paths served as they come do block each other', () => {
    const peers = uniformDescription(3, 1).peers.map((peer) => ({ ...peer, memoryMicrobatches: 1 }));
    const anchors = [...peers, { ...peers[0]!, name: 'p3' }];
    const swarm = {
      ...uniformDescription(3, 1),
      peers: anchors,
      assignment: [[0, 3], [1], [2]],
      links: linksOf(4),
    };
    const path = (microbatch: number, ...at: number[]): Path => ({
      microbatch,
      nodes: at.map((peer) => ({ stage: peer === 3 ? 0 : peer, chunk: 0, peer })),
    });
    const plan = rulePlan(swarm, {
      policy: 'rule',
      assignment: swarm.assignment,
      paths: [path(0, 0, 1, 2), path(1, 3, 2, 1)],
      splitBackward: false,
      chunks: 1,
      priority: () => 0,
    });
    expect(() => timeline(plan, networkOf(swarm))).toThrow(/waits for memory/);
  });
});

describe('a plan as JSON', () => {
  const json = (): PlanJson => JSON.parse(JSON.stringify(planToJson(sound())));

  it('is compact: under 12 bytes a task in the order', () => {
    const order = JSON.stringify(json().order);
    expect(order.length / sound().tasks.length).toBeLessThan(12);
  });

  it('keeps a priority rule', () => {
    const assignment = assignmentOf(description);
    const paths = roundRobinPaths(description, assignment);
    const shape = {
      policy: 'rule',
      assignment,
      paths,
      splitBackward: true,
      chunks: 1,
      priority: (task: Task) => task.microbatch,
    };
    const plan = rulePlan(description, shape);
    expect(planFromJson(JSON.parse(JSON.stringify(planToJson(plan))))).toEqual(plan);
  });

  it('refuses to write a plan whose tasks do not follow from its paths', () => {
    const plan = sound();
    expect(() => planToJson({ ...plan, tasks: withTask(plan, 2, { waitsFor: [] }) })).toThrow(/tasks\[2\]/);
  });

  it.each<[string, (json: Record<string, unknown>) => void, RegExp]>([
    ['an unknown field', (j) => (j.extra = 1), /unrecognized/i],
    ['another version', (j) => (j.version = 2), /version/],
    ['a missing field', (j) => delete j.paths, /paths/],
    ['a peer that is none', (j) => (j.paths = [[0, 0, 0, 1, 9]]), /paths\.0: there is no peer 9/],
    ['a stage that is none', (j) => (j.paths = [[0, 7, 0]]), /paths\.0: there is no stage 7/],
    ['half a visit', (j) => (j.paths = [[0, 0]]), /paths\.0/],
    [
      'a micro-batch twice',
      (j) =>
        (j.paths = [
          [0, 0, 0],
          [0, 0, 0],
        ]),
      /paths\.1: micro-batch 0/,
    ],
    ['an unknown task', (j) => (j.order = { fixed: [['F9/9'], [], [], []] }), /order\.fixed\.0: "F9\/9"/],
    ['a task of another peer', (j) => (j.order = { fixed: [['F1/0'], [], [], []] }), /order\.fixed\.0/],
    ['too few lists', (j) => (j.order = { fixed: [] }), /order\.fixed: 0 entries, 4/],
    ['endless priorities', (j) => (j.order = { priority: [Number.POSITIVE_INFINITY] }), /order/],
    ['a negative time', (j) => (j.seconds = [{ F0: -1 }, {}, {}, {}]), /seconds/],
    [
      'a peer twice in a group',
      (j) => (j.assignment = [[0], [1, 1], [2], [3]]),
      /assignment\.1: peer 1 stands there twice/,
    ],
    ['more stages than any run has', (j) => (j.stages = 1e9), /stages/],
    ['a name of a megabyte', (j) => (j.policy = 'x'.repeat(1e6)), /policy/],
  ])('with %s is refused with its place', (_what, change, message) => {
    const changed = json() as unknown as Record<string, unknown>;
    change(changed);
    expect(() => planFromJson(changed)).toThrow(PlanError);
    expect(() => planFromJson(changed)).toThrow(message);
  });

  it('of any shape gives a plan or a PlanError, never another failure', () => {
    const parts = [
      'version',
      'policy',
      'peers',
      'stages',
      'assignment',
      'chunks',
      'paths',
      'order',
      'seconds',
      'memoryLimits',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...parts), fc.jsonValue(), (part, value) => {
        const changed = { ...json(), [part]: value };
        try {
          validatePlan(planFromJson(changed));
        } catch (error) {
          expect(error).toBeInstanceOf(PlanError);
        }
      }),
      { numRuns: 300, seed: 3 },
    );
  });
});

describe('a description that cannot be', () => {
  it.each<[string, object, RegExp]>([
    [
      'a negative time',
      { peers: description.peers.map((p) => ({ ...p, headSeconds: -1 })) },
      /peers\[0\]\.headSeconds/,
    ],
    [
      'a peer twice in a stage',
      { assignment: [[0], [1, 1], [2], [3]] },
      /assignment\[1\]: p1 already holds stage 1/,
    ],
    ['a peer that is none', { assignment: [[0], [8], [2], [3]] }, /assignment\[1\]: there is no peer 8/],
    ['no anchor', { assignment: [[], [1], [2], [3]] }, /assignment\[0\]/],
    ['more replicas than peers', { stageSizes: [2, 1, 1, 1] }, /stageSizes: 5 replicas/],
  ])('with %s is refused with the field', (_what, change, message) => {
    for (const policy of Object.values(policies)) {
      const plan = () => policy.plan({ ...description, ...change }, { seed: 0 });
      expect(plan).toThrow(DescriptionError);
      expect(plan).toThrow(message);
    }
  });

  it('with a peer that has no room for one micro-batch is refused by its name', () => {
    const peers = description.peers.map((peer, at) => ({ ...peer, memoryMicrobatches: at === 2 ? 0 : 4 }));
    for (const policy of Object.values(policies)) {
      expect(() => policy.plan({ ...description, peers }, { seed: 0 })).toThrow(/p2 has/);
    }
  });
});
