// The Store member of simulations: a disk that lives in memory and outlasts the peer that wrote it. Given a clock, its
// writes take time, so that a crash can come in the middle of one and find what a crash finds on a real disk: a killed
// process loses at most what it was not told yet, perhaps torn in its last line; a machine without power also loses
// the last seconds of its logs, which nobody had flushed (Pillai et al.: All file systems are not created equal,
// OSDI 2014, for what may be left of an append and of a rename).

import type { Clock } from '../seams/clock.ts';
import { sleep } from '../seams/clock.ts';
import type { Store } from '../seams/store.ts';
import { checkLine, checkName } from './store-names.ts';

/** An append reaches the operating system, a replacement the disk. */
const APPEND_SECONDS = 0.0002;
const REPLACE_SECONDS = 0.002;
const BYTES_PER_SECOND = 200e6;
/** The operating system writes by itself what nobody flushes after this long. */
const WRITE_BACK_SECONDS = 5;

/** What a crash takes with it. */
export type CrashLoss =
  /** the process ends: what it was told to be written is there */
  | 'killed'
  /** the machine loses its power: what was appended to logs in the last seconds may be gone */
  | 'power';

export interface MemoryDisk {
  /** The disk as one life of a peer uses it; without a clock every write is done at once. */
  open(clock?: Clock): Store;
  /**
   * The life that uses it has ended in the middle of whatever it was writing.
   * @param uniform draws from [0, 1): how much of what was under way, or not flushed, is left
   * @returns what was lost
   */
  crash(loss: CrashLoss, uniform: () => number): { readonly torn: number; readonly lines: number };
}

interface Log {
  lines: string[];
  /** Begun after the last line when a crash came; cut off by whoever opens the log next. */
  torn: string;
  /** When the lines at the end that nobody flushed were appended. */
  readonly unflushed: number[];
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
  let now = (): number => 0;

  function logOf(name: string): Log {
    let log = logs.get(checkName(name));
    if (log === undefined) {
      log = { lines: [], torn: '', unflushed: [] };
      logs.set(name, log);
    }
    return log;
  }

  function append(log: Log, line: string): void {
    log.torn = '';
    log.lines.push(line);
    log.unflushed.push(now());
    while (log.unflushed[0]! < now() - WRITE_BACK_SECONDS) log.unflushed.shift();
  }

  function replace(log: Log, lines: readonly string[]): void {
    log.torn = '';
    log.lines = [...lines];
    log.unflushed.length = 0;
  }

  return {
    open(clock) {
      const mine = ++life;
      now = () => clock?.now() ?? 0;
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
        readLog: async (name) => {
          const log = logOf(name);
          await turn;
          log.torn = '';
          return [...log.lines];
        },
        appendLog: async (name, line) => {
          checkLine(line);
          const log = logOf(name);
          await write(APPEND_SECONDS + line.length / BYTES_PER_SECOND, {
            apply: () => append(log, line),
            tear: (share) => {
              log.torn = line.slice(0, Math.floor(share * line.length));
            },
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
      };
    },

    crash(loss, uniform) {
      life++;
      let lost = 0;
      const torn = underWay === undefined ? 0 : 1;
      if (loss === 'power') {
        for (const log of logs.values()) {
          const recent = log.unflushed.filter((at) => at >= now() - WRITE_BACK_SECONDS).length;
          const gone = Math.floor(uniform() * (recent + 1));
          log.lines.length -= gone;
          lost += gone;
        }
      }
      underWay?.tear(uniform());
      underWay = undefined;
      for (const log of logs.values()) log.unflushed.length = 0;
      return { torn, lines: lost };
    },
  };
}
