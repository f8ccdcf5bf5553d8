// Who keeps the journal, change by change, as a swarm grows, loses peers and moves them.

import { describe, expect, it } from 'vitest';
import { consensusRules } from '../../src/journal/consensus/rules.ts';
import type { EntryBody, MemberChange } from '../../src/journal/entry.ts';
import { keepersFor, mostInOneStage, nextKeepers } from '../../src/swarm/leading/keepers.ts';
import { RunState } from '../../src/swarm/run-state.ts';

const digest = '0'.repeat(64);

class Swarm {
  readonly state = new RunState();
  readonly lost = new Set<string>();
  readonly leaving = new Set<string>();
  readonly unheard = new Set<string>();
  wanted = 5;
  #index = 0;

  constructor() {
    this.say({ kind: 'genesis', runId: digest, founder: 'p0' }, 0);
    this.say({ kind: 'leader', peer: 'p0', reason: '' });
  }

  say(body: EntryBody, term = 1): void {
    const entry = { index: this.#index++, term, previous: digest, author: 'p0', body };
    this.state.apply({ ...entry, hash: digest, signature: '' });
  }

  change(...changes: MemberChange[]): void {
    this.say({ kind: 'members', changes });
  }

  enter(peer: string, stage: number): this {
    const origin = { kind: 'initial' as const };
    this.change({ kind: 'enter', peer, name: peer, addresses: [], stage, origin });
    this.change({ kind: 'active', peer });
    return this;
  }

  gone(peer: string): this {
    this.change({ kind: 'gone', peer, how: 'broken', reason: '' });
    return this;
  }

  /** Orders what is to be ordered until nothing is; gives how many changes it took. */
  settle(): number {
    for (let changes = 0; ; changes++) {
      const next = nextKeepers(this.state, {
        self: 'p0',
        wanted: this.wanted,
        alive: (peer) => !this.lost.has(peer),
        hears: (peer) => !this.unheard.has(peer),
        isLeaving: (peer) => this.leaving.has(peer),
      });
      if (next === undefined) return changes;
      expect(changes).toBeLessThan(20);
      expect(consensusRules.mayFollow(this.state.keepers, next)).toBe(true);
      expect(next).toContain('p0');
      this.say({ kind: 'keepers', keepers: next });
    }
  }

  perStage(): number[] {
    const counts = new Map<number, number>();
    for (const keeper of this.state.keepers) {
      const { stage } = this.state.member(keeper)!;
      counts.set(stage, (counts.get(stage) ?? 0) + 1);
    }
    return [...counts.values()];
  }
}

/** Peers over stages as a run fills them: two to a stage. */
function swarmOf(peers: number, replicas = 2): Swarm {
  const swarm = new Swarm();
  for (let i = 0; i < peers; i++) swarm.enter(`p${i}`, Math.floor(i / replicas));
  return swarm;
}

describe('the keepers of a journal', () => {
  it('are one, then three, then five, as the swarm grows', () => {
    expect([1, 2, 3, 4, 5, 6, 20].map((peers) => keepersFor(peers, 5))).toEqual([1, 1, 3, 3, 5, 5, 5]);
    expect(keepersFor(20, 4)).toBe(3);
    for (const [peers, keepers] of [
      [1, 1],
      [2, 1],
      [3, 3],
      [4, 3],
      [8, 5],
    ] as const) {
      const swarm = swarmOf(peers);
      swarm.settle();
      expect(swarm.state.keepers).toHaveLength(keepers);
    }
  });

  it('are spread: no stage has more than two, nor a majority', () => {
    for (const peers of [6, 8, 12, 20]) {
      for (const replicas of [1, 2, 3, 4]) {
        if (peers / replicas < 3) continue;
        const swarm = swarmOf(peers, replicas);
        swarm.settle();
        expect(Math.max(...swarm.perStage())).toBeLessThanOrEqual(mostInOneStage(5));
      }
    }
  });

  it('change one at a time when one is expelled: out with it, in with another', () => {
    const swarm = swarmOf(8);
    swarm.settle();
    const [, expelled] = swarm.state.keepers;
    expect(swarm.gone(expelled!).settle()).toBe(2);
    expect(swarm.state.keepers).toHaveLength(5);
    expect(swarm.state.keepers).not.toContain(expelled);
  });

  it('are replaced before they leave, and the leader names an heir before it does', () => {
    const swarm = swarmOf(8);
    swarm.settle();
    const [, leaver] = swarm.state.keepers;
    swarm.leaving.add(leaver!);
    swarm.settle();
    expect(swarm.state.keepers).not.toContain(leaver);
    expect(swarm.state.keepers).toHaveLength(5);

    const two = swarmOf(2);
    two.leaving.add('p0');
    two.settle();
    expect(two.state.keepers).toEqual(['p0', 'p1']);
  });

  it('move apart when they came together in one stage', () => {
    const swarm = swarmOf(8);
    swarm.settle();
    const moved = swarm.state.keepers.filter((keeper) => keeper !== 'p0').slice(0, 3);
    for (const keeper of moved) swarm.enter(keeper, 3);
    swarm.settle();
    expect(Math.max(...swarm.perStage())).toBeLessThanOrEqual(2);
    expect(swarm.state.keepers).toHaveLength(5);
  });

  it('become fewer with the swarm', () => {
    const swarm = swarmOf(5);
    swarm.settle();
    swarm.gone('p4').settle();
    expect(swarm.state.keepers).toHaveLength(3);
    swarm.gone('p3').gone('p2').settle();
    expect(swarm.state.keepers).toEqual(['p0']);
  });

  it('are not those of whom nothing was heard lately', () => {
    const swarm = swarmOf(8);
    for (const peer of ['p1', 'p2', 'p3', 'p4']) swarm.unheard.add(peer);
    swarm.settle();
    expect(swarm.state.keepers.toSorted()).toEqual(['p0', 'p5', 'p6', 'p7']);
    swarm.unheard.clear();
    swarm.settle();
    expect(swarm.state.keepers).toHaveLength(5);
  });

  it('are not those that are believed to be lost', () => {
    const swarm = swarmOf(8);
    for (const peer of ['p2', 'p3', 'p4', 'p5']) swarm.lost.add(peer);
    swarm.settle();
    expect(swarm.state.keepers.toSorted()).toEqual(['p0', 'p1', 'p6']);
  });
});
