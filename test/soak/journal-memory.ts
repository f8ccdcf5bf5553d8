// A journal of a hundred thousand entries on a disk: what a peer keeps of it in memory does not grow with it, and it is
// the same after a restart. Beside it, the whole is read back in the portions in which others ask for it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDiskStore } from '../../src/journal/disk-store.ts';
import type { Certificate } from '../../src/journal/consensus/messages.ts';
import type { EntryBody } from '../../src/journal/entry.ts';
import { Journal } from '../../src/journal/journal.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { checkGrowth, type SoakMember } from './member.ts';

const ENTRIES = 100_000;
/** Ordered at once: a keeper's disk is asked to write them through each time. */
const BATCH = 100;
const ASKED = 500;

export const soak: SoakMember = {
  name: 'journal-memory',
  ownProcess: true,
  async run() {
    const folder = mkdtempSync(join(tmpdir(), 'skein-journal-'));
    try {
      const identity = createSimulatedIdentity('ann');
      const journal = await Journal.open(identity, createDiskStore(folder));
      const body: EntryBody = { kind: 'leader', peer: 'ann', reason: 'as long as a plan is '.repeat(40) };
      const batches = ENTRIES / BATCH;
      const warmUpSteps = batches / 10;
      const seen = await checkGrowth(
        { steps: batches - warmUpSteps, warmUpSteps, allowedBytes: 24e6 },
        async () => {
          const after = { index: journal.length - 1, hash: journal.lastHash };
          const entries = await journal.make(
            Array.from({ length: BATCH }, () => body),
            1,
            after,
          );
          await journal.write(journal.length, entries);
          for (const _ of entries) journal.settle();
          const { index, term, hash } = entries.at(-1)!;
          const signatures = [{ keeper: 'ann', signature: new Uint8Array(64) }];
          await journal.prove({ index, term, hash, signatures } satisfies Certificate);
        },
      );
      let lines = 0;
      for (let from = 0; from < journal.length; from += ASKED) {
        lines += (await journal.lines(from, from + ASKED)).length;
      }
      if (lines !== ENTRIES) throw new Error(`${lines} of ${ENTRIES} entries were read back`);
      let replayed = 0;
      const again = await Journal.open(identity, createDiskStore(folder), { replay: () => replayed++ });
      if (replayed !== ENTRIES || again.lastHash !== journal.lastHash) {
        throw new Error(`${replayed} of ${ENTRIES} entries were there after a restart`);
      }
      return `${journal.bytes} bytes, ${again.recent.length} entries in memory; ${seen}`;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
