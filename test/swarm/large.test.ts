// A swarm that is too large for anything that grows with the square of it, in virtual time and without tensors.

import { describe, expect, it } from 'vitest';
import { costSwarm } from '../../bench/simulation.ts';

const PEERS = 100;

describe('a swarm of a hundred', () => {
  it('comes in by few entries, and trains', async () => {
    let commits = 0;
    const simulation = costSwarm(PEERS, 1e6, (event) => {
      if (event.kind === 'commit' && event.of === 'p0') commits++;
    });
    await simulation.begin();
    await simulation.world.run(() => commits === 2, 60);
    const { journal, state } = simulation.peer('p0')!;
    expect(state.active()).toHaveLength(PEERS);
    const bodies = Array.from({ length: journal.length }, (_, index) => journal.at(index)!.body);
    const entering = bodies
      .map((body) => (body.kind === 'members' ? body.changes.filter(({ kind }) => kind === 'enter') : []))
      .filter((changes) => changes.length > 0);
    expect(entering.flat()).toHaveLength(PEERS);
    expect(entering.length).toBeLessThan(PEERS / 2);
  });
});
