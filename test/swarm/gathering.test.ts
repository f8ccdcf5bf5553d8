// When a run begins: by who is there, who is missing, and for how long.

import { describe, expect, it } from 'vitest';
import type { EntryBody, MemberChange } from '../../src/journal/entry.ts';
import { Gathering, type Grace, noGrace } from '../../src/swarm/leading/gathering.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { smallManifest } from './small-run.ts';

const digest = '0'.repeat(64);
const manifest = { ...smallManifest({ stages: 2, replicas: 1 }), founder: 'ann' };

class Run {
  readonly state = new RunState();
  seconds = 100;
  #length = 0;

  constructor() {
    this.entry({ kind: 'genesis', runId: digest, founder: 'ann' });
    this.entry({ kind: 'leader', peer: 'ann', reason: '' });
  }

  entry(body: EntryBody): void {
    const index = this.#length++;
    const term = index === 0 ? 0 : 1;
    this.state.apply({ index, term, previous: digest, author: 'ann', body, hash: digest, signature: '' });
  }

  /** They hold these stages, ready to work. */
  comes(peer: string, stage: number): void {
    const origin = { kind: 'initial' } as const;
    const enters: MemberChange = { kind: 'enter', peer, name: peer, addresses: [], stage, origin };
    this.entry({ kind: 'members', changes: [enters] });
    this.entry({ kind: 'members', changes: [{ kind: 'active', peer }] });
  }

  goes(peer: string): void {
    this.entry({ kind: 'members', changes: [{ kind: 'gone', peer, how: 'left', reason: '' }] });
  }

  trains(iteration: number): void {
    this.entry({ kind: 'plan', iteration, attempt: 0, plan: {} });
    this.entry({
      ...{ kind: 'commit', iteration, attempt: 0, loss: 1, stages: [], dropped: [], weights: [] },
      ...{ visitsComputed: 0, visitsCounted: 0 },
    });
  }

  gathering({ waitForPeers = 2, grace = noGrace }: { waitForPeers?: number; grace?: Grace } = {}) {
    const clock = { now: () => this.seconds, schedule: () => () => {} };
    return new Gathering({ clock, state: this.state, manifest, grace, waitForPeers }, this.seconds);
  }
}

/** Ann and Bob hold the two stages of a run that has had an iteration, and Bob went. */
function withoutBob(): Run {
  const run = new Run();
  run.comes('ann', 0);
  run.comes('bob', 1);
  run.trains(1);
  run.goes('bob');
  return run;
}

describe('a run that gathers', () => {
  it('begins as soon as as many as it was founded for are there and every stage is held', () => {
    const run = new Run();
    const gathering = run.gathering();
    run.comes('ann', 0);
    expect(gathering.mayBegin()).toBe(false);
    run.comes('bob', 1);
    expect(gathering.mayBegin()).toBe(true);
  });

  it('says what it waits for once, and again when that has changed', () => {
    const run = new Run();
    const gathering = run.gathering({ waitForPeers: 3 });
    run.comes('ann', 0);
    expect(gathering.news()).toEqual({ ready: 1, wanted: 3, missingStages: [1] });
    expect(gathering.news()).toBeUndefined();
    run.comes('bob', 1);
    expect(gathering.news()).toEqual({ ready: 2, wanted: 3, missingStages: [] });
  });

  it('waits ten seconds for who came and went, and begins without it when every stage is held', () => {
    const run = new Run();
    const gathering = run.gathering({ waitForPeers: 3 });
    for (const [peer, stage] of [
      ['ann', 0],
      ['bob', 1],
      ['cid', 1],
    ] as const)
      run.comes(peer, stage);
    run.goes('cid');
    expect(gathering.mayBegin()).toBe(false);
    run.seconds += 9;
    expect(gathering.mayBegin()).toBe(false);
    run.seconds += 1;
    expect(gathering.mayBegin()).toBe(true);
  });

  it('waits without end for those who never came', () => {
    const run = new Run();
    const gathering = run.gathering({ waitForPeers: 3 });
    run.comes('ann', 0);
    run.comes('bob', 1);
    gathering.mayBegin();
    run.seconds += 3600;
    expect(gathering.mayBegin()).toBe(false);
  });

  it('that had begun skips a stage nobody holds, after those there had the chance to take it', () => {
    const run = withoutBob();
    const gathering = run.gathering();
    gathering.mayBegin();
    expect(gathering.enoughAreWaiting).toBe(false);
    run.seconds += 10;
    expect(gathering.mayBegin()).toBe(false);
    expect(gathering.enoughAreWaiting).toBe(true);
    expect(gathering.mayBegin()).toBe(true);
  });

  it('after a restart goes on as soon as all of before are back, and not before its grace has passed otherwise', () => {
    const back = { seconds: 8, peers: ['ann', 'bob'], sinceEntry: 1 };
    const run = new Run();
    run.comes('ann', 0);
    run.comes('bob', 1);
    expect(run.gathering({ grace: back }).mayBegin()).toBe(true);
    const late = run.gathering({ grace: { ...back, sinceEntry: 100 } }); // nobody has entered since
    expect(late.mayBegin()).toBe(false);
    run.seconds += 8;
    expect(late.mayBegin()).toBe(true);
  });

  it('that had begun waits a minute at most for members of before, if it has an anchor', () => {
    const run = withoutBob();
    const gathering = run.gathering({ waitForPeers: 5 });
    gathering.mayBegin();
    run.seconds += 61;
    expect(gathering.mayBegin()).toBe(true);
  });
});
