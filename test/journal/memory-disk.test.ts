// What a crash leaves on a disk in memory.

import { describe, expect, it } from 'vitest';
import { createMemoryDisk } from '../../src/journal/memory-store.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';

/** A disk in use, some virtual seconds after `lines` were appended one after another. */
async function written(lines: readonly string[], secondsAgo: number) {
  const world = new SimulatedWorld();
  const disk = createMemoryDisk();
  const store = disk.open(world.clockOf('a'));
  let done = false;
  void (async () => {
    for (const line of lines) await store.appendLog('journal', line);
    world.after(secondsAgo, 'a', () => {
      done = true;
    });
  })();
  await world.run(() => done, 100);
  return { world, disk, store };
}

describe('a process that is killed', () => {
  it('finds everything that it was told of, and of what was under way all or nothing that can be read', async () => {
    for (const [share, left] of [
      [0.5, ['one', 'two']],
      [0, ['one', 'two']],
    ] as const) {
      const { disk, store } = await written(['one', 'two'], 0);
      void store.appendLog('journal', 'three');
      await Promise.resolve();
      disk.crash(() => share);
      expect(await disk.open().readLog('journal')).toEqual(left);
    }
  });

  it('finds the old or the new bytes of a blob that was being written', async () => {
    for (const [share, left] of [
      [0.2, 1],
      [0.8, 2],
    ] as const) {
      const world = new SimulatedWorld();
      const disk = createMemoryDisk();
      await disk.open().writeBlob('stage-1', Uint8Array.of(1));
      void disk.open(world.clockOf('a')).writeBlob('stage-1', Uint8Array.of(2));
      await Promise.resolve();
      disk.crash(() => share);
      expect(await disk.open().readBlob('stage-1')).toEqual(Uint8Array.of(left));
    }
  });
});

describe('a disk after a crash', () => {
  it('has every line that was acknowledged, however lately, and the first of those that were under way', async () => {
    for (const [share, left] of [
      [0, ['one', 'two']],
      [0.5, ['one', 'two', 'three']],
      [0.99, ['one', 'two', 'three', 'four']],
    ] as const) {
      const { disk, store } = await written(['one', 'two'], 0);
      void store.appendLog('journal', 'three', 'four', 'five');
      await Promise.resolve();
      disk.crash(() => share);
      expect(await disk.open().readLog('journal')).toEqual(left);
    }
  });

  it('goes on after what is left, as if nothing had been begun', async () => {
    const { disk, store } = await written(['one'], 0);
    void store.appendLog('journal', 'two');
    await Promise.resolve();
    disk.crash(() => 0.7);
    const next = disk.open();
    await next.appendLog('journal', 'again');
    expect(await next.readLog('journal')).toEqual(['one', 'again']);
  });
});
