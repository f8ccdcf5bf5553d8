// A swarm of real processes that a benchmark breaks and heals: the demo's peers, each one's view of the run out of its
// events, and waiting for what they say.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoModel, demoTraining } from '../src/cli/demo/model.ts';
import { DemoSwarm } from '../src/cli/demo/swarm.ts';
import { loadText } from '../src/cli/text.ts';
import { splitEvenly } from '../src/scenario/model.ts';
import type { PeerEvent } from '../src/swarm/events.ts';

export interface LiveSwarmSize {
  readonly peers: number;
  readonly stages: number;
}

/** One event as it was heard, `at` in seconds of this process's clock. */
export interface Heard {
  readonly of: string;
  readonly event: PeerEvent;
  readonly at: number;
}

interface View {
  readonly members: Map<string, { readonly name: string; readonly stage: number; readonly active: boolean }>;
  leader: string;
  iteration: number;
  /** Whether the last commit trained every stage. */
  whole: boolean;
}

const PATIENCE_SECONDS = 240;
/** The first iterations are slower than others. */
const WARM_UP = 6;

export const secondsNow = (): number => performance.now() / 1000;

/** Peers `p0`, `p1`, … on this machine that train the demo's model until they are closed. */
export class LiveSwarm {
  readonly names: readonly string[];
  readonly heard: Heard[] = [];
  readonly #size: LiveSwarmSize;
  readonly #out = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  readonly #views = new Map<string, View>();
  /** Who was killed or frozen and does not train again yet: a peer that comes back tells only what it missed. */
  readonly #away = new Set<string>();
  /** The peers' ids by name. */
  readonly #ids = new Map<string, string>();
  readonly #watchers = new Set<() => void>();
  /** Peers a stage as planned, and each peer's stage. */
  readonly #sizes: readonly number[];
  readonly #stages: readonly number[];
  #swarm: DemoSwarm | undefined;
  #failure: Error | undefined;

  constructor(size: LiveSwarmSize) {
    this.#size = size;
    this.#sizes = splitEvenly(size.peers, size.stages);
    this.#stages = this.#sizes.flatMap((count, stage) => Array.from({ length: count }, () => stage));
    this.names = this.#stages.map((_, index) => `p${index}`);
  }

  async start(): Promise<void> {
    const { stages } = this.#size;
    const manifestFile = join(this.#out, 'manifest.json');
    const textFile = join(this.#out, 'text.txt');
    const training = { ...demoTraining(this.#sizes), iterations: 1_000_000 };
    const settings = { name: 'bench', seed: 7, model: demoModel(stages), training };
    writeFileSync(manifestFile, JSON.stringify(settings));
    writeFileSync(textFile, (await loadText(undefined)).bytes);
    mkdirSync(join(this.#out, 'peers'));
    this.#swarm = new DemoSwarm({
      ...{ out: this.#out, manifestFile, textFile, modelFolder: join(this.#out, 'model'), from: undefined },
      peers: this.#stages.map((stage, index) => ({ name: this.names[index]!, stage })),
      event: (of, event) => this.#take({ of, event, at: secondsNow() }),
      died: (peer, how) => {
        this.#failure ??= new Error(`${peer.name} ended by itself (${how}): ${peer.said.join(' ')}`);
        this.#wake();
      },
    });
    await this.#swarm.start(new AbortController().signal);
    await this.until(
      'first iterations',
      () => [...this.#views.values()].some((view) => view.iteration >= WARM_UP) || undefined,
    );
    await this.settled();
  }

  async close(): Promise<void> {
    await this.#swarm?.stop();
    rmSync(this.#out, { recursive: true, force: true });
  }

  kill(name: string): void {
    this.#away.add(name);
    this.#swarm!.kill(name);
  }

  freeze(name: string): void {
    this.#away.add(name);
    this.#swarm!.freeze(name);
  }

  thaw(name: string): void {
    this.#swarm!.thaw(name);
  }

  /** Starts a killed peer again. */
  async again(name: string): Promise<void> {
    const peer = this.#swarm!.peers.get(name)!;
    await this.until(`the end of ${name}`, () => peer.exited || undefined);
    this.#swarm!.again(name, this.#vacancy());
  }

  /** Resolves when all peers are active, every stage is held, everyone says so, and all of it is trained. */
  async settled(): Promise<void> {
    await this.until('a settled swarm', () => this.#isSettled() || undefined);
    const { members, leader } = this.#newest();
    for (const name of this.#away) {
      const view = this.#views.get(name)!;
      this.#views.set(name, { ...view, members: new Map(members), leader });
    }
    this.#away.clear();
  }

  idOf(name: string): string {
    return this.#ids.get(name)!;
  }

  leader(): string {
    const leader = this.#newest().leader;
    return this.names.find((name) => this.#ids.get(name) === leader)!;
  }

  get stages(): number {
    return this.#size.stages;
  }

  holders(stage: number): string[] {
    const { members } = this.#newest();
    return this.names.filter((name) => members.get(this.#ids.get(name)!)?.stage === stage);
  }

  /** The iteration committed last, as any peer said. */
  iteration(): number {
    return this.#newest().iteration;
  }

  /** The first thing heard at or after `from` (a place in `heard`) that satisfies the condition. */
  hear(what: string, from: number, condition: (heard: Heard) => boolean): Promise<Heard> {
    let next = from;
    return this.until(what, () => {
      for (; next < this.heard.length; next++) if (condition(this.heard[next]!)) return this.heard[next];
      return undefined;
    });
  }

  /** Resolves with what `found` gives, asked again after every event. Rejects when it gives nothing for long. */
  until<T>(what: string, found: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        act();
      };
      const look = () => {
        const failure = this.#failure;
        if (failure !== undefined) return settle(() => reject(failure));
        const value = found();
        if (value !== undefined) settle(() => resolve(value));
      };
      const late = () =>
        settle(() => reject(new Error(`no ${what} within ${PATIENCE_SECONDS} s\n${this.#describe()}`)));
      const timer = setTimeout(late, PATIENCE_SECONDS * 1000);
      this.#watchers.add(look);
      look();
    });
  }

  #take(heard: Heard): void {
    const { of, event } = heard;
    this.heard.push(heard);
    const view = this.#views.get(of) ?? { members: new Map(), leader: '', iteration: 0, whole: false };
    this.#views.set(of, view);
    switch (event.kind) {
      case 'running':
        this.#ids.set(of, event.peer);
        break;
      case 'entered':
      case 'active': {
        const { peer, name, stage } = event;
        view.members.set(peer, { name, stage, active: event.kind === 'active' });
        break;
      }
      case 'gone':
        view.members.delete(event.peer);
        break;
      case 'leader':
        view.leader = event.peer;
        break;
      case 'commit':
        view.iteration = event.commit.iteration;
        view.whole =
          event.commit.stages.filter(({ contributors }) => contributors.length > 0).length ===
          this.#size.stages;
        break;
      default:
    }
    this.#wake();
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** The view of a peer that was there all the time and is the furthest. */
  #newest(): View {
    const steady = [...this.#views].flatMap(([name, view]) => (this.#away.has(name) ? [] : [view]));
    return steady.reduce((a, b) => (b.iteration > a.iteration ? b : a));
  }

  /** A stage with fewer holders than planned. */
  #vacancy(): number {
    return Math.max(
      0,
      this.#sizes.findIndex((size, stage) => this.holders(stage).length < size),
    );
  }

  #isSettled(): boolean {
    if (this.#views.size < this.names.length) return false;
    const { leader, iteration } = this.#newest();
    return [...this.#views].every(([name, view]) => {
      if (!view.whole || view.iteration < iteration - 1) return false;
      if (this.#away.has(name)) return true;
      const stages = [...view.members.values()].filter(({ active }) => active).map(({ stage }) => stage);
      // whoever took over a lost stage stays there, so groups need not be as large as they were planned
      const everyone = stages.length === this.names.length && new Set(stages).size === this.#size.stages;
      return everyone && view.leader === leader;
    });
  }

  /** For whoever reads why a benchmark failed. */
  #describe(): string {
    const views = [...this.#views].map(([of, view]) => {
      const members = [...view.members.values()].map(
        ({ name, stage, active }) => `${name}@${stage}${active ? '' : '?'}`,
      );
      return `${of}: iteration ${view.iteration}, ${members.join(' ')}`;
    });
    const said = this.heard
      .filter(({ event }) => event.kind !== 'commit' && event.kind !== 'plan')
      .slice(-20)
      .map(({ of, event }) => `${of} ${JSON.stringify(event).slice(0, 200)}`);
    return [...views, ...said].join('\n');
  }
}
