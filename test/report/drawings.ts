// Timelines to draw: real plans on real descriptions.

import type { Drawing } from '../../src/report/drawing.ts';
import { describeSwarm } from '../../src/scenario/expand.ts';
import { parseScenario } from '../../src/scenario/schema.ts';
import type { SwarmDescription } from '../../src/schedule/description.ts';
import type { Plan } from '../../src/schedule/plan.ts';
import { type PolicyName, policies, policyNames } from '../../src/schedule/policies/index.ts';
import { networkOf, type Timeline, timeline } from '../../src/schedule/timeline.ts';

export interface Planned {
  readonly description: SwarmDescription;
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly drawing: Drawing;
}

export function describeText(text: string): SwarmDescription {
  const names = {
    policies: policyNames,
    codecs: ['dense-f32', 'eden'],
    activations: ['f32'],
    recovery: ['checkfree'],
  };
  const readFile = (path: string): string => {
    throw new Error(`${path} is not there`);
  };
  return describeSwarm(parseScenario(text, { file: 'test.yaml', names, readFile }));
}

/** Plans a scenario's text with a policy, as `skein plan` does. */
export function planText(text: string, policy: PolicyName): Planned {
  const description = describeText(text);
  const plan = policies[policy].plan(description, { seed: 1 });
  const result = timeline(plan, networkOf(description));
  return {
    description,
    plan,
    timeline: result,
    drawing: {
      scenario: 'a <test> & more',
      policy,
      peers: plan.peers,
      assignment: plan.assignment,
      tasks: plan.tasks.map((task, index) => ({
        ...task,
        start: result.start[index]!,
        end: result.end[index]!,
      })),
      transfers: result.transfers.map((transfer) => ({
        from: transfer.fromPeer,
        to: transfer.toPeer,
        fromTask: transfer.from,
        toTask: transfer.to,
        bytes: transfer.bytes,
        start: transfer.start,
        end: transfer.end,
      })),
      makespanSeconds: result.makespanSeconds,
      bubbleRatio: result.bubbleRatio,
    },
  };
}

export const uniform = (stages: number, microbatches: number, transferSeconds = 0, headAt = 'last') =>
  `training: { stages: ${stages}, microbatchesPerAnchor: ${microbatches}, headAt: ${headAt} }
peers: [{ count: ${stages} }]
costs: { forwardSeconds: 1, backwardInputSeconds: 1, backwardWeightSeconds: 1, headSeconds: ${headAt === 'anchor' ? 0.5 : 0}, transferSeconds: ${transferSeconds} }
`;

/** Two replicas a stage, all speeds and links different. */
export const uneven = `training: { stages: 3, microbatchesPerAnchor: 3 }
peers: [{ count: 6 }]
assignment: [[0, 3], [1, 4], [2, 5]]
costs:
  forwardSeconds: { perPeer: [1, 1.5, 0.7, 1.1, 0.9, 2] }
  backwardInputSeconds: { perPeer: [1.2, 1.4, 0.8, 1, 1.3, 2.2] }
  backwardWeightSeconds: 0.8
  headSeconds: 0.3
  gapSeconds: 0.05
  transferSeconds:
    - [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    - [0.3, 0, 0.1, 0.6, 0.2, 0.4]
    - [0.5, 0.3, 0, 0.2, 0.7, 0.1]
    - [0.2, 0.6, 0.4, 0, 0.3, 0.2]
    - [0.1, 0.5, 0.2, 0.4, 0, 0.6]
    - [0.4, 0.2, 0.3, 0.5, 0.1, 0]
`;
