// A peer's folder is one process's at a time, and a process that died without a word does not keep it.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RunError, UsageError } from '../../src/cli/errors.ts';
import { openFreePeerFolder, openPeerFolder } from '../../src/cli/peer-folder.ts';
import { run, temporaryFolder } from './process.ts';

describe("a peer's folder", () => {
  it('keeps its key and where it listened, and is free again after it was released', async () => {
    const path = join(temporaryFolder(), 'peer');
    const first = await openPeerFolder(path);
    first.rememberListening(['/ip4/127.0.0.1/tcp/4001']);
    first.release();
    expect(existsSync(join(path, 'lock'))).toBe(false);
    const second = await openPeerFolder(path);
    expect(second.key.equals(first.key)).toBe(true);
    expect(second.lastListened).toEqual(['/ip4/127.0.0.1/tcp/4001']);
  });

  it('is refused while it is held, and the next free one is found', async () => {
    const base = temporaryFolder();
    const held = await openFreePeerFolder(base);
    expect(held.path).toBe(join(base, 'peer-1'));
    await expect(openPeerFolder(held.path)).rejects.toThrow(RunError);
    expect((await openFreePeerFolder(base)).path).toBe(join(base, 'peer-2'));
  });

  it('is free when its holder is dead, or when another process has come to have that id', async () => {
    const path = join(temporaryFolder(), 'peer');
    (await openPeerFolder(path)).release();
    const { stdout } = await run(process.execPath, ['-e', 'console.log(process.pid)']);
    writeFileSync(join(path, 'lock'), stdout);
    (await openPeerFolder(path)).release();
    if (!existsSync('/proc/self/stat')) return; // this system does not tell when a process started
    writeFileSync(join(path, 'lock'), `${process.ppid} 1\n`);
    (await openPeerFolder(path)).release();
  });

  it('stays with its holder when that was not named whole: a lock that cannot be read is nobody’s', async () => {
    const path = join(temporaryFolder(), 'peer');
    (await openPeerFolder(path)).release();
    writeFileSync(join(path, 'lock'), '');
    const folder = await openPeerFolder(path);
    expect(readFileSync(join(path, 'lock'), 'utf8')).toMatch(new RegExp(`^${process.pid} `));
    folder.release();
  });

  it('is not used when its key is damaged or a file stands in its place, and is not left locked', async () => {
    const path = join(temporaryFolder(), 'peer');
    (await openPeerFolder(path)).release();
    writeFileSync(join(path, 'key'), 'not a key');
    await expect(openPeerFolder(path)).rejects.toThrow(/key: these bytes are not a private key/);
    expect(existsSync(join(path, 'lock'))).toBe(false);
    writeFileSync(`${path}-file`, '');
    await expect(openPeerFolder(`${path}-file`)).rejects.toThrow(UsageError);
  });
});
