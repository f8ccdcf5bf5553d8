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
      disk.crash('killed', () => share);
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
      disk.crash('killed', () => share);
      expect(await disk.open().readBlob('stage-1')).toEqual(Uint8Array.of(left));
    }
  });
});

describe('a machine that loses its power', () => {
  it('loses the end of what was appended in the last seconds, and nothing older', async () => {
    const recent = await written(['one', 'two', 'three', 'four'], 1);
    expect(recent.disk.crash('power', () => 0.5)).toMatchObject({ lines: 2 });
    expect(await recent.disk.open().readLog('journal')).toEqual(['one', 'two']);
    const older = await written(['one', 'two'], 6);
    expect(older.disk.crash('power', () => 0.99)).toMatchObject({ lines: 0 });
    expect(await older.disk.open().readLog('journal')).toEqual(['one', 'two']);
  });

  it('goes on after what is left, as if nothing had been begun', async () => {
    const { disk, store } = await written(['one'], 0);
    void store.appendLog('journal', 'two');
    await Promise.resolve();
    disk.crash('killed', () => 0.7);
    const next = disk.open();
    await next.appendLog('journal', 'again');
    expect(await next.readLog('journal')).toEqual(['one', 'again']);
  });
});
