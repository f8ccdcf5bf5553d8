// What zb-h1 and zb-h2 share: backward in an input half, which the peer before waits for, and a weight half, which
// nobody waits for before the update and which therefore fills what would be bubbles.
// Qi et al., "Zero Bubble Pipeline Parallelism" (ICLR 2024, arXiv 2401.10241), section 2 (handcrafted schedules).

import type { SwarmDescription } from '../description.ts';
import type { Plan, Task } from '../plan.ts';
import { recordPlan } from '../record.ts';
import { assignmentOf, roundRobinPaths } from '../wiring.ts';
import { type DepthRule, ownNumbers, pipelineDepth } from './depth.ts';

/**
 * Forwards and input halves take turns, a forward `ahead` of the input half it is paired with; a weight half runs
 * when neither can, or when memory has to become free for the next forward.
 */
export function zeroBubblePlan(
  policy: string,
  description: SwarmDescription,
  ahead: DepthRule,
  memory: DepthRule,
): Plan {
  const assignment = assignmentOf(description);
  const paths = roundRobinPaths(description, assignment);
  const aheadOf = pipelineDepth(description, assignment, ahead);
  const number = ownNumbers(paths);
  const later = 2 * paths.length + 2;
  const priority = (task: Task) => {
    switch (task.kind) {
      case 'head':
        return number(task) - later;
      case 'backward':
      case 'backward-input':
        return number(task);
      case 'forward':
      case 'recompute':
        return number(task) - aheadOf(task.peer) + 0.5;
      case 'backward-weight':
        return later + number(task);
      case 'exchange':
      case 'update':
        return 2 * later;
    }
  };
  return recordPlan(description, {
    policy,
    assignment,
    paths,
    splitBackward: true,
    chunks: 1,
    priority,
    inFlight: pipelineDepth(description, assignment, memory),
    ahead: aheadOf,
  });
}
