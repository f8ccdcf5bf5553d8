// The fault rules of docs/faults.md, one by one: every cell of its tables, in virtual time with real tensors.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Simulation } from '../../../src/replay/simulation.ts';
import { brokenPathWork, mostStagesTwicePerBreak } from '../../../src/swarm/training/repeated-work.ts';
import { breaking, ITERATIONS, type Outcome } from './breaking.ts';
import { type Fate, faultsOf, momentsOf, ROWS } from './cells.ts';
import { DOCUMENTED } from './documented.ts';
import { ITERATIONS as TRANSFER_ITERATIONS, TRANSFERS, transferring } from './transfers.ts';

/** The small run's plan: even micro-batches pass through peers of even numbers, odd ones through the others. */
const ALL = [0, 1, 2, 3];

function microbatchesOf(victims: readonly string[]): number[] {
  const parities = new Set(victims.map((victim) => Number(victim.slice(1)) % 2));
  return ALL.filter((microbatch) => parities.has(microbatch % 2));
}

const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);
const without = (some: readonly number[]) => ALL.filter((microbatch) => !some.includes(microbatch));

/** What the commit counted, by stage; a stage that it does not name counted nothing. */
function countedOf({ commit }: Outcome): number[][] {
  return ALL.map((stage) => sorted(commit.stages.find((one) => one.stage === stage)?.microbatches ?? []));
}

function notedOf({ notes }: Outcome, kind: 'rerouted' | 'skipped'): number[] {
  return sorted([...new Set(notes.flatMap((note) => (note.kind === kind ? [note.microbatch] : [])))]);
}

/** What was computed twice, and where. */
function twiceOf({ simulation }: Outcome): { microbatch: number; stagesTwice: readonly number[] }[] {
  return brokenPathWork(workOf(simulation))
    .map(({ microbatch, stagesTwice }) => ({ microbatch, stagesTwice }))
    .toSorted((a, b) => a.microbatch - b.microbatch);
}

function workOf({ events }: Simulation) {
  return events.flatMap((event) => (event.kind === 'path' || event.kind === 'computed' ? [event] : []));
}

function goneOf(simulation: Simulation): string[] {
  const gone = simulation.events.flatMap((event) => (event.kind === 'gone' ? [event.peer] : []));
  return [...new Set(gone)].toSorted();
}

function expectFate(fate: Fate, outcome: Outcome, victims: readonly string[]): void {
  const own = microbatchesOf(victims);
  const lost = Math.floor(Number(victims[0]!.slice(1)) / 2);
  const counted = countedOf(outcome);
  const elsewhere = counted.filter((_, stage) => stage !== lost);
  const dropped = sorted(outcome.commit.dropped.map(({ microbatch }) => microbatch));
  switch (fate) {
    case 'led-around':
      expect(notedOf(outcome, 'rerouted')).toEqual(own);
      expect({ dropped, counted }).toEqual({ dropped: [], counted: [ALL, ALL, ALL, ALL] });
      expect(twiceOf(outcome)).toEqual(own.map((microbatch) => ({ microbatch, stagesTwice: [lost] })));
      break;
    case 'skipped':
      expect(notedOf(outcome, 'skipped')).toEqual(own);
      expect({ dropped, elsewhere }).toEqual({ dropped: [], elsewhere: [ALL, ALL, ALL] });
      expect(counted[lost]).toEqual([]);
      break;
    case 'broken-off':
      expect(dropped).toEqual(own);
      counted.slice(lost + 1).forEach((stage) => {
        expect(stage).toEqual(ALL);
      });
      counted.slice(1, lost + 1).forEach((stage) => {
        expect(stage).toEqual(without(own));
      });
      break;
    case 'sum-lost':
    case 'anchor-sum-lost':
      expect({ dropped, elsewhere }).toEqual({ dropped: [], elsewhere: [ALL, ALL, ALL] });
      expect(counted[lost]).toEqual(without(own));
      break;
    case 'given-up':
      expect(dropped).toEqual(own);
      expect(counted[0]).toEqual(without(own));
      break;
    case 'anew':
    case 'committed':
      expect({ dropped, counted }).toEqual({ dropped: [], counted: [ALL, ALL, ALL, ALL] });
      expect(outcome.commit.visitsCounted).toBe(outcome.commit.visitsComputed);
      break;
  }
  const led = new Set(outcome.simulation.events.flatMap((e) => (e.kind === 'leader' ? [e.peer] : [])));
  expect(led.size).toBe(victims.includes('p0') ? 2 : 1);
  expect(outcome.commit.attempt > 0).toBe(fate === 'anew');
}

/** What holds whoever fails. */
function expectSound(simulation: Simulation, iterations: number): void {
  expect([...simulation.ends.values()].every((end) => end.how === 'ended')).toBe(true);
  const commits = simulation.events.flatMap((event) => (event.kind === 'commit' ? [event.commit] : []));
  expect(new Set(commits.map((commit) => commit.iteration)).size).toBe(iterations);
  for (const { stages, visitsComputed, visitsCounted } of commits) {
    expect(visitsCounted).toBeLessThanOrEqual(visitsComputed);
    for (const { microbatches } of stages) expect(new Set(microbatches).size).toBe(microbatches.length);
  }
  for (const event of simulation.events) if (event.kind === 'ended') expect(event.divergences).toBe(0);
  expect(mostStagesTwicePerBreak(brokenPathWork(workOf(simulation)))).toBeLessThanOrEqual(1);
}

for (const row of ROWS) {
  describe(`${row.who} is lost: ${row.doing}`, () => {
    for (const { moment, fate } of momentsOf(row)) {
      it(`${moment}: ${fate.replaceAll('-', ' ')}`, async () => {
        const outcome = await breaking(faultsOf(row, moment));
        expect(outcome.broke).toBe(true);
        expectSound(outcome.simulation, ITERATIONS);
        expectFate(fate, outcome, row.victims);
        expect(goneOf(outcome.simulation)).toEqual(row.victims);
        expect(new Set(outcome.residuals)).toEqual(new Set([0]));
      });
    }
  });
}

describe('weights on their way to a newcomer', () => {
  for (const fault of TRANSFERS) {
    it(`${fault.who} is lost ${fault.when}`, async () => {
      const { seen, broke } = await transferring(fault);
      const { simulation } = seen;
      expect(broke).toBe(true);
      expectSound(simulation, TRANSFER_ITERATIONS);
      expect(fault.came(seen)).toEqual(fault.expected);
      const repairs = simulation.events.flatMap((event) => (event.kind === 'repair' ? [event.rule] : []));
      expect([...new Set(repairs)]).toEqual(fault.rule === undefined ? [] : [fault.rule]);
    });
  }
});

describe('docs/faults.md', () => {
  const text = readFileSync(new URL('../../../docs/faults.md', import.meta.url), 'utf8');
  for (const [name, table] of Object.entries(DOCUMENTED)) {
    it(`has the ${name} that are tested (node test/swarm/faults/write-docs.ts writes them)`, () => {
      expect(text).toContain(`<!-- ${name} -->\n${table()}\n<!-- end of ${name} -->`);
    });
  }
});
