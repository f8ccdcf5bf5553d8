// The Store member of simulations: a folder that lives in memory and outlasts the peer that wrote it.

import type { Store } from '../seams/store.ts';
import { checkLine, checkName } from './store-names.ts';

/** An empty store; a peer that crashes and comes back in a simulation is given the same one. */
export function createMemoryStore(): Store {
  const logs = new Map<string, string[]>();
  const blobs = new Map<string, Uint8Array>();
  return {
    readLog: async (name) => [...(logs.get(checkName(name)) ?? [])],
    appendLog: async (name, line) => {
      checkLine(line);
      const lines = logs.get(checkName(name)) ?? [];
      logs.set(name, lines);
      lines.push(line);
    },
    replaceLog: async (name, lines) => {
      for (const line of lines) checkLine(line);
      logs.set(checkName(name), [...lines]);
    },
    readBlob: async (name) => blobs.get(checkName(name))?.slice(),
    writeBlob: async (name, bytes) => {
      blobs.set(checkName(name), bytes.slice());
    },
  };
}
