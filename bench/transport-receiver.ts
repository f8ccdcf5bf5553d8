// The receiving process of the transport benchmark: a bare libp2p node and a skein network side by side. For each
// stream it counts bytes and, at its end, tells its parent how many came and how much CPU time that took.

import type { Stream } from '@libp2p/interface';
import { generateKey } from '../src/network/libp2p/identity.ts';
import { createLibp2pNetwork } from '../src/network/libp2p/network.ts';
import {
  BARE_BYTES,
  BARE_MESSAGES,
  createBareNode,
  MESSAGE_BYTES,
  type ReceiverMessage,
  TENSORS,
} from './transport-parts.ts';

const tell = (message: ReceiverMessage): void => {
  process.send?.(message);
};

// What the bare receivers do is done inside the event, so nothing waits and nothing has to be held back.
function receiveBare(stream: Stream, take: (chunk: Uint8Array) => void): void {
  const start = process.cpuUsage();
  let bytes = 0;
  stream.addEventListener('message', (event) => {
    bytes += event.data.byteLength;
    if (event.data instanceof Uint8Array) take(event.data);
    else for (const chunk of event.data) take(chunk);
  });
  stream.addEventListener('remoteCloseWrite', () => {
    tell({ kind: 'received', bytes, cpuSeconds: cpuSecondsSince(start) });
    stream.close();
  });
}

const bare = await createBareNode();
await bare.handle(BARE_BYTES, (stream) => receiveBare(stream, () => {}));
await bare.handle(BARE_MESSAGES, (stream) => {
  let message = new Uint8Array(MESSAGE_BYTES);
  let filled = 0;
  receiveBare(stream, (chunk) => {
    for (let taken = 0; taken < chunk.byteLength; ) {
      const count = Math.min(chunk.byteLength - taken, MESSAGE_BYTES - filled);
      message.set(chunk.subarray(taken, taken + count), filled);
      taken += count;
      filled += count;
      if (filled === MESSAGE_BYTES) {
        message = new Uint8Array(MESSAGE_BYTES);
        filled = 0;
      }
    }
  });
});

const network = await createLibp2pNetwork({ privateKey: await generateKey() });
network.handle(TENSORS, async (stream) => {
  const start = process.cpuUsage();
  let bytes = 0;
  for await (const frame of stream.frames()) bytes += frame.header.byteLength + frame.payload.byteLength;
  tell({ kind: 'received', bytes, cpuSeconds: cpuSecondsSince(start) });
  await stream.close();
});

function cpuSecondsSince(start: NodeJS.CpuUsage): number {
  const used = process.cpuUsage(start);
  return (used.user + used.system) / 1e6;
}

process.on('disconnect', () => process.exit());
tell({
  kind: 'ready',
  bareAddresses: bare.getMultiaddrs().map(String),
  peer: network.self,
  addresses: network.addresses(),
});
