// Two peers over real libp2p on loopback: a stream opened, used and closed, or broken off in the middle, a thousand
// times. What a stream leaves behind, in bytes or in open streams, is a leak.

import { generateKey } from '../../src/network/libp2p/identity.ts';
import { createLibp2pNetwork, type Libp2pNetwork } from '../../src/network/libp2p/network.ts';
import { stream, uniform } from '../../src/random/index.ts';
import type { Protocol } from '../../src/seams/network.ts';
import { checkGrowth, type SoakMember } from './member.ts';

const TENSORS: Protocol = {
  id: '/skein-soak/tensors/1',
  traffic: 'bulk',
  maxHeaderBytes: 64,
  maxPayloadBytes: 1024 * 1024,
  maxInboundStreams: 8,
};
const FRAMES_PER_STREAM = 4;

export const soak: SoakMember = {
  name: 'stream-memory',
  ownProcess: true,
  async run(iteration) {
    const [a, b] = await Promise.all([createNetwork(), createNetwork()]);
    try {
      a.learn(b.self, b.addresses());
      b.handle(TENSORS, async (inbound) => {
        try {
          for await (const frame of inbound.frames()) await inbound.send(frame);
          await inbound.close();
        } catch {
          // Broken off, as every tenth stream is.
        }
      });
      const header = new Uint8Array(16);
      const seen = await checkGrowth({ steps: 1000, warmUpSteps: 500, allowedBytes: 32e6 }, async (index) => {
        const draw = stream({ runSeed: iteration, purpose: 'network', index });
        const outbound = await a.open(b.self, TENSORS);
        const answers = outbound.frames();
        for (let i = 0; i < FRAMES_PER_STREAM; i++) {
          const payload = new Uint8Array(Math.floor(uniform(draw, i) * 256 * 1024)).fill(i + 1);
          await outbound.send({ header, payload });
          const answer = await answers.next();
          if (answer.done || !sameBytes(answer.value.payload, payload))
            throw new Error('an echo is not the same');
        }
        if (uniform(draw, FRAMES_PER_STREAM) < 0.1) {
          outbound.abort(new Error('broken off'));
          return;
        }
        await outbound.close();
        const end = await answers.next();
        if (!end.done) throw new Error('a frame came that nobody sent');
      });
      const open = a.statistics().streams + b.statistics().streams;
      if (open > TENSORS.maxInboundStreams) throw new Error(`${open} streams are open after all were closed`);
      return seen;
    } finally {
      await Promise.all([a.close(), b.close()]);
    }
  },
};

async function createNetwork(): Promise<Libp2pNetwork> {
  return createLibp2pNetwork({ privateKey: await generateKey() });
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
