// Weights on the move: known by their digests, fetched from several at once, kept when a source is lost or the fetcher
// starts again, refused with a reason.

import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../src/journal/memory-store.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { type SimulatedNetwork, SimulatedNetworks } from '../../src/network/simulated/network.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import { encodeChunkHeader } from '../../src/network/wire/codec.ts';
import type { Frame, FrameStream } from '../../src/seams/network.ts';
import { Donor } from '../../src/swarm/weights/donor.ts';
import { WEIGHT_CHUNK_BYTES, type WEIGHTS } from '../../src/swarm/protocols.ts';
import { createShelf } from '../../src/swarm/weights/shelf.ts';
import { type FetchRequest, fetchSnapshot, Partial } from '../../src/swarm/weights/transfer.ts';

/** Bytes of which no chunk is like another. */
function noise(length: number): Uint8Array {
  const made = new Uint8Array(length);
  for (let at = 0; at < length; at += WEIGHT_CHUNK_BYTES) {
    made.fill(1 + at / WEIGHT_CHUNK_BYTES, at, at + WEIGHT_CHUNK_BYTES);
    made[at + 1] = 200;
  }
  return made;
}

const bytes = noise(3 * WEIGHT_CHUNK_BYTES + 1234);

/** Changes a frame of a donor's; nothing in its place means that the stream breaks there. */
type Spoil = (frame: Frame, sent: number) => Frame | undefined;

interface DonorSettings {
  readonly spoil?: Spoil;
  readonly holds?: Uint8Array;
}

/** Donors of stage 2 at iteration 5, and a network for whoever fetches. */
function donating(donors: Readonly<Record<string, DonorSettings>>) {
  const world = new SimulatedWorld();
  const wires = new SimulatedNetworks(world, { latencySeconds: () => 0.01, bytesPerSecond: () => 1e8 });
  const sent: Record<string, number> = {};
  const named: string[] = [];
  const running = Object.entries(donors).map(([name, { spoil, holds = bytes }]) => {
    const network = wires.join(name);
    let frames = 0;
    sent[name] = 0;
    const donor = new Donor({
      network: spoil ? spoiling(network, (frame) => spoil(frame, ++frames)) : network,
      clock: world.clockOf(name),
      identity: createSimulatedIdentity(name),
      settled: async () => {},
      take: (stage) => (stage === 2 ? { iteration: 5, bytes: holds.slice() } : undefined),
      initial: (stage) => (stage === 3 ? holds.slice() : undefined),
      piece: () => undefined,
      wrong: () => {},
      mayAsk: (peer) => peer !== 'stranger',
      sent: (count) => {
        sent[name]! += count;
      },
    });
    donor.freeze(2);
    return donor;
  });
  const fetch = async (name: string, wanted: globalThis.Partial<FetchRequest> = {}) => {
    let settled = false;
    const fetching = fetchSnapshot({
      network: wires.node(name) ?? wires.join(name),
      identity: createSimulatedIdentity(name),
      clock: world.clockOf(name),
      from: Object.keys(donors),
      stage: 2,
      iteration: 5,
      maxBytes: 1e9,
      wrong: (peer) => named.push(peer),
      ...wanted,
    }).finally(() => {
      settled = true;
    });
    fetching.catch(() => {});
    await world.run(() => settled, world.now() + 600);
    return fetching;
  };
  return { donors: running, fetch, sent, named, world, wires };
}

/** A network whose answering streams send what `spoil` makes of each frame. */
function spoiling(network: SimulatedNetwork, spoil: (frame: Frame) => Frame | undefined) {
  return new Proxy(network, {
    get(target, name) {
      if (name !== 'handle') return Reflect.get(target, name, target);
      return (protocol: typeof WEIGHTS, handler: (stream: FrameStream) => void) =>
        target.handle(protocol, (stream) =>
          handler({
            remote: stream.remote,
            frames: () => stream.frames(),
            close: () => stream.close(),
            abort: (reason) => stream.abort(reason),
            send: async (frame) => {
              const changed = spoil(frame);
              if (changed) await stream.send(changed);
              else stream.abort(new Error('the line broke'));
            },
          }),
        );
    },
  });
}

/** The first frame is the offer. */
const changesChunk =
  (number: number): Spoil =>
  (frame, sent) => {
    if (sent !== number + 1) return frame;
    const payload = frame.payload.slice();
    payload[77]! ^= 1;
    return { header: frame.header, payload };
  };
const breaksAtChunk =
  (number: number): Spoil =>
  (frame, sent) =>
    sent > number ? undefined : frame;

/** Compared by value, without printing three megabytes when it differs. */
function isWhole(fetched: Uint8Array, expected = bytes): boolean {
  return Buffer.compare(fetched, expected) === 0;
}

const total = (sent: Readonly<Record<string, number>>) =>
  Object.values(sent).reduce((sum, one) => sum + one, 0);

describe('a snapshot', () => {
  it('arrives whole from a donor that froze it', async () => {
    const { fetch, sent } = donating({ dan: {} });
    const fetched = await fetch('ann');
    expect(fetched.iteration).toBe(5);
    expect(isWhole(fetched.bytes)).toBe(true);
    expect(sent).toEqual({ dan: bytes.length });
  });

  it('is the one that the run begins with when iteration 0 is asked for', async () => {
    const { fetch } = donating({ dan: {} });
    expect(isWhole((await fetch('ann', { stage: 3, iteration: 0 })).bytes)).toBe(true);
    const later = fetch('bob', { stage: 3, iteration: 1 });
    await expect(later).rejects.toThrow('no snapshot of stage 3 at iteration 1');
  });

  it('is whatever the donor has now when no iteration is asked for', async () => {
    expect(isWhole((await donating({ dan: {} }).fetch('ann', { iteration: undefined })).bytes)).toBe(true);
  });

  it('comes from all who have it at once, each chunk from one of them', async () => {
    const holds = noise(12 * WEIGHT_CHUNK_BYTES);
    const { fetch, sent } = donating({ dan: { holds }, eve: { holds }, fay: { holds } });
    const { bytes: fetched, bySource, againBytes } = await fetch('ann');
    expect(isWhole(fetched, holds)).toBe(true);
    expect([total(sent), againBytes]).toEqual([holds.length, 0]);
    expect(Object.fromEntries(bySource)).toEqual(sent);
    for (const share of Object.values(sent)) expect(share).toBeGreaterThanOrEqual(3 * WEIGHT_CHUNK_BYTES);
  });

  it('has equal chunks sent once: moments that are zero before the first step', async () => {
    const { fetch, sent } = donating({ dan: { holds: new Uint8Array(20 * WEIGHT_CHUNK_BYTES) } });
    expect((await fetch('ann')).bytes.length).toBe(20 * WEIGHT_CHUNK_BYTES);
    expect(sent).toEqual({ dan: WEIGHT_CHUNK_BYTES });
  });

  it('goes on from what has come when the only donor’s line breaks', async () => {
    const { fetch, sent } = donating({ dan: { spoil: (frame, sent) => (sent === 4 ? undefined : frame) } });
    const partial = new Partial();
    await expect(fetch('ann', { partial })).rejects.toThrow('could not be fetched from dan');
    expect(partial.missing().length).toBeLessThanOrEqual(3);
    expect(isWhole((await fetch('ann', { partial })).bytes)).toBe(true);
    expect(sent.dan).toBeLessThanOrEqual(bytes.length + WEIGHT_CHUNK_BYTES);
  });

  it('comes from the others when a donor is lost in the middle; little is sent twice', async () => {
    const holds = noise(12 * WEIGHT_CHUNK_BYTES);
    const { fetch, sent, named } = donating({ dan: { holds, spoil: breaksAtChunk(3) }, eve: { holds } });
    const { bytes: fetched, bySource } = await fetch('ann');
    expect(isWhole(fetched, holds)).toBe(true);
    expect(bySource.get('dan')).toBe(2 * WEIGHT_CHUNK_BYTES);
    expect(total(sent)).toBeLessThanOrEqual(holds.length + WEIGHT_CHUNK_BYTES);
    expect(named).toEqual([]);
  });

  it('comes from another, and its sender is named, when a chunk is not what its digest says', async () => {
    const holds = noise(12 * WEIGHT_CHUNK_BYTES);
    const { fetch, named } = donating({ dan: { holds, spoil: changesChunk(2) }, eve: { holds } });
    const { bytes: fetched, bySource, againBytes } = await fetch('ann');
    expect(isWhole(fetched, holds)).toBe(true);
    expect(named).toEqual(['dan']);
    expect(againBytes).toBe(WEIGHT_CHUNK_BYTES);
    expect(bySource.get('dan')).toBe(WEIGHT_CHUNK_BYTES);
  });

  it('is the one that most offer; who offers another is named', async () => {
    const other = bytes.slice();
    other[5]! ^= 1;
    const { fetch, named, sent } = donating({ dan: { holds: other }, eve: {}, fay: {} });
    expect(isWhole((await fetch('ann')).bytes)).toBe(true);
    expect(named).toEqual(['dan']);
    expect(sent.dan).toBe(0);
  });

  it('is not waited for where one of those who have it says nothing', async () => {
    const { fetch, world, wires } = donating({ dan: {}, eve: {} });
    wires.join('ann');
    world.freeze('dan');
    expect(isWhole((await fetch('ann')).bytes)).toBe(true);
    expect(world.now()).toBeLessThan(2);
  });

  it('is not fetched again after a restart as far as it has come', async () => {
    const holds = noise(9 * WEIGHT_CHUNK_BYTES + 5);
    const store = createMemoryStore();
    const { fetch, sent } = donating({
      dan: { holds, spoil: (frame, sent) => (sent === 7 ? undefined : frame) },
    });
    const partial = () => new Partial(createShelf(store, 2));
    await expect(fetch('ann', { partial: partial() })).rejects.toThrow('could not be fetched');
    sent.dan = 0;
    expect(isWhole((await fetch('ann', { partial: partial() })).bytes, holds)).toBe(true);
    expect(sent.dan).toBe(holds.length - 5 * WEIGHT_CHUNK_BYTES);
    expect(await store.readBlob('chunk-2-0')).toBeUndefined();
  });

  it('is not believed when something else comes than what was asked for', async () => {
    const wrong = { chunk: 'ab'.repeat(32), available: true, from: 0 };
    const spoil: Spoil = (frame, sent) =>
      sent === 2 ? { ...frame, header: encodeChunkHeader(wrong) } : frame;
    const { fetch, named } = donating({ dan: { spoil } });
    await expect(fetch('ann')).rejects.toThrow(/sends chunk abababababab where .* was asked for/);
    expect(named).toEqual(['dan']);
  });

  it('is refused with a reason: another iteration, another stage, a stranger, too large', async () => {
    const { fetch } = donating({ dan: {} });
    await expect(fetch('ann', { iteration: 4 })).rejects.toThrow('no snapshot of stage 2 at iteration 4');
    await expect(fetch('bob', { iteration: undefined, stage: 3 })).rejects.toThrow('does not hold stage 3');
    await expect(fetch('stranger')).rejects.toThrow('only members');
    await expect(fetch('cid', { maxBytes: 1000 })).rejects.toThrow('at most 1000 can be right');
  });

  it('is forgotten when the donor closes', async () => {
    const { donors, fetch } = donating({ dan: {} });
    await fetch('ann');
    expect(donors[0]!.frozen(2, 5)).toBeDefined();
    donors[0]!.close();
    expect(donors[0]!.frozen(2, 5)).toBeUndefined();
  });
});
