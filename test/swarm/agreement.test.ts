// Whole swarms in virtual time: what the keepers of the journal agree on is there for good, whoever leads.

import { describe, expect, it } from 'vitest';
import type { Simulation, SimulatedPeerEvent } from '../../src/replay/simulation.ts';
import { type SmallRun, smallSimulation } from './small-run.ts';

const ITERATIONS = 16;

async function run(settings: SmallRun): Promise<Simulation> {
  const simulation = smallSimulation({ iterations: ITERATIONS, ...settings });
  await simulation.run(600);
  return simulation;
}

type Commit = Extract<SimulatedPeerEvent, { kind: 'commit' }>;

/** One history: every iteration once, the same at every peer, in order. */
function expectOneHistory(simulation: Simulation, iterations = ITERATIONS): void {
  const commits = simulation.events.filter((event): event is Commit => event.kind === 'commit');
  const said = new Map<number, string>();
  const last = new Map<string, number>();
  for (const { of, commit } of commits) {
    const text = JSON.stringify(commit);
    expect(said.get(commit.iteration) ?? text).toBe(text);
    said.set(commit.iteration, text);
    expect(commit.iteration).toBeGreaterThan(last.get(of) ?? 0);
    last.set(of, commit.iteration);
  }
  expect([...said.keys()].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: iterations }, (_, i) => i + 1),
  );
  for (const event of simulation.events) if (event.kind === 'ended') expect(event.divergences).toBe(0);
}

function keepersOf(simulation: Simulation): readonly string[] {
  const event = simulation.events.findLast((one) => one.kind === 'keepers');
  return event?.kind === 'keepers' ? event.keepers : [];
}

/** Calls back once, so many seconds after iteration `iteration` was planned first. */
function once(iteration: number, seconds: number, work: (simulation: Simulation) => void) {
  let armed = true;
  return (event: SimulatedPeerEvent, simulation: Simulation): void => {
    if (!armed || event.kind !== 'plan' || event.iteration !== iteration) return;
    armed = false;
    simulation.world.after(seconds, '', () => work(simulation));
  };
}

describe('the keepers of a run', () => {
  it('are five of eight peers, at most two of one stage, and each of their entries is proved', async () => {
    const simulation = await run({});
    expectOneHistory(simulation);
    const keepers = keepersOf(simulation);
    expect(keepers).toHaveLength(5);
    const stages = keepers.map((keeper) => Math.floor(Number(keeper.slice(1)) / 2));
    for (let stage = 0; stage < 4; stage++) {
      expect(stages.filter((one) => one === stage).length).toBeLessThanOrEqual(2);
    }
  });

  it('elect another leader within 5 s of losing theirs, at any moment of an iteration, and lose no commit', async () => {
    for (const seconds of [0.003, 0.06, 0.0875, 0.091]) {
      let crashedAt = 0;
      const simulation = await run({
        iterations: 9,
        script: once(6, seconds, ({ world, crash }) => {
          crashedAt = world.now();
          crash('p0');
        }),
      });
      expectOneHistory(simulation, 9);
      const next = simulation.events.find((event) => event.kind === 'leader' && event.term > 1);
      expect(next!.at - crashedAt).toBeLessThan(5);
    }
  });

  it('replace one that is expelled', async () => {
    const simulation = await run({ script: once(5, 0.02, ({ crash }) => crash('p2')) });
    expectOneHistory(simulation);
    expect(keepersOf(simulation)).toHaveLength(5);
    expect(keepersOf(simulation)).not.toContain('p2');
  });

  it('go on when two of them are lost at once', async () => {
    const simulation = await run({
      script: once(5, 0.02, ({ crash }) => {
        crash('p2');
        crash('p4');
      }),
    });
    expectOneHistory(simulation);
    expect(simulation.events.some((event) => event.kind === 'refounded')).toBe(false);
  });

  it('depose a leader that stood still; it follows when it goes on', async () => {
    const simulation = await run({
      iterations: 80,
      script: once(5, 0.02, ({ world }) => {
        world.freeze('p0');
        world.after(4, '', () => world.thaw('p0'));
      }),
    });
    expectOneHistory(simulation, 80);
    const terms = simulation.events.flatMap((event) => (event.kind === 'leader' ? [event.term] : []));
    expect(Math.max(...terms)).toBeGreaterThan(1);
    expect(simulation.ends.get('p0')).toEqual({ how: 'ended' });
  });

  it('let their leader go when it says goodbye: another leads at once', async () => {
    const simulation = await run({ script: once(5, 0.02, ({ peer }) => peer('p0')?.leave()) });
    expectOneHistory(simulation);
    expect(simulation.ends.get('p0')).toEqual({ how: 'left' });
    const next = simulation.events.find((event) => event.kind === 'leader' && event.term > 1);
    const left = simulation.events.find((event) => event.kind === 'gone' && event.peer === 'p0');
    expect(next!.at).toBeLessThan(left!.at);
  });
});

describe('when most keepers are gone for good', () => {
  it('the survivors found the run again, and its name says so', async () => {
    const lost = ['p0', 'p2', 'p4'];
    const simulation = await run({
      script: once(5, 0.02, ({ crash }) => {
        for (const name of lost) crash(name);
      }),
    });
    expectOneHistory(simulation);
    const refounded = simulation.events.filter((event) => event.kind === 'refounded');
    expect(new Set(refounded.map((event) => event.of))).toEqual(new Set(['p1', 'p3', 'p5', 'p6', 'p7']));
    expect(new Set(refounded.map((event) => event.run)).size).toBe(1);
    expect(refounded[0]!.run).toMatch(/^[0-9a-f]{64}\+[0-9a-f]{6}$/);
    expect([...refounded[0]!.lost].toSorted()).toEqual(lost);
    expect(keepersOf(simulation)).toHaveLength(5);
  });

  it('fewer than half of the members wait for the others', async () => {
    const simulation = smallSimulation({
      iterations: ITERATIONS,
      script: once(5, 0.02, ({ crash }) => {
        for (const name of ['p0', 'p2', 'p4', 'p6', 'p7']) crash(name);
      }),
    });
    await simulation.run(120).catch(() => {});
    expect(simulation.events.some((event) => event.kind === 'refounded')).toBe(false);
    const waiting = simulation.events.find((event) => event.kind === 'trying' && event.at > 5);
    expect(waiting).toMatchObject({ problem: expect.stringMatching(/keepers of the journal are gone/) });
    expect(simulation.running.map((peer) => peer.self)).toEqual(['p1', 'p3', 'p5']);
  });
});

describe('a newcomer whose contact is lost before it has read anything', () => {
  it('reads from the next leader, which it knows by its entries alone, at once', async () => {
    let lostAt = Number.POSITIVE_INFINITY;
    let readAfter = Number.POSITIVE_INFINITY;
    const simulation = smallSimulation({
      iterations: 3,
      script: (event, { crash, world }) => {
        if (event.kind === 'running' && event.of === 'p7') {
          lostAt = world.now();
          world.after(0, '', () => crash('p0'));
        }
        if (event.of === 'p7' && event.kind === 'leader' && event.peer !== 'p0' && readAfter > 1e9) {
          readAfter = world.now() - lostAt;
        }
      },
    });
    await simulation.run(600);
    expect(readAfter).toBeGreaterThan(0);
    expect(readAfter).toBeLessThan(6);
    expectOneHistory(simulation, 3);
    expect(simulation.ends.get('p7')).toEqual({ how: 'ended' });
  });
});
