// The Store member of simulations: a disk that lives in memory and outlasts the peer that wrote it. Given a clock, its
// writes take time, so that a crash can come in the middle of one and find what a crash finds on a real disk: what was
// acknowledged is there, of what was under way some of the first lines, the last of them perhaps torn (Pillai et al.:
// All file systems are not created equal, OSDI 2014, for what may be left of an append and of a rename).

import type { Clock } from '../seams/clock.ts';
import { sleep } from '../seams/clock.ts';
import type { Store } from '../seams/store.ts';
import { checkLine, checkName } from './store-names.ts';

/** Both are on the disk, not only in the operating system's queue, before anybody is told. */
const APPEND_SECONDS = 0.001;
const REPLACE_SECONDS = 0.002;
const BYTES_PER_SECOND = 200e6;

/** How a peer crashes: its process is killed, or its machine loses its power and is silent from then on. */
export type CrashLoss = 'killed' | 'power';

export interface MemoryDisk {
  /** The disk as one life of a peer uses it; without a clock every write is done at once. */
  open(clock?: Clock): Store;
  /**
   * The life that uses it has ended in the middle of whatever it was writing.
   * @param uniform draws from [0, 1): how much of what was under way is left
   */
  crash(uniform: () => number): void;
}

interface Log {
  lines: string[];
  /** Begun after the last line when a crash came; cut off by whoever opens the log next. */
  torn: string;
}

/** A write that takes time: all of it, or what a crash leaves of it. */
interface Write {
  readonly apply: () => void;
  readonly tear: (share: number) => void;
}

/** An empty store whose writes are done at once; a peer that crashes and comes back is given the same one. */
export function createMemoryStore(): Store {
  return createMemoryDisk().open();
}

/** An empty disk. */
export function createMemoryDisk(): MemoryDisk {
  const logs = new Map<string, Log>();
  const blobs = new Map<string, Uint8Array>();
  /** The first of the writes that were asked for and are not done. */
  let underWay: Write | undefined;
  let life = 0;

  function logOf(name: string): Log {
    let log = logs.get(checkName(name));
    if (log === undefined) {
      log = { lines: [], torn: '' };
      logs.set(name, log);
    }
    return log;
  }

  function append(log: Log, lines: readonly string[]): void {
    log.torn = '';
    log.lines.push(...lines);
  }

  /** Of lines that were being appended only so many bytes are there. */
  function tear(log: Log, lines: readonly string[], length: number): void {
    let left = length;
    for (const line of lines) {
      if (left <= line.length) {
        log.torn = line.slice(0, left);
        return;
      }
      log.lines.push(line);
      left -= line.length + 1;
    }
  }

  function replace(log: Log, lines: readonly string[]): void {
    log.torn = '';
    log.lines = [...lines];
  }

  return {
    open(clock) {
      const mine = ++life;
      /** Writes of one life happen one after another. */
      let turn: Promise<void> | undefined;

      async function write(seconds: number, work: Write): Promise<void> {
        if (clock === undefined) {
          work.apply();
          return;
        }
        const before = turn;
        const mineDone = (async () => {
          await before;
          underWay = work;
          await sleep(clock, seconds);
          if (life !== mine) return;
          underWay = undefined;
          work.apply();
        })();
        turn = mineDone;
        await mineDone;
        if (turn === mineDone) turn = undefined;
      }

      return {
        readLog: async (name, from = 0, count = Number.POSITIVE_INFINITY) => {
          const log = logOf(name);
          await turn;
          log.torn = '';
          return log.lines.slice(from, from + count);
        },
        appendLog: async (name, ...lines) => {
          for (const line of lines) checkLine(line);
          const log = logOf(name);
          const length = lines.reduce((sum, line) => sum + line.length + 1, 0);
          await write(APPEND_SECONDS + length / BYTES_PER_SECOND, {
            apply: () => append(log, lines),
            tear: (share) => tear(log, lines, Math.floor(share * length)),
          });
        },
        replaceLog: async (name, lines) => {
          for (const line of lines) checkLine(line);
          const log = logOf(name);
          const kept = [...lines];
          const bytes = kept.reduce((sum, line) => sum + line.length, 0);
          await write(REPLACE_SECONDS + bytes / BYTES_PER_SECOND, {
            apply: () => replace(log, kept),
            tear: (share) => {
              if (share > 0.5) replace(log, kept); // renamed already, and the writer was not told
            },
          });
        },
        readBlob: async (name) => {
          checkName(name);
          await turn;
          return blobs.get(name)?.slice();
        },
        writeBlob: async (name, bytes) => {
          const copy = bytes.slice();
          checkName(name);
          await write(REPLACE_SECONDS + copy.length / BYTES_PER_SECOND, {
            apply: () => blobs.set(name, copy),
            tear: (share) => {
              if (share > 0.5) blobs.set(name, copy);
            },
          });
        },
        removeBlob: async (name) => {
          checkName(name);
          await write(APPEND_SECONDS, {
            apply: () => blobs.delete(name),
            tear: (share) => {
              if (share > 0.5) blobs.delete(name);
            },
          });
        },
      };
    },

    crash(uniform) {
      life++;
      underWay?.tear(uniform());
      underWay = undefined;
    },
  };
}
