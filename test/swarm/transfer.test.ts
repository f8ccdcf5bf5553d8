// Weights on the move: checked chunk by chunk, resumed where they broke, refused with a reason.

import { describe, expect, it } from 'vitest';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { type SimulatedNetwork, SimulatedNetworks } from '../../src/network/simulated/network.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import { encodeChunkHeader } from '../../src/network/wire/codec.ts';
import type { Frame, FrameStream } from '../../src/seams/network.ts';
import { WEIGHT_CHUNK_BYTES, type WEIGHTS } from '../../src/swarm/protocols.ts';
import { Donor, fetchSnapshot } from '../../src/swarm/transfer.ts';

const bytes = Uint8Array.from({ length: 3 * WEIGHT_CHUNK_BYTES + 1234 }, (_, i) => (i * 31 + (i >> 9)) & 255);

/** A donor of stage 2 at iteration 5, and a network for whoever fetches; `spoil` may change what the donor sends. */
function pair(spoil?: (frame: Frame, stream: FrameStream, sent: number) => Frame | undefined) {
  const world = new SimulatedWorld();
  const wires = new SimulatedNetworks(world, { latencySeconds: () => 0.01, bytesPerSecond: () => 1e8 });
  const network = wires.join('donor');
  let sentBytes = 0;
  let framesSent = 0;
  const spoiled = spoil ? spoiling(network, (frame, stream) => spoil(frame, stream, ++framesSent)) : network;
  const donor = new Donor({
    network: spoiled,
    clock: world.clockOf('donor'),
    identity: createSimulatedIdentity('donor'),
    settled: async () => {},
    take: (stage) => (stage === 2 ? { iteration: 5, bytes: bytes.slice() } : undefined),
    initial: (stage) => (stage === 3 ? bytes.slice() : undefined),
    mayAsk: (peer) => peer !== 'stranger',
    sent: (count) => {
      sentBytes += count;
    },
  });
  const fetch = async (name: string, iteration: number | undefined, maxBytes = 1e9, stage = 2) => {
    const fetcher = wires.join(name);
    const identity = createSimulatedIdentity(name);
    let settled = false;
    const fetching = fetchSnapshot({
      network: fetcher,
      identity,
      clock: world.clockOf(name),
      from: 'donor',
      stage,
      iteration,
      maxBytes,
    });
    const watched = fetching.finally(() => {
      settled = true;
    });
    watched.catch(() => {});
    await world.run(() => settled, world.now() + 600);
    return watched;
  };
  return { donor, fetch, sentBytes: () => sentBytes };
}

/** A network whose answering streams send what `spoil` makes of each frame; nothing means the stream breaks there. */
function spoiling(
  network: SimulatedNetwork,
  spoil: (frame: Frame, stream: FrameStream) => Frame | undefined,
) {
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
              const changed = spoil(frame, stream);
              if (changed) await stream.send(changed);
              else stream.abort(new Error('the line broke'));
            },
          }),
        );
    },
  });
}

/** Compared by value, without printing three megabytes when it differs. */
function isWhole(fetched: Uint8Array): boolean {
  return Buffer.compare(fetched, bytes) === 0;
}

describe('a snapshot', () => {
  it('arrives whole from a donor that froze it', async () => {
    const { donor, fetch, sentBytes } = pair();
    donor.freeze(2);
    const fetched = await fetch('ann', 5);
    expect(fetched.iteration).toBe(5);
    expect(isWhole(fetched.bytes)).toBe(true);
    expect(sentBytes()).toBe(bytes.length);
  });

  it('is the one that the run begins with when iteration 0 is asked for', async () => {
    const { fetch } = pair();
    expect(isWhole((await fetch('ann', 0, 1e9, 3)).bytes)).toBe(true);
    await expect(fetch('bob', 1, 1e9, 3)).rejects.toThrow('no snapshot of stage 3 at iteration 1');
  });

  it('is whatever the donor has now when no iteration is asked for', async () => {
    expect(isWhole((await pair().fetch('ann', undefined)).bytes)).toBe(true);
  });

  it('goes on from the first missing chunk when the line breaks', async () => {
    const { donor, fetch, sentBytes } = pair((frame, _, sent) => (sent === 3 ? undefined : frame));
    donor.freeze(2);
    expect(isWhole((await fetch('ann', 5)).bytes)).toBe(true);
    expect(sentBytes()).toBeLessThanOrEqual(bytes.length + 2 * WEIGHT_CHUNK_BYTES);
  });

  it('is not believed when a chunk was changed on the way', async () => {
    const { donor, fetch } = pair((frame, _, sent) => {
      if (sent !== 2) return frame;
      const payload = frame.payload.slice();
      payload[77]! ^= 1;
      return { header: frame.header, payload };
    });
    donor.freeze(2);
    await expect(fetch('ann', 5)).rejects.toThrow(/chunk 0 does not match its digest/);
  });

  it('is not believed when chunks come out of order', async () => {
    const { donor, fetch } = pair((frame, _, sent) =>
      sent === 2 ? { ...frame, header: encodeChunkHeader({ chunk: 2 }) } : frame,
    );
    donor.freeze(2);
    await expect(fetch('ann', 5)).rejects.toThrow(/chunk 2 came out of order/);
  });

  it('is refused with a reason: another iteration, another stage, a stranger, too large', async () => {
    const { donor, fetch } = pair();
    donor.freeze(2);
    await expect(fetch('ann', 4)).rejects.toThrow('no snapshot of stage 2 at iteration 4');
    await expect(fetch('bob', undefined, 1e9, 3)).rejects.toThrow('does not hold stage 3');
    await expect(fetch('stranger', 5)).rejects.toThrow('only members');
    await expect(fetch('cid', 5, 1000)).rejects.toThrow('at most 1000 can be right');
  });

  it('is forgotten some time after it was frozen', async () => {
    const { donor, fetch } = pair();
    donor.freeze(2);
    await fetch('ann', 5);
    expect(donor.frozen(2, 5)).toBeDefined();
    donor.close();
    expect(donor.frozen(2, 5)).toBeUndefined();
  });
});
