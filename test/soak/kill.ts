// kill -9 at random moments of a small run of real processes, also while they start: every one that is started again
// goes on from the last commit, and no start finds a disk that it cannot read. At the end the journal of each is
// audited. Which peers are killed and after how long is drawn from the turn's number; what they do just then is not.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generator, stream } from '../../src/random/index.ts';
import { type SkeinProcess, Terminals } from '../e2e/processes.ts';
import { writeSmallRun } from '../e2e/small-run.ts';
import type { SoakMember } from './member.ts';

const PEERS = 3;
const KILLS_PER_TURN = 20;
/** A kill comes so long after the last restart at most: starting takes about half of it. */
const LATEST_SECONDS = 4;
/** A swarm that is whole again commits within this, also on a machine that is busy with something else. */
const PATIENCE_SECONDS = 90;

export const soak: SoakMember = {
  name: 'kill',
  async run(turn) {
    const ends: (() => Promise<void>)[] = [];
    const swarm = new KilledSwarm(new Terminals((cleanUp) => ends.push(cleanUp)));
    try {
      return await swarm.survive(turn);
    } finally {
      for (const end of ends) await end();
    }
  },
};

class KilledSwarm {
  readonly #terminals: Terminals;
  readonly #files: { manifest: string; text: string };
  readonly #processes: SkeinProcess[] = [];
  /** What was said to be committed, by iteration, in all lives of all processes. */
  readonly #commits = new Map<number, string>();
  readonly #read: number[] = [];
  readonly #last: number[] = Array.from({ length: PEERS }, () => 0);
  #invite = '';

  constructor(terminals: Terminals) {
    this.#terminals = terminals;
    this.#files = writeSmallRun(terminals, { iterations: 1_000_000, stages: PEERS });
  }

  async survive(turn: number): Promise<string> {
    const draw = generator(stream({ runSeed: turn, purpose: 'churn', index: 2 }));
    for (let peer = 0; peer < PEERS; peer++) {
      await this.#start(peer);
      if (peer > 0) await this.#processes[peer]!.line('active', undefined, { seconds: PATIENCE_SECONDS });
    }
    await this.#goesOn(0);
    let kills = 0;
    let early = 0;
    while (kills < KILLS_PER_TURN) {
      await new Promise((resume) => setTimeout(resume, 1000 * LATEST_SECONDS * draw.uniform()));
      const victims = [...this.#processes.keys()].filter(() => draw.uniform() < 0.5);
      if (victims.length === 0) continue;
      const told = this.#readAll();
      for (const peer of victims) {
        if (this.#processes[peer]!.all('running').length === 0) early++;
        this.#processes[peer]!.signal('SIGKILL');
      }
      for (const peer of victims) await this.#processes[peer]!.exited;
      this.#readAll();
      for (const peer of victims) await this.#start(peer);
      kills += victims.length;
      // now and then the next kill comes before the swarm is whole again
      if (draw.uniform() < 0.7) await this.#goesOn(told);
    }
    await this.#goesOn(this.#readAll());
    return this.#audited(kills, early);
  }

  async #start(peer: number): Promise<void> {
    const { manifest, text } = this.#files;
    const common = ['--json', '--data', text, '--dir', this.#folder(peer)];
    const args = peer === 0 ? ['found', manifest, ...common] : ['join', this.#invite, ...common];
    const started = this.#terminals.start(...args);
    this.#processes[peer] = started;
    this.#read[peer] = 0;
    if (peer === 0 && this.#invite === '') {
      ({ invite: this.#invite } = await started.line('invite', undefined, { seconds: PATIENCE_SECONDS }));
    }
  }

  #folder(peer: number): string {
    return join(this.#terminals.home, `peer-${peer}`);
  }

  /** Everyone has told of a commit after that one; whoever ends by itself makes this reject with its last words. */
  async #goesOn(after: number): Promise<void> {
    for (const process of this.#processes) {
      await process.line('commit', ({ commit }) => commit.iteration > after, { seconds: PATIENCE_SECONDS });
    }
    this.#readAll();
  }

  /** Reads what all have said since; gives the last iteration that was committed. */
  #readAll(): number {
    for (const [peer, process] of this.#processes.entries()) {
      const commits = process.all('commit');
      for (const { commit } of commits.slice(this.#read[peer])) {
        const { iteration } = commit;
        const said = JSON.stringify(commit);
        const isFirstOfLife = commit === commits[0]!.commit;
        // what it had told when it was killed and had no proof of on its disk is told again, the same
        if (iteration < this.#last[peer]! || (iteration === this.#last[peer] && !isFirstOfLife)) {
          throw new Error(`peer ${peer} is at iteration ${iteration} after ${this.#last[peer]}`);
        }
        if ((this.#commits.get(iteration) ?? said) !== said) {
          throw new Error(
            `iteration ${iteration} was committed in two ways:\n${this.#commits.get(iteration)}\n${said}`,
          );
        }
        this.#commits.set(iteration, said);
        this.#last[peer] = iteration;
      }
      this.#read[peer] = commits.length;
    }
    return Math.max(...this.#last);
  }

  async #audited(kills: number, early: number): Promise<string> {
    for (const process of this.#processes) process.signal('SIGKILL');
    for (const process of this.#processes) await process.exited;
    const iterations = this.#readAll();
    let entries = 0;
    for (let peer = 0; peer < PEERS; peer++) {
      const { stdout, stderr } = await this.#terminals.run('audit', this.#folder(peer), '--json');
      const audit = JSON.parse(stdout) as {
        verified: boolean;
        entries: number;
        firstBadEntry: number | null;
      };
      if (!(await isSound(audit, join(this.#folder(peer), 'journal.jsonl'))))
        throw new Error(`the journal of peer ${peer} is not sound: ${stdout}${stderr}`);
      entries = Math.max(entries, audit.entries);
    }
    return `${kills} kills, ${early} of them before the peer had started, ${iterations} iterations, ${entries} entries audited`;
  }
}

interface Audited {
  readonly verified: boolean;
  readonly entries: number;
  readonly firstBadEntry: number | null;
}

/** A last line that is torn is what a kill leaves and the next start cuts off; all before it has to be sound. */
async function isSound({ verified, entries, firstBadEntry }: Audited, journal: string): Promise<boolean> {
  if (verified) return true;
  const isTorn = (await readFile(journal)).at(-1) !== '\n'.charCodeAt(0);
  return isTorn && firstBadEntry === entries - 1;
}
