// The Store member of live peers: a folder. Lines are appended to one file a log; blobs are written beside their old
// version and renamed over it, so that a killed process leaves the old bytes or the new ones.

import { appendFile, mkdir, open, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from '../seams/store.ts';

/** A store in `folder`, which is made when it is missing. */
export function createDiskStore(folder: string): Store {
  const made = mkdir(folder, { recursive: true });
  const logFile = (name: string) => join(folder, `${name}.jsonl`);
  return {
    async readLog(name) {
      await made;
      const bytes = await readIfThere(logFile(name));
      if (bytes === undefined) return [];
      const end = bytes.lastIndexOf(10) + 1;
      // a process that was killed while it wrote leaves a torn last line: nobody was told that it is there
      if (end < bytes.length) await truncate(logFile(name), end);
      return bytes.subarray(0, end).toString('utf8').split('\n').filter(Boolean);
    },
    async appendLog(name, line) {
      await made;
      await appendFile(logFile(name), `${line}\n`);
    },
    async replaceLog(name, lines) {
      await made;
      await replace(logFile(name), Buffer.from(lines.map((line) => `${line}\n`).join('')));
    },
    async readBlob(name) {
      await made;
      const bytes = await readIfThere(join(folder, name));
      return bytes && new Uint8Array(bytes);
    },
    async writeBlob(name, bytes) {
      await made;
      await replace(join(folder, name), bytes);
    },
  };
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The new bytes are on the disk before the old ones lose their name. */
async function replace(file: string, bytes: Uint8Array): Promise<void> {
  const beside = `${file}.new`;
  await writeFile(beside, bytes);
  const handle = await open(beside, 'r+');
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
}
