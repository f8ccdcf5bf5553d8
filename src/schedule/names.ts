// How tasks and peers of a plan are called in messages to people.

import type { Names } from './execute/stall.ts';
import type { Plan } from './plan.ts';

/** "forward 17 of stage 2", "p3". */
export function namesOf(plan: Plan): Names {
  return {
    peer: (peer) => plan.peers[peer] ?? `peer ${peer}`,
    task(index) {
      const task = plan.tasks[index];
      if (task === undefined) return `task ${index}`;
      const chunk = plan.chunks > 1 && task.microbatch >= 0 ? ` chunk ${task.chunk}` : '';
      const which = task.microbatch >= 0 ? ` ${task.microbatch}` : '';
      return `${task.kind}${which} of stage ${task.stage}${chunk}`;
    },
  };
}
