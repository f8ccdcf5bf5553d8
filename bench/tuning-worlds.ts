// Where the fine-tuning benchmark trains: a swarm of four in virtual time, of which one leaves, one crashes and both come
// back, or one process that nobody leaves. `tuning-live.ts` has the swarm of processes.

import { createTimedEngine } from '../src/engine/cost/index.ts';
import { createOnnxEngine } from '../src/engine/onnx/index.ts';
import type { StagedModel } from '../src/model/export.ts';
import { createRealClock } from '../src/network/real-clock.ts';
import { createSimulatedIdentity } from '../src/network/simulated/identity.ts';
import { Simulation } from '../src/replay/simulation.ts';
import { trainSingle } from '../src/replay/single.ts';
import type { PeerEvent } from '../src/swarm/events.ts';
import type { Manifest } from '../src/swarm/manifest.ts';
import type { GivenWeights } from '../src/swarm/weights/obtaining.ts';
import type { SpamTask } from './spam.ts';

export const STAGES = 2;
export const REPLICAS = 2;
const SAID_EVERY = 25;

/** `p0` … `p3`, two a stage. */
export const peers = Array.from({ length: STAGES * REPLICAS }, (_, i) => ({
  name: `p${i}`,
  stage: Math.floor(i / REPLICAS),
}));

export interface Prepared {
  readonly manifest: Manifest;
  /** What the manifest was made of, as fields of a scenario file. */
  readonly fields: object;
  /** What the run begins with, as it was, and cut into the run's stages. */
  readonly model: StagedModel;
  readonly given: GivenWeights;
  readonly task: SpamTask;
}

export interface Tuned {
  readonly weights: GivenWeights;
  /** Fields for the benchmark's table. */
  readonly shown: Readonly<Record<string, unknown>>;
}

export type World = (prepared: Prepared, say: (line: string) => void) => Promise<Tuned>;

/** What a swarm's script does to its peers. */
export interface Script {
  readonly leave: (peer: string) => void;
  readonly crash: (peer: string) => void;
  readonly start: (peer: string) => void;
}

/** Follows a swarm by its peers' events: lets `p3` leave, `p1` crash and both come back, and sums up what was seen. */
export class Following {
  readonly #iterations: number;
  readonly #say: (line: string) => void;
  readonly #acts: Map<number, () => void>;
  readonly #contributed = new Map<string, number>();
  readonly #cameAndWent: string[] = [];
  #earlierBytes = 0;
  #divergences = 0;
  #iteration = 0;

  /** @param away the share of the iterations after which who went is started again */
  constructor(iterations: number, away: number, script: Script, say: (line: string) => void) {
    this.#iterations = iterations;
    this.#say = say;
    this.#acts = new Map([
      [Math.ceil(iterations * 0.3), () => script.leave('p3')],
      [Math.ceil(iterations * 0.4), () => script.crash('p1')],
      [Math.ceil(iterations * (0.3 + away)), () => script.start('p3')],
      [Math.ceil(iterations * (0.4 + away)), () => script.start('p1')],
    ]);
  }

  take(of: string, event: PeerEvent): void {
    if (event.kind === 'commit') {
      const before = this.#contributed.get(of) ?? 0;
      if (event.contributionBytes < before) this.#earlierBytes += before; // it was started anew
      this.#contributed.set(of, event.contributionBytes);
    }
    if (event.kind === 'out-of-step') this.#say(`${of} at iteration ${event.iteration}: ${event.problem}`);
    if (of !== 'p0') return;
    if (event.kind === 'gone') this.#cameAndWent.push(`${event.name} ${event.how}`);
    if (event.kind === 'active' && this.#iteration > 0) this.#cameAndWent.push(`${event.name} came back`);
    if (event.kind === 'ended') this.#divergences = event.divergences;
    if (event.kind !== 'commit') return;
    const { iteration, loss } = event.commit;
    this.#iteration = iteration;
    if (iteration % SAID_EVERY === 0)
      this.#say(`iteration ${iteration} of ${this.#iterations}, label loss ${loss?.toFixed(4)}`);
    this.#acts.get(iteration)?.();
  }

  shown() {
    let contributionBytes = this.#earlierBytes;
    for (const bytes of this.#contributed.values()) contributionBytes += bytes;
    const bytesPerIteration = Math.round((1e4 * contributionBytes) / this.#iterations) / 1e4;
    const cameAndWent = this.#cameAndWent.join(', ');
    return { contributionBytes, bytesPerIteration, divergences: this.#divergences, cameAndWent };
  }
}

const AWAY = 0.3;
const device = { flopsPerSecond: 2e10, efficiency: 0.5, memoryBytesPerSecond: 1e10, memoryBytes: 1e10 };

/** In virtual time, with real tensors. */
export const tuneSimulated: World = async ({ manifest, given, task }, say) => {
  const soon = (act: () => void) => simulation.world.after(0, '', act);
  const following = new Following(
    manifest.training.iterations,
    AWAY,
    {
      leave: (name) => soon(() => simulation.peer(name)?.leave()),
      crash: (name) => soon(() => simulation.crash(name)),
      start: (name) => soon(() => void simulation.start(name)),
    },
    say,
  );
  const simulation = new Simulation({
    manifest,
    text: task.training,
    given,
    peers: peers.map((peer) => ({ ...peer, hasText: true })),
    links: { latencySeconds: () => 0.01, bytesPerSecond: () => 1e7 },
    engine: async (_, clock, pending) =>
      createTimedEngine(clock, await createOnnxEngine({ inProcess: true }), device, { pending }),
    script: (event) => following.take(event.of, event),
  });
  await simulation.run(1e7);
  const weights = simulation.delivered!.map((stage) => new Float32Array(stage.weights));
  return { weights, shown: following.shown() };
};

/** The same run in one process: the steps of a swarm that nobody leaves. */
export const tuneAlone: World = async ({ manifest, given, task }, say) => {
  const { iterations } = manifest.training;
  const engines = await Promise.all(given.map(() => createOnnxEngine({ threads: 1, inProcess: true })));
  const parts = { manifest, given, engines, text: task.training, clock: createRealClock() };
  const stages = await trainSingle({
    ...parts,
    identity: createSimulatedIdentity('p0'),
    committed: (iteration, loss) => {
      if (iteration % SAID_EVERY === 0)
        say(`iteration ${iteration} of ${iterations}, label loss ${loss.toFixed(4)}`);
    },
  });
  for (const engine of engines) await engine.close();
  return { weights: stages.map((stage) => new Float32Array(stage.weights)), shown: {} };
};
