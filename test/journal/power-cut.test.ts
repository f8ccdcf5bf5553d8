// The disk store on a disk whose power fails at each step of its work, one after another.

import { describe, expect, it } from 'vitest';
import { createDiskStore } from '../../src/journal/disk-store.ts';
import { generator, stream } from '../../src/random/index.ts';
import type { Store } from '../../src/seams/store.ts';
import { createPowerCutDisk, type Luck, PowerCut, type PowerCutDisk } from './power-cut-files.ts';

const FOLDER = '/runs/mine/p1';

/** What a peer was told is on its disk. */
interface Told {
  /** Of the log, and what was asked for after that and not answered. */
  lines: string[];
  asked: readonly string[];
  ballot: number;
  askedBallot: number;
}

/** What a keeper writes: its vote and its entries, now and then a tail in place of another. */
async function work(store: Store, told: Told): Promise<void> {
  const ask = async (lines: readonly string[], call: Promise<void>): Promise<void> => {
    told.asked = lines;
    await call;
    told.lines = [...lines];
  };
  const vote = async (): Promise<void> => {
    const next = told.ballot + 1;
    told.askedBallot = next;
    await store.writeBlob('ballot', Uint8Array.of(next));
    told.ballot = next;
  };
  for (let round = 0; round < 2; round++) {
    const begun = told.lines;
    await ask([...begun, `a${round}`], store.appendLog('journal', `a${round}`));
    await vote();
    const [b, c] = [`b${round}`, `c${round}`];
    await ask([...told.lines, b, c], store.appendLog('journal', b, c));
    const kept = [...told.lines.slice(0, -1), `d${round}`];
    await ask(kept, store.replaceLog('journal', kept));
    await store.writeBlob(`chunk-${round}`, Uint8Array.of(round));
    await store.removeBlob(`chunk-${round}`);
  }
}

/** Does all of the work on a disk that loses its power at a step; gives what was told and what is there afterwards. */
async function workUntil(disk: PowerCutDisk, step: number, luck: Luck) {
  const told: Told = { lines: [], asked: [], ballot: 0, askedBallot: 0 };
  disk.cutAt(step, luck);
  await work(createDiskStore(FOLDER, disk.files), told).catch((error: unknown) => {
    if (!(error instanceof PowerCut)) throw error;
  });
  const cut = disk.isCut();
  disk.restart();
  const store = createDiskStore(FOLDER, disk.files);
  const [lines, ballot] = [await store.readLog('journal'), await store.readBlob('ballot')];
  await store.appendLog('journal', 'on');
  expect(await store.readLog('journal')).toEqual([...lines, 'on']);
  return { cut, told, lines, ballot: ballot === undefined ? 0 : ballot[0]! };
}

const startsWith = (lines: readonly string[], first: readonly string[]) =>
  first.every((line, i) => line === lines[i]);

/** What is on the disk though nobody asked for it, or is not though somebody was told; undefined where all is well. */
function problemOf({ told, lines, ballot }: Awaited<ReturnType<typeof workUntil>>): string | undefined {
  const isOneOf = [told.lines, told.asked].some((whole) => whole.join() === lines.join());
  const isBetween = startsWith(lines, told.lines) && startsWith(told.asked, lines); // while lines were appended
  if (!isOneOf && !isBetween) {
    return `the log has ${lines.join(' ')}; told: ${told.lines.join(' ')}, asked: ${told.asked.join(' ')}`;
  }
  if (ballot === told.ballot || ballot === told.askedBallot) return undefined;
  return `the ballot is ${ballot}, told: ${told.ballot}, asked: ${told.askedBallot}`;
}

/** Everything that is wrong after a cut at any step. */
async function problems(luck: () => Luck, ignore?: Parameters<typeof createPowerCutDisk>[0]) {
  const found: string[] = [];
  let steps = 0;
  for (let step = 1; ; step++) {
    const outcome = await workUntil(createPowerCutDisk(ignore), step, luck());
    if (!outcome.cut) return { found, steps };
    steps = step;
    const problem = problemOf(outcome);
    if (problem !== undefined) found.push(`step ${step}: ${problem}`);
  }
}

describe('the disk store, when the power fails', () => {
  it('has what it said that it has, whatever is left of what was not synced', async () => {
    const draw = generator(stream({ runSeed: 5, purpose: 'churn' }));
    const by: [string, () => Luck][] = [
      ['nothing', () => 'none'],
      ['everything', () => 'all'],
      ...Array.from(
        { length: 8 },
        (_, i) => [`by chance ${i}`, () => () => draw.uniform()] as [string, () => Luck],
      ),
    ];
    for (const [left, luck] of by) {
      const { found, steps } = await problems(luck);
      expect({ left, found }).toEqual({ left, found: [] });
      expect(steps).toBeGreaterThan(40);
    }
  });

  it('would lose what it said without a sync of its files, and of its folders', async () => {
    for (const ignore of ['sync of files', 'sync of folders'] as const) {
      const { found } = await problems(() => 'none', ignore);
      expect(found.length).toBeGreaterThan(5);
    }
  });
});
