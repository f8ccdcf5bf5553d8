// Random swarms for property tests: groups of unequal and of no size, several anchors, different speeds, links and
// memories, any place of the head.

import { fc } from '../property.ts';
import type { SwarmDescription } from '../../src/schedule/description.ts';

const seconds = fc.integer({ min: 0, max: 40 }).map((tenths) => tenths / 10);
const someSeconds = fc.integer({ min: 1, max: 40 }).map((tenths) => tenths / 10);
const rate = fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 20, max: 400 }));

/** Any swarm that policies must plan for. */
export const swarms: fc.Arbitrary<SwarmDescription> = fc
  .record({
    anchors: fc.integer({ min: 1, max: 3 }),
    others: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }),
  })
  .chain(({ anchors, others }) => {
    const stageSizes = [anchors, ...others];
    const stages = stageSizes.length;
    const count = stageSizes.reduce((sum, size) => sum + size, 0);
    const live = stageSizes.filter((size) => size > 0).length;
    const perStage = fc.array(someSeconds, { minLength: stages, maxLength: stages });
    const perPeer = <Value>(value: fc.Arbitrary<Value>) =>
      fc.array(value, { minLength: count, maxLength: count });
    const matrix = (value: fc.Arbitrary<number>) => perPeer(perPeer(value));
    return fc.record({
      peers: perPeer(
        fc.record({
          forwardSeconds: perStage,
          backwardInputSeconds: perStage,
          backwardWeightSeconds: perStage,
          headSeconds: seconds,
          gapSeconds: fc.constantFrom(0, 0, 0.1),
          memoryMicrobatches: fc.constantFrom(1, 2, 3, Number.POSITIVE_INFINITY),
        }),
      ).map((peers) => peers.map((peer, index) => ({ name: `p${index}`, ...peer }))),
      stages: fc.constant(stages),
      assignment: fc.constant(undefined),
      stageSizes: fc.constant(stageSizes),
      microbatchesPerAnchor: fc.integer({ min: 0, max: 6 }),
      pathLength: fc.integer({ min: 1, max: live }),
      swapBudget: fc.constant(2),
      largestJump: fc.constant(stages),
      headAt: fc.constantFrom('anchor' as const, 'last' as const),
      splitBackward: fc.boolean(),
      chunks: fc.integer({ min: 1, max: 3 }),
      activationBytes: fc.constantFrom(0, 100),
      gradientBytes: fc.constantFrom(0, 60),
      links: fc.record({
        latencySeconds: matrix(seconds),
        bytesPerSecond: matrix(rate),
        uploadBytesPerSecond: perPeer(rate),
        downloadBytesPerSecond: perPeer(rate),
        shared: fc.boolean(),
      }),
    });
  });

/** Swarms whose every group has a replica, so that the stages of a path are known. */
export const wholeSwarms = swarms.filter((swarm) => swarm.stageSizes.every((size) => size > 0));
