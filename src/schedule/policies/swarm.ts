// SWARM's stochastic wiring: every peer hands a micro-batch to the replica of the next stage that its own
// measurements favour, so that faster peers get proportionally more, and works in order of arrival.
// Ryabinin et al., "SWARM Parallelism" (ICML 2023, arXiv 2301.11913), section 3.2 and appendix on interleaved weighted
// round robin: each sender keeps a priority per receiver, picks the lowest and adds the receiver's response time.

import { generator, stream, streamIndices } from '../../random/index.ts';
import type { SwarmDescription } from '../description.ts';
import { transferSeconds } from '../execute/execution.ts';
import type { PathNode, Task } from '../plan.ts';
import { recordPlan } from '../record.ts';
import { assignmentOf, liveStages } from '../wiring.ts';
import type { Policy } from './policy.ts';

export const swarm: Policy = {
  name: 'swarm',
  idea: 'each hop goes to the replica with the best measured response, first come, first served',
  choose: 'peers of very different speed and no time to plan',
  source: 'Ryabinin et al., SWARM (ICML 2023), 3.2',
  closedForms: [],
  plansFromTimes: true,
  plan(description, { seed }) {
    const assignment = assignmentOf(description);
    const stages = liveStages(assignment);
    const anchors = assignment[0]!;
    const draw = generator(
      stream({ runSeed: seed, purpose: 'schedule', index: streamIndices.schedule.swarm }),
    );
    /** Per sender and stage: what each replica's priority has come to. */
    const priorities = new Map<string, number[]>();

    function next(from: number, stage: number): number {
      const group = assignment[stage]!;
      const key = `${from} ${stage}`;
      const responses = group.map((peer) => responseSeconds(description, from, peer, stage));
      let sums = priorities.get(key);
      if (sums === undefined) {
        // A random phase, so that senders do not all begin with the same receiver.
        sums = responses.map((seconds) => seconds * draw.uniform());
        priorities.set(key, sums);
      }
      let best = 0;
      for (let at = 1; at < sums.length; at++) if (sums[at]! < sums[best]!) best = at;
      sums[best]! += responses[best]!;
      return group[best]!;
    }

    const count = description.microbatchesPerAnchor * anchors.length;
    const paths = Array.from({ length: count }, (_, microbatch) => {
      const nodes: PathNode[] = [{ stage: 0, chunk: 0, peer: anchors[microbatch % anchors.length]! }];
      for (const stage of stages.slice(1)) {
        nodes.push({ stage, chunk: 0, peer: next(nodes[nodes.length - 1]!.peer, stage) });
      }
      return { microbatch, nodes };
    });
    return recordPlan(description, {
      policy: 'swarm',
      assignment,
      paths,
      splitBackward: description.splitBackward,
      chunks: 1,
      priority: firstComeFirstServed,
    });
  },
};

/** Equal priority for all work on micro-batches: order of arrival decides. */
export function firstComeFirstServed(task: Task): number {
  return task.kind === 'exchange' || task.kind === 'update' ? 1 : 0;
}

/** What a sender would measure at an idle receiver: there, the work both ways, and back. */
function responseSeconds(description: SwarmDescription, from: number, to: number, stage: number): number {
  const { links, activationBytes, peers } = description;
  const peer = peers[to]!;
  return (
    transferSeconds(links, from, to, activationBytes) +
    peer.forwardSeconds[stage]! +
    peer.backwardInputSeconds[stage]! +
    peer.backwardWeightSeconds[stage]! +
    transferSeconds(links, to, from, activationBytes)
  );
}
