// What the disk store needs of a file system: calls of node:fs/promises, under their names, so that the same store runs
// on a simulated disk whose power can fail between any two of them (test/journal/power-cut-files.ts).

import { mkdir, open, readFile, rename, rm, truncate } from 'node:fs/promises';

/** A file, or a folder, that is open. */
export interface OpenFile {
  read(
    into: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number; readonly buffer: Buffer }>;
  /** Writes at the file's end where it was opened to append, else in place of all. */
  writeFile(data: string | Uint8Array): Promise<void>;
  truncate(length: number): Promise<void>;
  /** The bytes survive a power cut. */
  datasync(): Promise<void>;
  /** The same; of a folder: the names in it survive. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Files {
  /** Gives the first folder that it made, or undefined where all were there. */
  mkdir(folder: string, options: { readonly recursive: true }): Promise<string | undefined>;
  /** Rejects with the code ENOENT where there is no such file and the flags make none. */
  open(path: string, flags: 'r' | 'r+' | 'a' | 'w'): Promise<OpenFile>;
  readFile(path: string): Promise<Buffer>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { readonly force: true }): Promise<void>;
  truncate(path: string, length: number): Promise<void>;
}

/** This computer's. */
export const realFiles: Files = { mkdir, open, readFile, rename, rm, truncate };
