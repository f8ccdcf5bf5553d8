// A peer's stage on its own disk, so that it can come back with it. Written now and then, never so often that it
// slows the training down.

import type { Clock } from '../seams/clock.ts';
import type { Store } from '../seams/store.ts';
import type { StageHolder } from './holder.ts';

export interface SavingParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly holder: StageHolder;
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
    const { clock, store, holder, failed } = this.#parts;
    const started = clock.now();
    try {
      await store.writeBlob(`stage-${holder.stage}`, holder.snapshot());
    } catch (error) {
      failed(`snapshot not written: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#savedAt = clock.now();
    this.#tookSeconds = this.#savedAt - started;
  }
}
