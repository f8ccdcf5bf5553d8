// The Store member of live peers: a folder. Lines are appended to one file a log; blobs are written beside their old
// version and renamed over it, so that a killed process leaves the old bytes or the new ones. A name is on the disk when
// its folder is: after a rename, and after a file was made, the folder is synced too, or a power cut could bring the old
// bytes back (Pillai et al.: All file systems are not created equal, OSDI 2014, §4.4).

import { dirname, join, resolve } from 'node:path';
import type { Store } from '../seams/store.ts';
import { type Files, type OpenFile, realFiles } from './files.ts';
import { checkLine, checkName } from './store-names.ts';

const NEWLINE = 10;
const PIECE_BYTES = 1024 * 1024;

/** A store in `folder`, which is made when it is missing. One process at a time may use a folder. */
export function createDiskStore(folder: string, files: Files = realFiles): Store {
  const made = makeFolder(files, folder);
  // Whoever awaits a call hears of the failure.
  made.catch(() => {});
  const logFile = (name: string) => join(folder, `${checkName(name)}.jsonl`);
  const blobFile = (name: string) => join(folder, checkName(name));
  const turns = new Map<string, Promise<unknown>>();
  /** Logs whose torn end was cut off since this store was made. */
  const mended = new Set<string>();
  /** Logs whose names are known to be on the disk. */
  const named = new Set<string>();
  /** Where each line of a log begins and the last one ends, of those logs of which parts were read. */
  const starts = new Map<string, number[]>();

  async function startsOf(file: string): Promise<number[]> {
    const known = starts.get(file);
    if (known !== undefined) return known;
    const found = await findStarts(files, file);
    mended.add(file);
    starts.set(file, found);
    return found;
  }

  /** Calls on one file happen one after another, in the order in which they were made. */
  function inTurn<T>(file: string, work: () => Promise<T>): Promise<T> {
    const before = turns.get(file) ?? made;
    const turn = before.then(work, async () => {
      await made;
      return work();
    });
    turns.set(file, turn);
    const done = (): void => {
      if (turns.get(file) === turn) turns.delete(file);
    };
    turn.then(done, done);
    return turn;
  }

  return {
    async readLog(name, from, count = Number.POSITIVE_INFINITY) {
      const file = logFile(name);
      return inTurn(file, async () => {
        if (from !== undefined) return readPart(files, file, await startsOf(file), from, count);
        const bytes = await readIfThere(files, file);
        if (bytes === undefined) return [];
        await cutTornLine(files, file, bytes);
        mended.add(file);
        const lines = bytes
          .subarray(0, bytes.lastIndexOf(NEWLINE) + 1)
          .toString('utf8')
          .split('\n');
        lines.pop();
        return lines;
      });
    },
    async appendLog(name, ...lines) {
      for (const line of lines) checkLine(line);
      const file = logFile(name);
      await inTurn(file, async () => {
        if (!mended.has(file)) {
          const bytes = await readIfThere(files, file);
          if (bytes !== undefined) await cutTornLine(files, file, bytes);
          mended.add(file);
        }
        try {
          await append(files, file, lines.map((line) => `${line}\n`).join(''));
          if (!named.has(file)) await syncFolder(files, folder);
          named.add(file);
        } catch (error) {
          // A full disk may have taken half of it.
          mended.delete(file);
          starts.delete(file);
          throw error;
        }
        const known = starts.get(file);
        if (known) for (const line of lines) known.push(known.at(-1)! + Buffer.byteLength(line) + 1);
      });
    },
    async replaceLog(name, lines) {
      for (const line of lines) checkLine(line);
      const file = logFile(name);
      await inTurn(file, async () => {
        starts.delete(file);
        await replace(files, file, Buffer.from(lines.map((line) => `${line}\n`).join('')));
        await syncFolder(files, folder);
        mended.add(file);
      });
    },
    async readBlob(name) {
      const file = blobFile(name);
      return inTurn(file, async () => {
        const bytes = await readIfThere(files, file);
        return bytes && new Uint8Array(bytes);
      });
    },
    async writeBlob(name, bytes) {
      const file = blobFile(name);
      await inTurn(file, async () => {
        await replace(files, file, bytes);
        await syncFolder(files, folder);
      });
    },
    async removeBlob(name) {
      const file = blobFile(name);
      await inTurn(file, () => files.rm(file, { force: true }));
    },
  };
}

/** Makes a folder and those above it that are missing; their names are on the disk when it resolves. */
async function makeFolder(files: Files, folder: string): Promise<void> {
  const first = await files.mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = resolve(folder); ; made = dirname(made)) {
    await syncFolder(files, dirname(made));
    if (made === resolve(first) || made === dirname(made)) return;
  }
}

/** Codes of platforms and file systems that sync no folder: Windows opens none, and journals names by itself. */
const UNSYNCABLE: ReadonlySet<unknown> = new Set(['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EBADF']);

/** Has the names in a folder survive a power cut. */
async function syncFolder(files: Files, folder: string): Promise<void> {
  try {
    const handle = await files.open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && UNSYNCABLE.has(error.code))) throw error;
  }
}

/** Goes through a log once, in pieces, and cuts off what stands after its last whole line. */
async function findStarts(files: Files, file: string): Promise<number[]> {
  const found = [0];
  let handle: OpenFile;
  try {
    handle = await files.open(file, 'r+');
  } catch (error) {
    if (isMissing(error)) return found;
    throw error;
  }
  try {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    let at = 0;
    for (;;) {
      const { bytesRead } = await handle.read(piece, 0, piece.length, at);
      if (bytesRead === 0) break;
      for (let i = piece.indexOf(NEWLINE); i !== -1 && i < bytesRead; i = piece.indexOf(NEWLINE, i + 1)) {
        found.push(at + i + 1);
      }
      at += bytesRead;
    }
    if (found.at(-1)! < at) await handle.truncate(found.at(-1)!);
    return found;
  } finally {
    await handle.close();
  }
}

async function readPart(
  files: Files,
  file: string,
  starts: readonly number[],
  from: number,
  count: number,
): Promise<string[]> {
  const first = Math.min(from, starts.length - 1);
  const end = Math.min(first + count, starts.length - 1);
  const length = starts[end]! - starts[first]!;
  if (length === 0) return [];
  const handle = await files.open(file, 'r');
  try {
    const { buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, starts[first]!);
    return buffer.toString('utf8').split('\n').slice(0, -1);
  } finally {
    await handle.close();
  }
}

/** A process that was killed while it wrote leaves a torn last line: nobody was told that it is there. */
async function cutTornLine(files: Files, file: string, bytes: Buffer): Promise<void> {
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  if (end < bytes.length) await files.truncate(file, end);
}

/** The lines are on the disk, not only in its queue, when this resolves: a keeper answers for them. */
async function append(files: Files, file: string, text: string): Promise<void> {
  const handle = await files.open(file, 'a');
  try {
    await handle.writeFile(text);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function readIfThere(files: Files, file: string): Promise<Buffer | undefined> {
  try {
    return await files.readFile(file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** The new bytes are on the disk before the old ones lose their name. */
async function replace(files: Files, file: string, bytes: Uint8Array): Promise<void> {
  const beside = `${file}.new`;
  const handle = await files.open(beside, 'w');
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await files.rename(beside, file);
}
