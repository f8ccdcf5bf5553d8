// A disk whose power fails: it has everything that was written as long as it has power, and after a cut what was synced
// and, of the rest, whatever it is told to have (Pillai et al.: All file systems are not created equal, OSDI 2014).
// Bytes of a file are safe once the file was synced, names in a folder (made, renamed, removed) once the folder was.

import type { Files, OpenFile } from '../../src/journal/files.ts';

interface FileNode {
  readonly kind: 'file';
  bytes: Buffer;
  /** What a power cut leaves at least. */
  safe: Buffer;
}

interface FolderNode {
  readonly kind: 'folder';
  readonly names: Map<string, Node>;
  /** The names before the first change that was not synced, and those changes in their order. */
  safe: Map<string, Node>;
  changes: ((names: Map<string, Node>) => void)[];
}

type Node = FileNode | FolderNode;

export class PowerCut extends Error {
  override readonly name = 'PowerCut';
}

/** What is left of what was not synced: none of it, all of it, or by chance. */
export type Luck = 'none' | 'all' | (() => number);

export interface PowerCutDisk {
  readonly files: Files;
  /** Calls that changed something or made it safe, so far. */
  readonly steps: () => number;
  /** The power fails at the call with this number: it and all later ones are never done. */
  cutAt(step: number, luck: Luck): void;
  /** Whether the power failed. */
  readonly isCut: () => boolean;
  /** The power is back. */
  restart(): void;
}

const newFolder = (): FolderNode => ({ kind: 'folder', names: new Map(), safe: new Map(), changes: [] });

/** @param ignore syncs that do nothing on this disk: to see what they are worth */
export function createPowerCutDisk(ignore?: 'sync of files' | 'sync of folders'): PowerCutDisk {
  const root = newFolder();
  let steps = 0;
  let cutAt = Number.POSITIVE_INFINITY;
  let luck: Luck = 'none';
  let cut = false;

  /** Counts a call that matters for what a cut leaves. */
  function step(): void {
    if (cut) throw new PowerCut('there is no power');
    if (++steps < cutAt) return;
    cut = true;
    lose(root);
    throw new PowerCut(`the power failed at step ${steps}`);
  }

  function draw(): number {
    return luck === 'none' ? 0 : luck === 'all' ? 1 : luck();
  }

  /** What was not synced is gone, but for the first of it that luck leaves. */
  function lose(node: Node): void {
    if (node.kind === 'file') {
      node.bytes = remaining(node, draw());
      node.safe = node.bytes;
      return;
    }
    const kept = Math.round(draw() * node.changes.length);
    node.names.clear();
    for (const [name, of] of node.safe) node.names.set(name, of);
    for (const change of node.changes.slice(0, kept)) change(node.names);
    node.safe = new Map(node.names);
    node.changes = [];
    for (const inner of node.names.values()) lose(inner);
  }

  function remaining({ bytes, safe }: FileNode, share: number): Buffer {
    const grown = bytes.length > safe.length && bytes.subarray(0, safe.length).equals(safe);
    if (!grown) return share > 0.5 ? bytes : safe;
    return bytes.subarray(0, safe.length + Math.floor(share * (bytes.length - safe.length)));
  }

  function change(folder: FolderNode, apply: (names: Map<string, Node>) => void): void {
    apply(folder.names);
    folder.changes.push(apply);
  }

  const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '');

  function find(path: string): Node | undefined {
    let node: Node | undefined = root;
    for (const part of partsOf(path)) node = node?.kind === 'folder' ? node.names.get(part) : undefined;
    return node;
  }

  function placeOf(path: string): { folder: FolderNode; name: string } {
    const parts = partsOf(path);
    const name = parts.pop()!;
    const folder = find(parts.join('/'));
    if (folder?.kind !== 'folder') throw missing(path);
    return { folder, name };
  }

  function fileAt(path: string): FileNode {
    const node = find(path);
    if (node?.kind !== 'file') throw missing(path);
    return node;
  }

  function write(file: FileNode, bytes: Buffer): void {
    step();
    file.bytes = bytes;
  }

  function openFile(file: FileNode, appends: boolean): OpenFile {
    const sync = async (): Promise<void> => {
      step();
      if (ignore !== 'sync of files') file.safe = file.bytes;
    };
    return {
      read: async (into, offset, length, position) => {
        const bytesRead = file.bytes.copy(into, offset, position, position + length);
        return { bytesRead, buffer: into };
      },
      writeFile: async (data) => {
        const bytes = Buffer.from(data as Uint8Array);
        write(file, appends ? Buffer.concat([file.bytes, bytes]) : bytes);
      },
      truncate: async (length) => write(file, file.bytes.subarray(0, length)),
      datasync: sync,
      sync,
      close: async () => {},
    };
  }

  function openFolder(folder: FolderNode): OpenFile {
    const no = async (): Promise<never> => {
      throw Object.assign(new Error('EISDIR'), { code: 'EISDIR' });
    };
    return {
      read: no,
      writeFile: no,
      truncate: no,
      datasync: no,
      sync: async () => {
        step();
        if (ignore === 'sync of folders') return;
        folder.safe = new Map(folder.names);
        folder.changes = [];
      },
      close: async () => {},
    };
  }

  const files: Files = {
    mkdir: async (path) => {
      let made: string | undefined;
      const parts = partsOf(path);
      for (let i = 1; i <= parts.length; i++) {
        const here = `/${parts.slice(0, i).join('/')}`;
        if (find(here) !== undefined) continue;
        step();
        made ??= here;
        const { folder, name } = placeOf(here);
        const node = newFolder();
        change(folder, (names) => names.set(name, node));
      }
      return made;
    },
    open: async (path, flags) => {
      const found = find(path);
      if (found?.kind === 'folder') return openFolder(found);
      if (found !== undefined) {
        if (flags === 'w') write(found, Buffer.alloc(0));
        return openFile(found, flags === 'a');
      }
      if (flags === 'r' || flags === 'r+') throw missing(path);
      const { folder, name } = placeOf(path);
      step();
      const file: FileNode = { kind: 'file', bytes: Buffer.alloc(0), safe: Buffer.alloc(0) };
      change(folder, (names) => names.set(name, file));
      return openFile(file, flags === 'a');
    },
    readFile: async (path) => Buffer.from(fileAt(path).bytes),
    rename: async (from, to) => {
      const file = fileAt(from);
      const { folder, name } = placeOf(to);
      const { name: before } = placeOf(from);
      step();
      change(folder, (names) => {
        names.delete(before);
        names.set(name, file);
      });
    },
    rm: async (path) => {
      const { folder, name } = placeOf(path);
      if (!folder.names.has(name)) return;
      step();
      change(folder, (names) => names.delete(name));
    },
    truncate: async (path, length) => {
      const file = fileAt(path);
      write(file, file.bytes.subarray(0, length));
    },
  };

  return {
    files,
    steps: () => steps,
    cutAt: (at, how) => {
      cutAt = at;
      luck = how;
    },
    isCut: () => cut,
    restart: () => {
      cut = false;
      cutAt = Number.POSITIVE_INFINITY;
    },
  };
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
}
