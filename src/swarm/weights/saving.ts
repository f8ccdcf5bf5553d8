// A peer's stage on its own disk, so that it can come back with it, and beside it the copy that it keeps of another
// one. Written now and then, never so often that it slows the training down.

import type { Clock } from '../../seams/clock.ts';
import type { Store } from '../../seams/store.ts';
import type { StageHolder } from './holder.ts';
import { snapshotIteration } from './snapshot.ts';

/** A stage as a disk has it: held there, or kept as a copy beside another one. */
export interface StoredStage {
  readonly stage: number;
  readonly iteration: number;
  readonly copy: boolean;
}

const blobName = (stage: number, copy: boolean): string => `${copy ? 'copy' : 'stage'}-${stage}`;

/** The stages that a disk has, and how far each had come. */
export async function storedStages(store: Store, stages: number): Promise<StoredStage[]> {
  const found: StoredStage[] = [];
  for (let stage = 0; stage < stages; stage++) {
    for (const copy of [false, true]) {
      const bytes = await store.readBlob(blobName(stage, copy));
      const iteration = bytes && snapshotIteration(bytes);
      if (iteration !== undefined) found.push({ stage, iteration, copy });
    }
  }
  return found;
}

/** A stage's snapshot of that iteration as the disk has it; undefined when it has none. */
export async function readStored(
  store: Store,
  stage: number,
  iteration: number,
): Promise<Uint8Array | undefined> {
  for (const copy of [false, true]) {
    const bytes = await store.readBlob(blobName(stage, copy));
    if (bytes !== undefined && snapshotIteration(bytes) === iteration) return bytes;
  }
  return undefined;
}

export interface SavingParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly holder: StageHolder;
  /** Whether it is a copy beside the stage that this peer holds. */
  readonly copy: boolean;
  /** The snapshot could not be written; training goes on without it. */
  readonly failed: (problem: string) => void;
}

/** A snapshot is written at most this often, and at most this share of the time. */
const PAUSE_SECONDS = 2;
const SHARE = 0.02;

export class Saving {
  readonly #parts: SavingParts;
  #savedAt = Number.NEGATIVE_INFINITY;
  #tookSeconds = 0;
  #saving: Promise<void> | undefined;

  constructor(parts: SavingParts) {
    this.#parts = parts;
  }

  /** Begins to write the stage as it is now, unless it was written a short while ago. */
  saveWhenDue(): void {
    const due = this.#savedAt + Math.max(PAUSE_SECONDS, this.#tookSeconds / SHARE);
    if (this.#saving !== undefined || this.#parts.clock.now() < due) return;
    this.#saving = this.save().finally(() => {
      this.#saving = undefined;
    });
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.#saving;
  }

  /** Writes the stage as it is now; resolves when it is written or could not be. */
  async save(): Promise<void> {
    const { clock, store, holder, copy, failed } = this.#parts;
    const started = clock.now();
    try {
      await store.writeBlob(blobName(holder.stage!, copy), holder.snapshot());
    } catch (error) {
      failed(`snapshot not written: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#savedAt = clock.now();
    this.#tookSeconds = this.#savedAt - started;
  }
}
