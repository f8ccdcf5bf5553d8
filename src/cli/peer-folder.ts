// The folder of a peer on this machine: its key, where it listened last, its journal and snapshots, and a lock, so
// that two processes never use one identity.

import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { generateKey, keyFromBytes, keyToBytes, type PeerKey } from '../network/libp2p/identity.ts';
import { RunError, UsageError } from './errors.ts';
import { reasonOf } from './files.ts';

const LOCK = 'lock';

export interface PeerFolder {
  readonly path: string;
  readonly key: PeerKey;
  /** Addresses to listen at again, so that old invites stay good; none at the first start. */
  readonly lastListened: readonly string[];
  rememberListening(addresses: readonly string[]): void;
  release(): void;
}

/** Where peers live when --dir does not say: $SKEIN_HOME, or .skein in the home folder. */
export function skeinHome(): string {
  return process.env.SKEIN_HOME ?? join(homedir(), '.skein');
}

/** Opens (or makes) the folder and locks it. Throws a RunError when another process holds it. */
export async function openPeerFolder(path: string): Promise<PeerFolder> {
  const holder = lock(path);
  if (holder !== undefined) {
    throw new RunError(`${path} is in use by process ${holder}: stop it or use another --dir`);
  }
  return openLocked(path);
}

/** The first of `base/peer-1`, `base/peer-2`, … that no running process holds: several volunteers can share a machine. */
export async function openFreePeerFolder(base: string): Promise<PeerFolder> {
  for (let number = 1; ; number++) {
    const path = join(base, `peer-${number}`);
    if (lock(path) === undefined) return openLocked(path);
  }
}

async function openLocked(path: string): Promise<PeerFolder> {
  const release = () => {
    if (holderOf(join(path, LOCK))?.pid === process.pid) rmSync(join(path, LOCK), { force: true });
  };
  try {
    const keyFile = join(path, 'key');
    const key = existsSync(keyFile) ? readKey(keyFile) : await newKey(keyFile);
    const listenFile = join(path, 'listened');
    return {
      path,
      key,
      lastListened: existsSync(listenFile)
        ? readFileSync(listenFile, 'utf8').split('\n').filter(Boolean)
        : [],
      rememberListening: (addresses) => writeFileSync(listenFile, addresses.map((a) => `${a}\n`).join('')),
      release,
    };
  } catch (error) {
    release();
    throw error;
  }
}

function readKey(file: string): PeerKey {
  try {
    return keyFromBytes(new Uint8Array(readFileSync(file)));
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

async function newKey(file: string): Promise<PeerKey> {
  const key = await generateKey();
  writeFileSync(file, keyToBytes(key), { mode: 0o600 });
  return key;
}

/**
 * Takes the folder's lock, or gives the living process that holds it. The lock appears whole under its name and only
 * where none stands, so of two processes that start at once one gets it.
 */
function lock(path: string): number | undefined {
  const file = join(path, LOCK);
  const own = join(path, `${LOCK}.${process.pid}`);
  try {
    mkdirSync(path, { recursive: true });
    removeLeftovers(path);
    writeFileSync(own, `${process.pid} ${startOf(process.pid) ?? ''}\n`);
    const holder = claim(own, file);
    rmSync(own, { force: true });
    return holder;
  } catch (error) {
    throw new UsageError(`--dir ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

function claim(own: string, file: string): number | undefined {
  for (;;) {
    try {
      linkSync(own, file);
      return undefined;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = holderOf(file);
    if (holder?.lives) return holder.pid;
    if (holder !== undefined) removeStale(file, `${own}.stale`);
  }
}

/** What processes that were killed while they took the lock have left. */
function removeLeftovers(path: string): void {
  for (const name of readdirSync(path)) {
    const pid = /^lock\.(\d+)(\.stale)?$/.exec(name)?.[1];
    if (pid !== undefined && startOf(Number(pid)) === undefined) rmSync(join(path, name), { force: true });
  }
}

/** Moves a dead process's lock away; one that another process put there in the meantime is put back. */
function removeStale(file: string, aside: string): void {
  try {
    renameSync(file, aside);
    if (holderOf(aside)?.lives) linkSync(aside, file);
  } catch {
    // somebody else was faster: the next try sees how it stands
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Whose lock this is, and whether that process still runs; undefined when there is none. */
function holderOf(file: string): { readonly pid: number; readonly lives: boolean } | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  const [id = '', start = ''] = text.trim().split(' ');
  const pid = Number.parseInt(id, 10);
  if (!Number.isSafeInteger(pid)) return { pid: 0, lives: false };
  const running = startOf(pid);
  if (running === undefined) return { pid, lives: false };
  // where starts are not told, a lock under this process's own id was left by another that had it before
  return { pid, lives: start === '' || running === '' ? pid !== process.pid : running === start };
}

/**
 * When a process started, in the system's own count ('' where it does not tell); undefined when there is none.
 * Ids come round again, after a restart of the machine above all: id and start together name one process.
 */
function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the name, in brackets, may hold anything; after it come the state and, as the 20th, the start
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : (fields[19] ?? '');
  } catch {
    return '';
  }
}
