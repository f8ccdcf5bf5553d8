// A run across real processes: founded in one terminal, joined from two others, and what happens to it when they are
// killed, stopped, frozen and started again.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importModel } from '../../src/model/export.ts';
import { expectOneLine } from '../cli/lines.ts';
import { readFolder, type SkeinProcess, slowness, Terminals } from './processes.ts';
import { writeSmallRun } from './small-run.ts';

const MEMORY_MICROBATCHES = 3;
const STAGES = 3;
/** A first useful line, or the word that a silent peer is gone: within this, on a machine that has nothing else to do. */
const SOON_SECONDS = 5;

/** A founder and two joiners, one for each stage, of which any can be started again with the same command. */
class SmallSwarm {
  readonly terminals = new Terminals();
  readonly model = join(this.terminals.home, 'model');
  readonly #files: { manifest: string; text: string };
  invite = '';

  constructor(iterations: number) {
    this.#files = writeSmallRun(this.terminals, { iterations, stages: STAGES });
  }

  startFounder(): SkeinProcess {
    const { manifest, text } = this.#files;
    return this.terminals.start('found', manifest, '--json', '--data', text, '--export', this.model);
  }

  async found(): Promise<SkeinProcess> {
    const founder = this.startFounder();
    ({ invite: this.invite } = await founder.line('invite'));
    return founder;
  }

  join(): SkeinProcess {
    const memory = ['--memory-microbatches', String(MEMORY_MICROBATCHES)];
    return this.terminals.start('join', this.invite, '--json', '--data', this.#files.text, ...memory);
  }

  /** Everyone, in the order of the stages they take when they start one after another. */
  async start(): Promise<[SkeinProcess, SkeinProcess, SkeinProcess]> {
    const founder = await this.found();
    const first = this.join();
    await first.line('active', ({ peer }) => peer === selfOf(first));
    const second = this.join();
    return [founder, first, second];
  }
}

function selfOf(process: SkeinProcess): string {
  return process.all('running')[0]?.peer ?? '';
}

function folderOf(process: SkeinProcess): string {
  return process.all('asking')[0]?.folder ?? process.all('invite')[0]?.folder ?? '';
}

/** Waits until `count` more iterations were committed. */
async function trainsOn(process: SkeinProcess, count: number): Promise<void> {
  const from = process.mark();
  const { iteration } = process;
  await process.line('commit', ({ commit }) => commit.iteration >= iteration + count, { from });
}

/** Waits for a commit, after that iteration's, in which every stage was trained. */
function trainsWhole(process: SkeinProcess, from: number, after = 0) {
  return process.line(
    'commit',
    ({ commit: { iteration, stages } }) =>
      iteration > after && stages.filter((stage) => stage.contributors.length > 0).length === STAGES,
    { from },
  );
}

describe('a run across processes', () => {
  it('outlives a killed peer, goes on after everyone stopped, and ends with an export', async () => {
    const factor = await slowness();
    const swarm = new SmallSwarm(150);
    let [founder, first, second] = await swarm.start();
    await trainsWhole(founder, 0);
    for (const process of [founder, first, second]) {
      expect(process.firstWordSeconds).toBeLessThan(SOON_SECONDS * factor);
    }
    await trainsOn(founder, 10);

    // kill -9: its stage is skipped and training goes on
    const lost = { peer: selfOf(first), folder: folderOf(first) };
    const stage = founder.all('active').find(({ peer }) => peer === lost.peer)!.stage;
    let from = founder.mark();
    first.signal('SIGKILL');
    await founder.line('gone', ({ peer }) => peer === lost.peer, { from });
    const skipping = await founder.line(
      'commit',
      ({ commit }) => commit.stages.every((trained) => trained.stage !== stage) && commit.loss !== null,
      { from },
    );
    expect(skipping.commit.stages.map((trained) => trained.stage)).toHaveLength(STAGES - 1);
    await trainsOn(founder, 3);

    // the same command: the same identity comes back in, and its stage trains again
    from = founder.mark();
    first = swarm.join();
    await founder.line('entered', ({ peer, stage: taken }) => peer === lost.peer && taken === stage, {
      from,
    });
    await founder.line('active', ({ peer }) => peer === lost.peer, { from });
    expect(folderOf(first)).toBe(lost.folder);
    expect(selfOf(first)).toBe(lost.peer);
    await trainsWhole(founder, from);

    // Ctrl-C everywhere
    await trainsOn(founder, 5);
    const before = { iteration: founder.iteration, losses: founder.losses };
    for (const process of [founder, first, second]) process.signal('SIGINT');
    for (const process of [founder, first, second]) expect(await process.end(10 * factor)).toBe(130);
    expect(readdirSync(lost.folder)).not.toContain('lock');

    // the same three commands: on from the last commit to the end
    founder = await swarm.found();
    [first, second] = [swarm.join(), swarm.join()];
    await founder.line('commit');
    const again = founder.all('commit')[0]!.commit;
    expect(again.iteration).toBeGreaterThan(before.iteration);
    expect(again.loss).toBeLessThan((before.losses[0]! + before.losses.at(-1)!) / 2);
    for (const process of [founder, first, second]) expect(await process.end(100)).toBe(0);
    expect(founder.iteration).toBe(150);

    // once it has ended, the same commands say so at once
    for (const process of [swarm.startFounder(), swarm.join()]) {
      expect(await process.end()).toBe(1);
      expectOneLine(process.stderr, /the run has ended; its journal is complete/);
      expect(process.all('invite')).toEqual([]);
    }

    // what who joined said of its memory is the limit of its plans
    const journal = readFolder(lost.folder).get('journal.jsonl')!.toString();
    expect(journal).toContain(`"memoryLimits":[null,${MEMORY_MICROBATCHES},${MEMORY_MICROBATCHES}]`);

    const model = importModel(readFolder(swarm.model));
    expect(model.stages.map(({ blocks }) => blocks)).toEqual([1, 1, 1]);
    expect(model.weights.every((weights) => weights.every(Number.isFinite))).toBe(true);
  }, 170_000);

  it('goes on when all were killed, when its founder comes back among the others, and when a peer stood still', async () => {
    const factor = await slowness();
    const swarm = new SmallSwarm(2000);
    let [founder, first, second] = await swarm.start();
    await trainsOn(founder, 60);

    // kill -9 everywhere, and the same three commands, the founder's last: on from snapshots of a few seconds ago
    const killed = { iteration: founder.iteration, losses: founder.losses };
    for (const process of [founder, first, second]) process.signal('SIGKILL');
    for (const process of [founder, first, second]) await process.exited;
    [first, second] = [swarm.join(), swarm.join()];
    founder = await swarm.found();
    // what had been agreed on and was not certain yet comes first
    const { commit: again } = await trainsWhole(founder, 0, killed.iteration + 1);
    expect(again.iteration).toBeGreaterThan(killed.iteration);
    expect(again.loss).toBeLessThan((killed.losses[0]! + killed.losses.at(-1)!) / 2);
    expect(new Set([selfOf(first), selfOf(second)]).size).toBe(2);

    // the founder alone, while the others wait for an anchor: it finds the run, and another leads it
    const without = first.iteration;
    const runId = founder.all('running')[0]!.runId;
    const gone = first.line('gone', ({ peer }) => peer === selfOf(founder), { from: first.mark() });
    founder.signal('SIGKILL');
    await gone;
    let from = first.mark();
    founder = await swarm.found();
    expect((await founder.line('running')).runId).toBe(runId);
    await first.line('active', ({ peer }) => peer === selfOf(founder), { from });
    await founder.line('commit', ({ commit }) => commit.iteration > without);
    expect([selfOf(first), selfOf(second)]).toContain(first.all('leader').at(-1)!.peer);

    // one that stands still is missed within seconds, and comes back when it goes on
    const leads = first.all('leader').at(-1)!.peer;
    const frozen = selfOf(first) === leads ? second : first;
    await first.line('keepers', ({ keepers }) => keepers.length === 3, { from });
    from = founder.mark();
    const frozenAt = performance.now();
    frozen.signal('SIGSTOP');
    await founder.line('gone', ({ peer }) => peer === selfOf(frozen), { from });
    expect(performance.now() - frozenAt).toBeLessThan(1000 * SOON_SECONDS * factor);
    await trainsOn(founder, 2);
    from = founder.mark();
    frozen.signal('SIGCONT');
    await founder.line('active', ({ peer }) => peer === selfOf(frozen), { from });
    await trainsWhole(founder, from);

    for (const process of [founder, first, second]) process.signal('SIGINT');
    for (const process of [founder, first, second]) expect(await process.end(10 * factor)).toBe(130);
  }, 170_000);
});
