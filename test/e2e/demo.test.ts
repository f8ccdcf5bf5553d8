// `skein demo` as scripts use it: what it prints, what it survives, and that nothing of it is left running.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { importModel } from '../../src/model/export.ts';
import { allEnded, demoPeerIds, isRunning, readFolder, Terminals } from './processes.ts';
import { writeSmallRun } from './small-run.ts';

const count = z.number().int().min(0);
const loss = z.number().min(0).max(20);

/** The document that `docs` promise for `--json`. */
const documentSchema = z.object({
  peers: count,
  stages: count,
  iterations: count,
  lossFirst: loss,
  lossLast: loss,
  losses: z.array(loss),
  tokensPerSecond: z.number().positive(),
  crashes: z.array(
    z.object({
      target: z.string(),
      iteration: count,
      how: z.enum(['kill', 'freeze', 'leave']),
      peers: z.array(z.string()),
    }),
  ),
  recoveries: z.array(
    z.object({
      stage: count,
      rule: z.string(),
      seconds: z.number().min(0),
      lossBefore: loss.nullable(),
      lossAfter: loss.nullable(),
    }),
  ),
  bytes: z.object({ activations: count, gradients: count, weights: count, control: count }),
  contributionBytes: count,
  goodput: z.number().gt(0).max(1),
  replicasIdentical: z.boolean(),
  divergences: count,
  timing: z.object({ wallSeconds: z.number().positive() }),
  sample: z.string().min(1),
  exportDir: z.string(),
  journal: z.string(),
});
type DemoDocument = z.infer<typeof documentSchema>;

function demoArguments(terminals: Terminals, ...more: string[]): string[] {
  const { text } = writeSmallRun(terminals, { iterations: 1 });
  return ['demo', '--json', '--data', text, '--out', join(terminals.home, 'out'), ...more];
}

async function demo(...more: string[]): Promise<DemoDocument> {
  const terminals = new Terminals();
  const started = terminals.start(...demoArguments(terminals, ...more));
  const code = await started.end(150);
  expect(code, started.stderr).toBe(0);
  const document = documentSchema.parse(JSON.parse(started.stdout));
  expect(document.losses).toHaveLength(document.iterations);
  expect(document.lossFirst).toBe(document.losses[0]);
  expect(document.lossLast).toBeLessThan(document.lossFirst);
  expect(document).toMatchObject({ divergences: 0, replicasIdentical: true });
  expect(existsSync(document.journal)).toBe(true);
  expect(importModel(readFolder(document.exportDir)).stages).toHaveLength(document.stages);
  await allEnded(demoPeerIds(join(terminals.home, 'out')), 5);
  return document;
}

describe('skein demo', () => {
  it('gives the same losses twice when nobody crashes', async () => {
    const size = ['--peers', '3', '--stages', '2', '--iterations', '6'];
    const settings = [...size, '--crash', 'none', '--seed', '11'];
    const first = await demo(...settings);
    const second = await demo(...settings);
    expect(second.losses).toEqual(first.losses);
    expect(first).toMatchObject({
      peers: 3,
      stages: 2,
      iterations: 6,
      crashes: [],
      recoveries: [],
      goodput: 1,
    });
  }, 170_000);

  it('rebuilds a stage that lost all its replicas, and goes on', async () => {
    const document = await demo('--peers', '5', '--stages', '4', '--iterations', '14', '--crash', '2@5');
    expect(document.crashes).toEqual([{ target: '2@5', iteration: 5, how: 'kill', peers: ['p3'] }]);
    expect(document.recoveries).toMatchObject([{ stage: 2, rule: 'checkfree' }]);
    expect(document.recoveries[0]!.lossBefore).toBeGreaterThan(0);
    expect(document.recoveries[0]!.lossAfter).toBeGreaterThan(0);
    expect(document.iterations).toBe(14);
  }, 170_000);

  it('outlives its leader, an anchor, a peer that stands still and one that leaves', async () => {
    const orders = ['leader@3', 'anchor@7', 'p3@11:freeze', 'p5@15:leave'];
    const document = await demo(
      ...['--peers', '7', '--stages', '3', '--iterations', '20'],
      ...orders.flatMap((order) => ['--crash', order]),
    );
    expect(document.iterations).toBe(20);
    expect(document.crashes.map(({ target }) => target)).toEqual(orders);
    expect(document.crashes.map(({ how }) => how)).toEqual(['kill', 'kill', 'freeze', 'leave']);
    expect(document.crashes.every(({ peers }) => peers.length === 1)).toBe(true);
    // in each case another replica held the stage
    expect(document.recoveries.map(({ stage, rule }) => [stage, rule])).toEqual([
      [0, 'replica'],
      [0, 'replica'],
      [1, 'replica'],
      [2, 'replica'],
    ]);
  }, 170_000);

  it('ends with 130 at Ctrl-C, and nothing of it is left running', async () => {
    const terminals = new Terminals();
    const started = terminals.start(
      ...demoArguments(terminals, '--peers', '3', '--stages', '3', '--iterations', '5000', '--crash', 'none'),
    );
    await started.said(/iteration 10\//);
    const peers = demoPeerIds(join(terminals.home, 'out'));
    expect(peers.filter(isRunning)).toHaveLength(3);
    // a terminal tells the demo and its peers at once
    for (const pid of [started.pid, ...peers]) process.kill(pid, 'SIGINT');
    expect(await started.end(20)).toBe(130);
    expect(started.stderr.trimEnd().split('\n').at(-1)).toBe('skein: interrupted');
    expect(started.stdout).toBe('');
    expect(peers.filter(isRunning)).toEqual([]);
  }, 120_000);

  it('leaves no peer behind when it is killed itself', async () => {
    const terminals = new Terminals();
    const started = terminals.start(
      ...demoArguments(terminals, '--peers', '3', '--stages', '3', '--iterations', '5000', '--crash', 'none'),
    );
    await started.said(/waiting: [12] of 3|iteration 10\//);
    const peers = demoPeerIds(join(terminals.home, 'out'));
    expect(peers.filter(isRunning).length).toBeGreaterThan(0);
    started.signal('SIGKILL');
    await started.exited;
    await allEnded(demoPeerIds(join(terminals.home, 'out')), 20);
    expect(readFileSync(join(terminals.home, 'out', 'manifest.json'), 'utf8')).toContain('"stages"');
  }, 120_000);
});
