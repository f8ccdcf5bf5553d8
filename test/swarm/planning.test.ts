// Plans of a running swarm: made from what was committed, checked by everyone, computed again from the journal.

import { describe, expect, it } from 'vitest';
import { Journal } from '../../src/journal/journal.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import type { Entry } from '../../src/journal/entry.ts';
import type { Simulation } from '../../src/replay/simulation.ts';
import type { Manifest } from '../../src/swarm/manifest.ts';
import { auditPlans } from '../../src/swarm/plan-audit.ts';
import { type SmallRun, smallManifest, smallSimulation } from './small-run.ts';

const skipping: SmallRun = {
  iterations: 8,
  training: { policy: 'skippipe', skipRatio: 0.25 },
  // links of some length, no two alike, so that paths differ
  latencySeconds: (from, to) => 0.004 + 0.002 * ((7 * number(from) + 3 * number(to)) % 11),
};
const manifestOf = (run: SmallRun): Manifest => ({ ...smallManifest(run), founder: 'p0' });

function number(peer: string): number {
  return Number(peer.slice(1));
}

async function runOf(settings: SmallRun): Promise<{ simulation: Simulation; entries: Entry[] }> {
  const simulation = smallSimulation(settings);
  await simulation.run(600);
  const store = simulation.store('p7')!;
  const journal = await Journal.open(createSimulatedIdentity('p7'), store);
  const entries = [...journal.entries()];
  return { simulation, entries };
}

/** Two peers crash, one comes back: members change five times. */
function churn(): NonNullable<SmallRun['script']> {
  const done = new Set<number>();
  return (event, simulation) => {
    if (event.kind !== 'plan' || done.has(event.iteration)) return;
    done.add(event.iteration);
    if (event.iteration === 3) simulation.world.after(0.05, '', () => simulation.crash('p4'));
    if (event.iteration === 6) simulation.world.after(0.02, '', () => simulation.crash('p0'));
    if (event.iteration === 8) void simulation.start('p4');
  };
}

describe('plans of a running swarm', () => {
  it('are computed again from the journal to the byte, also when members come and go', async () => {
    const settings = { ...skipping, iterations: 14, script: churn() };
    const { simulation, entries } = await runOf(settings);
    expect(simulation.ends.get('p7')).toEqual({ how: 'ended' });
    const audited = [...auditPlans(entries, manifestOf(settings))];
    expect(audited.length).toBeGreaterThanOrEqual(14);
    expect(audited.filter(({ outcome }) => outcome.kind !== 'equal')).toEqual([]);
    const planners = entries.flatMap(({ body }) => (body.kind === 'plan' ? [body] : []));
    expect(planners.some(({ iteration, planner }) => planner!.measuredUpTo === iteration - 2)).toBe(true);
    expect(planners.some(({ planner }) => planner!.steps > 1_000)).toBe(true);
  });
});
