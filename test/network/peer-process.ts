// A peer in a process of its own, for tests that kill or freeze it: prints its name and addresses as one JSON line,
// answers control frames with themselves and floods whoever opens a bulk stream.

import { generateKey } from '../../src/network/libp2p/identity.ts';
import { createLibp2pNetwork } from '../../src/network/libp2p/network.ts';
import { bulk, control, frame } from './compliance-protocols.ts';

const network = await createLibp2pNetwork({ privateKey: await generateKey() });
network.handle(control, async (stream) => {
  for await (const received of stream.frames()) await stream.send(received);
  await stream.close();
});
network.handle(bulk, async (stream) => {
  const payload = new Uint8Array(1024 * 1024).fill(7);
  while (true) await stream.send(frame('flood', payload));
});
// Whoever we flood or answer may be gone at any time.
process.on('unhandledRejection', () => {});
console.log(JSON.stringify({ self: network.self, addresses: network.addresses() }));
