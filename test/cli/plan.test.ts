// `skein plan`, as a person runs it: files and flags in; JSON, messages, pictures and exit codes out.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { register } from '../../src/cli/plan.ts';
import { policies } from '../../src/schedule/policies/index.ts';
import { type Finished, skeinOf, temporaryFolder } from './process.ts';

const skein = skeinOf(register);

const planEntry = z.strictObject({
  policy: z.string(),
  peers: z.int(),
  stages: z.int(),
  microbatches: z.int(),
  makespanSeconds: z.number(),
  spanSeconds: z.array(z.number()),
  lowerBoundSeconds: z.number(),
  gap: z.number(),
  optimal: z.boolean(),
  bounds: z
    .strictObject({
      twoTrips: z.number(),
      busiestPeer: z.number(),
      flow: z.number().optional(),
      slots: z.number().optional(),
      schedules: z.number().optional(),
      seconds: z.number(),
      by: z.string(),
    })
    .optional(),
  bubbleRatio: z.number(),
  peakActivations: z.array(z.number()),
  bytesMoved: z.number(),
  exchangeBytes: z.number(),
  assignment: z.array(z.array(z.string())),
  paths: z.array(
    z.strictObject({
      microbatch: z.int(),
      anchor: z.string(),
      nodes: z.array(z.strictObject({ stage: z.int(), peer: z.string(), chunk: z.int().optional() })),
    }),
  ),
  tasks: z
    .array(
      z.strictObject({
        peer: z.string(),
        kind: z.string(),
        stage: z.int(),
        chunk: z.int().optional(),
        microbatch: z.int(),
        start: z.number(),
        end: z.number(),
      }),
    )
    .optional(),
  timing: z.strictObject({ planMilliseconds: z.number() }).optional(),
});
const planDocument = z.strictObject({
  scenario: z.string(),
  seed: z.int(),
  plans: z.array(planEntry),
  skipped: z.array(z.strictObject({ policy: z.string(), reason: z.string() })),
});

function documentOf({ exitCode, stdout, stderr }: Finished) {
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  return planDocument.parse(JSON.parse(stdout));
}

const uniform4 = 'scenarios/uniform-4.yaml';

function scenarioFile(text: string): string {
  const file = join(temporaryFolder(), 'mine.yaml');
  writeFileSync(file, text);
  return file;
}

it('skein plan refuses a plan that breaks the rules its policy promises to keep, and names the rule', async () => {
  const flags = ['scenarios/skippipe-geo20.yaml', '--policy', 'skippipe', '--budget', '10'];
  const spy = vi.spyOn(policies.skippipe, 'plan');
  spy.mockImplementation((description, options) =>
    policies.gpipe.plan({ ...description, pathLength: description.stages }, options),
  );
  const whole = await skein('plan', ...flags);
  spy.mockRestore();
  expect(whole.exitCode).toBe(1);
  expect(whole.stderr).toContain('(rule path-length)');
  expect((await skein('plan', ...flags)).exitCode).toBe(0);
});

it('skein plan takes a makespan below the bound for a bug, and says so', async () => {
  const flags = ['scenarios/skippipe-geo20.yaml', '--policy', 'skippipe', '--budget', '10'];
  const { plan } = policies.skippipe;
  const spy = vi.spyOn(policies.skippipe, 'plan').mockImplementation((description, options) => {
    const made = plan(description, options);
    return { ...made, tasks: made.tasks.map((task) => ({ ...task, seconds: 0 })) };
  });
  const { exitCode, stderr } = await skein('plan', ...flags);
  spy.mockRestore();
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/two trips\) says that none takes less than 32\.48\d* s; .* a bug of skein/);
});

it('skein plan knows bounds of tasks that take less than a microsecond', async () => {
  const text = (assignment: string) => `training:
  { stages: 3, stageSizes: [1, 1, 1], microbatchesPerAnchor: 4, policy: skippipe }
peers:
  - { count: 3, memoryMicrobatches: 2 }
costs: { forwardSeconds: 0.0000002, backwardInputSeconds: 0.0000003, transferSeconds: 0.0000004 }
assignment: ${assignment}
`;
  for (const assignment of ['[[0], [1], [2]]', 'auto']) {
    const flags = ['--policy', 'skippipe,skippipe-blind', '--bounds', 'full', '--json'];
    const { plans } = documentOf(await skein('plan', scenarioFile(text(assignment)), ...flags));
    for (const plan of plans) {
      expect(plan.makespanSeconds).toBeGreaterThan(1e-6);
      expect(plan.lowerBoundSeconds).toBe(plan.bounds!.seconds);
      expect(plan.lowerBoundSeconds).toBeLessThanOrEqual(plan.makespanSeconds);
    }
  }
});

it('skein plan shows forward passes alone where the codec is one-byte', async () => {
  const text = readFileSync(uniform4, 'utf8').replace(
    'training:',
    'training:\n  codec: one-byte\n  directions: 2',
  );
  const { plans } = documentOf(await skein('plan', scenarioFile(text), '--json', '--tasks'));
  const [plan] = plans;
  // 8 micro-batches, forth and back along 2 directions, a second a stage: n + p − 1
  expect(plan).toMatchObject({ microbatches: 32, makespanSeconds: 35, peakActivations: [0, 0, 0, 0] });
  expect(new Set(plan!.tasks!.map(({ kind }) => kind))).toEqual(new Set(['forward', 'update']));
});

describe('skein plan on the textbook case', async () => {
  const { plans, skipped } = documentOf(await skein('plan', uniform4, '--policy', 'all', '--json'));
  const of = (policy: string) => plans.find((plan) => plan.policy === policy)!;

  it('has an entry for each policy, or says why not', () => {
    expect([...plans, ...skipped].map(({ policy }) => policy)).toEqual(
      expect.arrayContaining(['gpipe', '1f1b', 'interleaved-1f1b', 'zb-h1', 'zb-h2', 'zb-v']),
    );
    expect(skipped.map(({ policy }) => policy)).not.toContain('zb-v');
  });

  it("gives the papers' numbers", () => {
    expect(of('gpipe')).toMatchObject({ makespanSeconds: 33, peakActivations: [8, 8, 8, 8] });
    expect(of('1f1b')).toMatchObject({
      makespanSeconds: 33,
      peakActivations: [4, 3, 2, 1],
      bubbleRatio: 1 - 96 / 132,
    });
    expect(of('zb-h1').makespanSeconds).toBe(27);
    expect(Math.max(...of('zb-h1').peakActivations)).toBeLessThanOrEqual(4);
    expect(of('zb-h2').spanSeconds).toEqual([24, 24, 24, 24]);
    expect(of('zb-v').makespanSeconds).toBeLessThanOrEqual(25.5);
  });

  it('gives the bound of the tasks of each plan, and of all paths where the policy chooses them', () => {
    const bounds = plans.map(({ policy, lowerBoundSeconds }) => [policy, lowerBoundSeconds]);
    expect(Object.fromEntries(bounds)).toMatchObject({
      gpipe: 33,
      '1f1b': 33,
      'interleaved-1f1b': 28.5,
      'zb-h1': 27,
      'zb-h2': 27,
      'zb-v': 25.5,
      'random-skip': 33,
      skippipe: 27,
      'skippipe-blind': 27,
    });
    expect(of('skippipe')).toMatchObject({ optimal: false, gap: 33 / 27 - 1, bounds: { seconds: 27 } });
    expect(of('random-skip').bounds).toBeUndefined();
  });

  it('names peers, not numbers', () => {
    expect(of('1f1b').assignment).toEqual([['p0'], ['p1'], ['p2'], ['p3']]);
    expect(of('1f1b').paths[7]).toEqual({
      microbatch: 7,
      anchor: 'p0',
      nodes: [0, 1, 2, 3].map((stage) => ({ stage, peer: `p${stage}` })),
    });
  });
});

describe('skein plan', () => {
  it("takes the scenario's policy when none is named, and says its table on standard error", async () => {
    const { exitCode, stdout, stderr } = await skein('plan', uniform4);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr.split('\n').filter((line) => line !== '')).toHaveLength(2);
    expect(stderr).toMatch(/^1f1b +33 s +█+░+ +27\.3 %/m);
  });

  it('plans the policies that are named, each once, in that order', async () => {
    const { plans } = documentOf(
      await skein('plan', uniform4, '--policy', 'zb-h1,gpipe', '--policy', 'zb-h1', '--json'),
    );
    expect(plans.map(({ policy }) => policy)).toEqual(['zb-h1', 'gpipe']);
  });

  it('lists tasks on request, in the order of time', async () => {
    const [plan] = documentOf(await skein('plan', uniform4, '--tasks', '--json')).plans;
    const computing = plan!.tasks!.filter(({ kind }) => kind !== 'update');
    expect(computing).toHaveLength(2 * 4 * 8);
    expect(computing[0]).toEqual({ peer: 'p0', kind: 'forward', stage: 0, microbatch: 0, start: 0, end: 1 });
    expect(Math.max(...computing.map(({ end }) => end))).toBe(33);
    const starts = plan!.tasks!.map(({ start }) => start);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
  });

  it('repeats itself to the byte without timing', async () => {
    const args = ['plan', uniform4, '--policy', 'all', '--tasks', '--json', '--no-timing', '--seed', '3'];
    const [first, second] = await Promise.all([skein(...args), skein(...args)]);
    expect(documentOf(first).plans.every(({ timing }) => timing === undefined)).toBe(true);
    expect(second.stdout).toBe(first.stdout);
  });

  it('writes a picture and a trace for each policy', async () => {
    const folder = join(temporaryFolder(), 'a', 'b');
    const { exitCode } = await skein('plan', uniform4, '--policy', 'zb-h1,interleaved-1f1b', '--out', folder);
    expect(exitCode).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(
      ['interleaved-1f1b.svg', 'interleaved-1f1b.trace.json', 'zb-h1.svg', 'zb-h1.trace.json'].sort(),
    );
    expect(readFileSync(join(folder, 'zb-h1.svg'), 'utf8')).toMatch(
      /^<svg [\s\S]*makespan 27 s[\s\S]*<\/svg>\n$/,
    );
    const { traceEvents } = JSON.parse(readFileSync(join(folder, 'zb-h1.trace.json'), 'utf8'));
    expect(traceEvents.filter((event: { ph: string }) => event.ph === 'X').length).toBeGreaterThanOrEqual(96);
  });

  it('ends with 1 when it cannot write, naming the file', async () => {
    const file = scenarioFile('x');
    const { exitCode, stderr } = await skein('plan', uniform4, '--out', file);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^skein: cannot write .*1f1b\.svg: a file stands where a folder is needed$/m);
    expect(existsSync(join(file, '1f1b.svg'))).toBe(false);
  });
});

describe('skein plan with something wrong', () => {
  const good = (extra = '', group = '{ count: 2 }') =>
    `training: { stages: 2 }\npeers:\n  - ${group}\ncosts:\n  forwardSeconds: 1\n${extra}`;

  it.each([
    ['a cycle', good('model: &m\n  preset: *m\n'), 'mine.yaml:7: model.preset: ', 'a cycle'],
    [
      'a peer twice in a stage',
      good('assignment: [[0, 0], [1]]\n'),
      'mine.yaml:6: assignment[0][1]: ',
      'already holds stage 0',
    ],
    [
      'a negative time',
      good('  backwardInputSeconds: -3\n'),
      'mine.yaml:6: costs.backwardInputSeconds: ',
      'must be 0 or more, got -3',
    ],
    [
      'an unknown policy',
      good().replace('stages: 2', 'stages: 2, policy: zbh1'),
      'mine.yaml:1: training.policy: ',
      "did you mean 'zb-h1'?",
    ],
    [
      "an assignment against a peer's stage",
      good('assignment: [[0], [1]]\n', '{ stage: 1 }\n  - {}'),
      'mine.yaml:7: assignment[0][0]: ',
      'move it to assignment[1]',
    ],
    ['an unknown field', good('assigment: auto\n'), 'mine.yaml:6: assigment: ', "did you mean 'assignment'?"],
  ])(
    'answers %s with file, line, field and suggestion, and exit code 2',
    async (_, text, place, suggestion) => {
      const { exitCode, stdout, stderr } = await skein('plan', scenarioFile(text), '--json');
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toContain(place);
      expect(stderr).toContain(suggestion);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    },
  );

  it.each([
    [['--policy', '1fb1'], "skein: --policy: there is no policy '1fb1'; did you mean '1f1b'?\n"],
    [['--budget', 'much'], /^skein: option '--budget <steps>' argument 'much' is invalid\. .*×4/],
    [['--bounds', 'ful'], /^skein: .*Allowed choices are full\./],
    [['--seed', '1.5'], /^skein: .*It must be a whole number, 0 or more\./],
  ])('refuses %j', async (flags, message) => {
    const { exitCode, stdout, stderr } = await skein('plan', uniform4, ...flags);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
});
