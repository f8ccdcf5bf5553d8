// What a lost attempt at an iteration cost, counted from what peers say that they computed.

import { expect, it } from 'vitest';
import { type ComputedTask, tasksLetGo, type WorkEvent } from '../../src/swarm/training/repeated-work.ts';

const task = (microbatch: number, peer: string): ComputedTask => ({
  kind: 'forward',
  microbatch,
  stage: 1,
  peer,
});
const computed = (iteration: number, attempt: number, ...tasks: ComputedTask[]): WorkEvent => ({
  kind: 'computed',
  iteration,
  attempt,
  tasks,
});

it('what was computed in attempts that no commit counts is counted once, whoever tells of it', () => {
  const events = [
    computed(3, 0, task(0, 'a'), task(1, 'a')),
    computed(3, 0, task(1, 'a'), task(1, 'b')), // b saw what a did
    computed(3, 1, task(0, 'a'), task(1, 'b')), // the attempt that was committed
    computed(4, 0, task(0, 'a')), // not committed yet: it may be
  ];
  expect(tasksLetGo(events, (iteration) => (iteration === 3 ? 1 : undefined))).toBe(3);
});
