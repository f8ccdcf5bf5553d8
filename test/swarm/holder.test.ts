// The stage that a peer holds, while it is being stepped.

import { describe, expect, it } from 'vitest';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import type { Clock } from '../../src/seams/clock.ts';
import type { Engine } from '../../src/seams/engine.ts';
import { initialStage, StageHolder } from '../../src/swarm/weights/holder.ts';
import { smallManifest } from './small-run.ts';

/** A stage of so many weights that a step is done in several parts. */
function largeManifest() {
  const manifest = { ...smallManifest({ stages: 2 }), founder: 'p0' };
  return { ...manifest, model: { ...manifest.model, width: 256, hidden: 512 } };
}

describe('a step over many weights', () => {
  it('gives way in between, and the stage is settled when it is that of the next iteration', async () => {
    const waiting: (() => void)[] = [];
    const clock: Clock = {
      now: () => 0,
      schedule: (_, resume) => {
        waiting.push(resume);
        return () => {};
      },
    };
    const engine: Partial<Engine> = { load: async () => {}, writeWeights: async () => {} };
    const holder = new StageHolder(
      largeManifest(),
      engine as Engine,
      clock,
      createSimulatedIdentity('holder'),
    );
    await holder.install(initialStage(holder.manifest, 1));
    const before = holder.weights().slice();
    const stepping = holder.step(1, new Float32Array(before.length).fill(0.01), 1, 1);
    let settledAt: number | undefined;
    const settling = holder.settled().then(() => {
      settledAt = holder.iteration;
    });
    while (waiting.length > 0) {
      const now = holder.weights();
      expect(now[0]).not.toBe(before[0]);
      expect(now.at(-1)).toBe(before.at(-1));
      expect(settledAt).toBeUndefined();
      waiting.shift()!();
      await new Promise((resume) => setImmediate(resume));
    }
    await Promise.all([stepping, settling]);
    expect(settledAt).toBe(1);
    expect(holder.weights().at(-1)).not.toBe(before.at(-1));
  });
});
