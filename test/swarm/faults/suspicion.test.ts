// One peer takes another for lost that lives, because nothing comes through from it: what becomes of the micro-batches
// of both, and that nobody waits until the iteration is closed.

import { expect, it } from 'vitest';
import { smallSimulation } from '../small-run.ts';

/** Within the small run's third iteration. */
const AT = 0.77;
/** Beyond the end of the run: the connection is given up, and none comes about in its place. */
const SECONDS = 60;

async function withoutWay(from: string, to: string) {
  const fault = { kind: 'one-way', at: AT, from: [from], to: [to], seconds: SECONDS } as const;
  const simulation = smallSimulation({ iterations: 6, faults: { seed: 1, faults: [fault] } });
  await simulation.run(600);
  const { events } = simulation;
  const commits = events.flatMap((event) =>
    event.kind === 'commit' && event.of === 'p0' ? [event.commit] : [],
  );
  return {
    suspicions: new Set(
      events.flatMap((event) => (event.kind === 'suspected' ? [`${event.of} ${event.peer}`] : [])),
    ),
    gone: events.filter((event) => event.kind === 'gone'),
    stuck: events.filter((event) => event.kind === 'leading' && event.note.kind === 'stuck'),
    dropped: commits.flatMap(({ dropped }) => dropped),
    iterations: commits.length,
    ended: [...simulation.ends.values()].every(({ how }) => how === 'ended'),
  };
}

it('an anchor that the last peer of its paths takes for lost hears that its micro-batches are given up', async () => {
  const { suspicions, gone, stuck, dropped, ...run } = await withoutWay('p1', 'p7');
  expect(suspicions).toEqual(new Set(['p7 p1', 'p1 p7']));
  expect(gone).toEqual([]);
  expect(stuck).toEqual([]);
  expect(dropped.length).toBeGreaterThanOrEqual(2);
  expect(new Set(dropped.map(({ reason }) => reason))).toEqual(new Set(['its anchor was lost']));
  expect(run).toEqual({ iterations: 6, ended: true });
});
