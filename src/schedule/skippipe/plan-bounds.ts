// The bounds that stand beside a plan: the quick ones always, the flow and the linear programs when they are asked for.

import type { SwarmDescription } from '../description.ts';
import { quickBounds } from './bounds.ts';
import { flowBound } from './flow-bound.ts';
import { instanceBelow } from './instance.ts';
import { schedulesBound } from './schedules.ts';
import { slotsBound } from './slots.ts';

export interface PlanBounds {
  /** Seconds. */
  readonly twoTrips: number;
  readonly busiestPeer: number;
  /** Only with full bounds, and where the instance is small enough. */
  readonly flow?: number;
  readonly slots?: number;
  readonly schedules?: number;
  /** The largest of them. */
  readonly seconds: number;
  /** Its name for people. */
  readonly by: string;
}

/** Lower bounds on every plan that keeps the rules, in the description's own times; with `full` also the flow and the linear programs, which take seconds. */
export function boundsOf(description: SwarmDescription, full: boolean): PlanBounds {
  const instance = instanceBelow(description);
  const { twoTrips, busiestPeer } = quickBounds(instance);
  const flow = full ? flowBound(instance) : undefined;
  const slots = full ? slotsBound(instance) : undefined;
  const schedules = full
    ? schedulesBound(instance, Math.max(twoTrips, busiestPeer, flow ?? 0, slots ?? 0))
    : undefined;
  const named: [string, number][] = [
    ['two trips', twoTrips],
    ['busiest peer', busiestPeer],
    ['flow', flow ?? 0],
    ['slots', slots ?? 0],
    ['schedules', schedules ?? 0],
  ];
  const [by, seconds] = named.reduce((most, next) => (next[1] > most[1] ? next : most));
  return {
    twoTrips,
    busiestPeer,
    ...(flow === undefined ? {} : { flow }),
    ...(slots === undefined ? {} : { slots }),
    ...(schedules === undefined ? {} : { schedules }),
    seconds,
    by,
  };
}
