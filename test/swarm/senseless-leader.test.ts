// A leader, perhaps of another build, that orders plans which nobody can run: the others do not wait for it for ever.

import { expect, it } from 'vitest';
import { type Policy, policies } from '../../src/schedule/policies/index.ts';
import { smallSimulation } from './small-run.ts';

it('is named, not followed any more, and replaced; the iteration is planned anew by another', async () => {
  const policy: { plan: Policy['plan'] } = policies['1f1b'];
  const { plan } = policy;
  let leader = '';
  let iteration = 0;
  const simulation = smallSimulation({
    stages: 2,
    iterations: 5,
    script: (event) => {
      if (event.kind === 'leader') leader = event.peer;
      if (event.kind === 'commit') ({ iteration } = event.commit);
    },
  });
  try {
    policy.plan = (...given) => {
      const made = plan(...given);
      return leader === 'p0' && iteration >= 1 ? { ...made, policy: 'gpipe' } : made;
    };
    await simulation.run(600);
  } finally {
    policy.plan = plan;
  }
  const { events } = simulation;
  const named = events.flatMap((event) => (event.kind === 'misbehaved' ? [event] : []));
  expect(new Set(named.map(({ peer }) => peer))).toEqual(new Set(['p0']));
  expect(named[0]!.problem).toMatch(/the plan is of gpipe, the run of 1f1b/);
  const leaders = events.flatMap((event) =>
    event.of === 'p1' && event.kind === 'leader' ? [event.peer] : [],
  );
  expect(leaders).toHaveLength(2);
  expect(leaders[1]).not.toBe('p0');
  // it stays a member, and its work counts
  expect(events.filter(({ kind }) => kind === 'gone')).toEqual([]);
  const commits = events.flatMap((event) =>
    event.of === 'p0' && event.kind === 'commit' ? [event.commit] : [],
  );
  expect(commits.map((commit) => commit.iteration)).toEqual([1, 2, 3, 4, 5]);
  expect(commits.at(-1)!.stages[0]!.contributors).toContain('p0');
  // far sooner than an iteration is closed that stands still
  const last = events.findLast(({ kind }) => kind === 'commit')!;
  expect(last.at - named[0]!.at).toBeLessThan(20);
});
