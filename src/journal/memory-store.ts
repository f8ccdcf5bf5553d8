// The Store member of simulations: a folder that lives in memory and outlasts the peer that wrote it.

import type { Store } from '../seams/store.ts';

export function createMemoryStore(): Store {
  const logs = new Map<string, string[]>();
  const blobs = new Map<string, Uint8Array>();
  return {
    readLog: async (name) => [...(logs.get(name) ?? [])],
    appendLog: async (name, line) => {
      const lines = logs.get(name) ?? [];
      logs.set(name, lines);
      lines.push(line);
    },
    replaceLog: async (name, lines) => {
      logs.set(name, [...lines]);
    },
    readBlob: async (name) => blobs.get(name)?.slice(),
    writeBlob: async (name, bytes) => {
      blobs.set(name, bytes.slice());
    },
  };
}
