// The folder of a peer on this machine: its key, where it listened last, its journal and snapshots, and a lock, so
// that two processes never use one identity.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { generateKey, keyFromBytes, keyToBytes, type PeerKey } from '../network/libp2p/identity.ts';
import { RunError, UsageError } from './errors.ts';
import { reasonOf } from './files.ts';

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
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new UsageError(`--dir ${path}: ${reasonOf(error)}`, { cause: error });
  }
  const lock = join(path, 'lock');
  const holder = lockHolder(lock);
  if (holder !== undefined)
    throw new RunError(`${path} is in use by process ${holder}: stop it or use another --dir`);
  writeFileSync(lock, `${process.pid}\n`);
  const keyFile = join(path, 'key');
  const key = existsSync(keyFile) ? readKey(keyFile) : await newKey(keyFile);
  const listenFile = join(path, 'listened');
  return {
    path,
    key,
    lastListened: existsSync(listenFile) ? readFileSync(listenFile, 'utf8').split('\n').filter(Boolean) : [],
    rememberListening: (addresses) => writeFileSync(listenFile, addresses.map((a) => `${a}\n`).join('')),
    release: () => rmSync(lock, { force: true }),
  };
}

/** The first of `base-1`, `base-2`, … that no running process holds: several volunteers can share a machine. */
export async function openFreePeerFolder(base: string): Promise<PeerFolder> {
  for (let number = 1; ; number++) {
    const path = join(base, `peer-${number}`);
    if (lockHolder(join(path, 'lock')) === undefined) return openPeerFolder(path);
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

/** The process that holds a lock and lives, if any. */
function lockHolder(lock: string): number | undefined {
  if (!existsSync(lock)) return undefined;
  const pid = Number.parseInt(readFileSync(lock, 'utf8'), 10);
  if (!Number.isSafeInteger(pid) || pid === process.pid) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? pid : undefined;
  }
}
