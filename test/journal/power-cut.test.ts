// The disk store on a disk whose power fails at each step of its work, one after another.

import { describe, expect, it } from 'vitest';
import { createDiskStore } from '../../src/journal/disk-store.ts';
import { GENESIS_PREVIOUS } from '../../src/journal/entry.ts';
import { Journal } from '../../src/journal/journal.ts';
import { makeEntries } from '../../src/journal/making.ts';
import type { JournalStart } from '../../src/journal/skeleton.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
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

describe('a journal that goes on from a summary', () => {
  it('is the old one or the new one, whenever the power fails, and what it voted stays', async () => {
    const ann = createSimulatedIdentity('ann');
    const leader = { kind: 'leader', peer: 'ann', reason: 'x' } as const;
    const genesis = { kind: 'genesis', runId: 'ab'.repeat(32), founder: 'ann' } as const;
    const bodies = [genesis, ...Array.from({ length: 9 }, () => leader)];
    const entries = await makeEntries(ann, bodies, 1, { index: -1, hash: GENESIS_PREVIOUS });
    const hashes = (from: number, to: number) => entries.slice(from, to).map(({ hash }) => hash);
    const start = (index: number): JournalStart => ({
      ...entries[index]!,
      keepers: ['ann'],
      certificate: undefined,
      summary: new Uint8Array(2).fill(32),
      skeleton: { entries: [entries[0]!], certificates: [] },
    });
    const open = (disk: PowerCutDisk) => Journal.open(ann, createDiskStore(FOLDER, disk.files));
    const found: Record<string, number> = {};
    for (const luck of ['none', 'all'] as const) {
      for (let step = 1, cut = true; cut; step++) {
        const disk = createPowerCutDisk();
        const journal = await open(disk);
        // it began in the middle already; its last entry it has signed for, and has not heard that it is certain
        await journal.begin(start(1), entries.slice(2, 4));
        for (let i = 2; i < 4; i++) journal.settle();
        await journal.prove({ index: 3, term: 1, hash: entries[3]!.hash, signatures: [] });
        await journal.write(4, entries.slice(4, 5));
        await journal.keepBallot({ term: 7, votedFor: 'bob' });
        disk.cutAt(disk.steps() + step, luck);
        await journal.begin(start(6), entries.slice(7, 9)).catch((error: unknown) => {
          if (!(error instanceof PowerCut)) throw error;
        });
        cut = disk.isCut();
        disk.restart();
        const again = await open(disk);
        expect(again.ballot).toEqual({ term: 7, votedFor: 'bob' });
        const is = again.first === 7 ? 'new' : 'old';
        expect(again.recent.map(({ hash }) => hash)).toEqual(is === 'new' ? hashes(7, 9) : hashes(2, 5));
        found[is] = (found[is] ?? 0) + 1;
        if (is === 'new') {
          const before = await createDiskStore(FOLDER, disk.files).readLog('journal-before-7');
          expect(before).toEqual(entries.slice(2, 5).map((entry) => Journal.line(entry)));
        }
      }
    }
    expect(found.old).toBeGreaterThan(10);
    expect(found.new).toBeGreaterThan(2);
  });
});
