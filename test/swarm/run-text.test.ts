// The run's text at a peer that came without it: piece by piece from those who have it, each piece once.

import { describe, expect, it } from 'vitest';
import { describeText } from '../../src/data/index.ts';
import { createMemoryStore } from '../../src/journal/memory-store.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { SimulatedNetworks } from '../../src/network/simulated/network.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import type { Store } from '../../src/seams/store.ts';
import { Donor } from '../../src/swarm/weights/donor.ts';
import { RunText, storedText } from '../../src/swarm/weights/run-text.ts';
import { smallText } from './small-run.ts';

const { digest } = createSimulatedIdentity('anyone');
const description = describeText('small', smallText, digest);

/** Dan and Eve have the text; Ann fetches it, with a disk that may be full. */
function annFetches(store: Store, lying: readonly string[] = []) {
  const world = new SimulatedWorld();
  const wires = new SimulatedNetworks(world, { latencySeconds: () => 0.01, bytesPerSecond: () => 1e7 });
  const sent = { dan: 0, eve: 0 };
  const named: string[] = [];
  const textOf = (name: string, given: Uint8Array | undefined) =>
    new RunText({
      network: wires.node(name) ?? wires.join(name),
      clock: world.clockOf(name),
      identity: createSimulatedIdentity(name),
      store,
      description,
      given,
      sources: () => ['dan', 'eve'],
      fetched: () => {},
      wrong: (peer) => named.push(peer),
    });
  for (const name of ['dan', 'eve'] as const) {
    const text = textOf(name, smallText);
    const changed = (piece: Uint8Array | undefined) => piece?.map((byte, i) => (i === 9 ? byte ^ 1 : byte));
    new Donor({
      network: wires.node(name)!,
      clock: world.clockOf(name),
      identity: createSimulatedIdentity(name),
      settled: async () => {},
      take: () => undefined,
      initial: () => undefined,
      piece: (wanted) => (lying.includes(name) ? changed(text.piece(wanted)) : text.piece(wanted)),
      wrong: () => {},
      mayAsk: () => true,
      sent: (bytes) => {
        sent[name] += bytes;
      },
    });
  }
  const ann = textOf('ann', undefined);
  const fetch = async () => {
    let settled = false;
    const fetching = ann.fetch().finally(() => {
      settled = true;
    });
    fetching.catch(() => {});
    await world.run(() => settled, world.now() + 600);
    return fetching;
  };
  return { ann, fetch, sent, named };
}

describe('the text of a run', () => {
  it('comes in pieces from all who have it, and is there after a restart', async () => {
    const store = createMemoryStore();
    const { ann, fetch, sent } = annFetches(store);
    await fetch();
    expect(Buffer.compare(ann.bytes!, smallText)).toBe(0);
    expect(sent.dan + sent.eve).toBe(smallText.length);
    expect(Math.min(sent.dan, sent.eve)).toBeGreaterThan(smallText.length / 4);
    expect(Buffer.compare((await storedText(store, description, digest))!, smallText)).toBe(0);
  });

  it('is fetched on from the pieces that an earlier life has left', async () => {
    const store = createMemoryStore();
    let writes = 0;
    const full: Store = {
      ...store,
      writeBlob: (name, bytes) =>
        ++writes > 10 ? Promise.reject(new Error('the disk is full')) : store.writeBlob(name, bytes),
    };
    await expect(annFetches(full).fetch()).rejects.toThrow('the disk is full');
    expect(await storedText(store, description, digest)).toBeUndefined();
    const { fetch, sent } = annFetches(store);
    await fetch();
    expect(sent.dan + sent.eve).toBeLessThanOrEqual(smallText.length - 9 * description.pieceBytes);
  });

  it('is not taken from one that changes it', async () => {
    const { ann, fetch, named } = annFetches(createMemoryStore(), ['dan']);
    await fetch();
    expect(named).toEqual(['dan']);
    expect(Buffer.compare(ann.bytes!, smallText)).toBe(0);
  });
});
