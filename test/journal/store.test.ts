import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fc } from '../property.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { createDiskStore } from '../../src/journal/disk-store.ts';
import { createMemoryStore } from '../../src/journal/memory-store.ts';
import type { Store } from '../../src/seams/store.ts';

const folders: string[] = [];
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-store-'));
  folders.push(folder);
  return folder;
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const members: [string, () => Store][] = [
  ['memory', createMemoryStore],
  ['disk', () => createDiskStore(join(newFolder(), 'made', 'when', 'missing'))],
];

describe.each(members)('the %s store', (_, create) => {
  it('has nothing at first', async () => {
    const store = create();
    expect(await store.readLog('journal')).toEqual([]);
    expect(await store.readBlob('stage-1')).toBeUndefined();
  });

  it('gives back the lines of each log in the order in which they were appended', async () => {
    const store = create();
    const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' '));
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(line), async (lines) => {
        const log = `log-${round++}`;
        await Promise.all(lines.map((one) => store.appendLog(log, one)));
        expect(await store.readLog(log)).toEqual(lines);
      }),
      { numRuns: 20 },
    );
  });

  it('gives parts of a log, also while it grows and after it was replaced', async () => {
    const store = create();
    expect(await store.readLog('journal', 0, 5)).toEqual([]);
    const line = (index: number) => `${'é'.repeat(index % 7)} line ${index}`;
    const all = Array.from({ length: 50 }, (_, index) => line(index));
    await store.appendLog('journal', ...all.slice(0, 20));
    expect(await store.readLog('journal', 3, 4)).toEqual(all.slice(3, 7));
    await store.appendLog('journal', ...all.slice(20));
    expect(await store.readLog('journal', 18, 5)).toEqual(all.slice(18, 23));
    expect(await store.readLog('journal', 45)).toEqual(all.slice(45));
    expect(await store.readLog('journal', 48, 9)).toEqual(all.slice(48));
    expect(await store.readLog('journal', 50, 9)).toEqual([]);
    expect(await store.readLog('journal', 70, 9)).toEqual([]);
    await store.replaceLog('journal', all.slice(10, 13));
    expect(await store.readLog('journal', 1, 9)).toEqual(all.slice(11, 13));
  });

  it('replaces a log as a whole, between the appends before and after it', async () => {
    const store = create();
    await Promise.all([
      store.appendLog('journal', 'old'),
      store.replaceLog('journal', ['a', 'b']),
      store.appendLog('journal', 'c'),
    ]);
    expect(await store.readLog('journal')).toEqual(['a', 'b', 'c']);
    await store.replaceLog('journal', []);
    expect(await store.readLog('journal')).toEqual([]);
  });

  it('keeps the last of the blobs written under a name', async () => {
    const store = create();
    const blobs = Array.from({ length: 20 }, (_, i) => new Uint8Array(5000).fill(i));
    await Promise.all(blobs.map((blob) => store.writeBlob('stage-1', blob)));
    expect(await store.readBlob('stage-1')).toEqual(blobs[19]);
    await store.writeBlob('empty', new Uint8Array(0));
    expect(await store.readBlob('empty')).toEqual(new Uint8Array(0));
  });

  it('has no blob any more that was removed, and does not mind one that never was', async () => {
    const store = create();
    await store.writeBlob('chunk-1-0', Uint8Array.of(1));
    await Promise.all([store.removeBlob('chunk-1-0'), store.removeBlob('never')]);
    expect(await store.readBlob('chunk-1-0')).toBeUndefined();
    await store.writeBlob('chunk-1-0', Uint8Array.of(2));
    expect(await store.readBlob('chunk-1-0')).toEqual(Uint8Array.of(2));
  });

  it('keeps bytes as they were when they were written, and gives out copies', async () => {
    const store = create();
    const bytes = Uint8Array.of(1, 2, 3);
    await store.writeBlob('x', bytes);
    bytes[0] = 9;
    const read = await store.readBlob('x');
    expect(read).toEqual(Uint8Array.of(1, 2, 3));
    read!.fill(0);
    expect(await store.readBlob('x')).toEqual(Uint8Array.of(1, 2, 3));
  });

  it.each(['', '.', '..', '../x', 'a/b', 'a\\b', 'journal.jsonl', 'x.new', 'x'.repeat(101)])(
    'refuses the name "%s"',
    async (name) => {
      const store = create();
      await expect(store.readLog(name)).rejects.toThrow(/cannot name something in a store/);
      await expect(store.writeBlob(name, new Uint8Array(1))).rejects.toThrow(/cannot name/);
      await expect(store.removeBlob(name)).rejects.toThrow(/cannot name/);
    },
  );

  it('refuses a line that is two', async () => {
    const store = create();
    await expect(store.appendLog('journal', 'a\nb')).rejects.toThrow(/line break/);
    await expect(store.replaceLog('journal', ['a\nb'])).rejects.toThrow(/line break/);
    expect(await store.readLog('journal')).toEqual([]);
  });
});

describe('the disk store', () => {
  it('is there for the next process', async () => {
    const folder = newFolder();
    const store = createDiskStore(folder);
    await store.appendLog('journal', 'one');
    await store.writeBlob('stage-1', Uint8Array.of(7));
    const next = createDiskStore(folder);
    expect(await next.readLog('journal')).toEqual(['one']);
    expect(await next.readBlob('stage-1')).toEqual(Uint8Array.of(7));
    expect(readdirSync(folder).sort()).toEqual(['journal.jsonl', 'stage-1']);
  });

  it('cuts off a torn last line, before it reads and before it appends', async () => {
    const folder = newFolder();
    await createDiskStore(folder).appendLog('journal', 'whole');
    const file = join(folder, 'journal.jsonl');
    appendFileSync(file, '{"torn":');
    expect(await createDiskStore(folder).readLog('journal', 0, 5)).toEqual(['whole']);
    expect(await createDiskStore(folder).readLog('journal')).toEqual(['whole']);
    expect(readFileSync(file, 'utf8')).toBe('whole\n');
    appendFileSync(file, '{"torn":');
    const store = createDiskStore(folder);
    await store.appendLog('journal', 'next');
    expect(await store.readLog('journal')).toEqual(['whole', 'next']);
  });

  it('keeps the old blob when a process died before the new one was whole', async () => {
    const folder = newFolder();
    await createDiskStore(folder).writeBlob('stage-1', Uint8Array.of(1, 2));
    writeFileSync(join(folder, 'stage-1.new'), Uint8Array.of(9));
    const store = createDiskStore(folder);
    expect(await store.readBlob('stage-1')).toEqual(Uint8Array.of(1, 2));
    await store.writeBlob('stage-1', Uint8Array.of(3));
    expect(await store.readBlob('stage-1')).toEqual(Uint8Array.of(3));
  });

  it('has every line that it acknowledged before its process was killed, and blobs that are whole', async () => {
    const folder = newFolder();
    const script = `
      import { createDiskStore } from ${JSON.stringify(new URL('../../src/journal/disk-store.ts', import.meta.url).href)};
      const store = createDiskStore(${JSON.stringify(folder)});
      for (let i = 0; ; i++) {
        await store.appendLog('journal', 'line ' + i);
        await store.writeBlob('weights', new Uint8Array(100_000).fill(i));
        console.log(i);
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    let acknowledged = -1;
    for await (const line of createInterface(child.stdout)) {
      acknowledged = Number(line);
      if (acknowledged === 20) child.kill('SIGKILL');
    }
    await exited;
    const store = createDiskStore(folder);
    const lines = await store.readLog('journal');
    expect(lines.length).toBeGreaterThan(acknowledged);
    expect(lines).toEqual(lines.map((_, i) => `line ${i}`));
    const blob = await store.readBlob('weights');
    expect(blob).toHaveLength(100_000);
    expect(new Set(blob).size).toBe(1);
  });

  it('fails with the reason where the folder cannot be made', async () => {
    const file = join(newFolder(), 'file');
    writeFileSync(file, '');
    const store = createDiskStore(join(file, 'below'));
    await expect(store.readLog('journal')).rejects.toThrow(/ENOTDIR/);
    await expect(store.writeBlob('x', new Uint8Array(1))).rejects.toThrow(/ENOTDIR/);
  });
});
