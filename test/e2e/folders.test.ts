// The folder of a peer across processes: damaged, in use, or left behind by a process that was killed.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectOneLine } from '../cli/lines.ts';
import { Terminals } from './processes.ts';
import { writeSmallRun } from './small-run.ts';

describe('the folder of a peer', () => {
  it('is refused with its file named when that is damaged', async () => {
    const terminals = new Terminals();
    const { manifest, text } = writeSmallRun(terminals, { iterations: 5 });
    const damaged = ([file, reason]: readonly [string, RegExp]) => {
      const folder = `bad-${file}`;
      mkdirSync(join(terminals.home, folder));
      writeFileSync(join(terminals.home, folder, file), 'this is not it\n');
      return { reason, ended: terminals.run('found', manifest, '--data', text, '--dir', folder) };
    };
    const refused = (
      [
        ['key', /bad-key.key: /],
        ['journal.jsonl', /bad-journal\.jsonl.journal\.jsonl: .*move the folder away/],
      ] as const
    ).map(damaged);
    for (const { reason, ended } of refused) {
      const { code, stdout, stderr } = await ended;
      expectOneLine(stderr, reason);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    }
  });

  it('is one process at a time, and free again when that was killed', async () => {
    const terminals = new Terminals();
    const { manifest, text } = writeSmallRun(terminals, { iterations: 5 });
    const start = () => terminals.start('found', manifest, '--json', '--data', text, '--dir', 'mine');
    const first = start();
    const { invite } = await first.line('invite');
    const second = start();
    // of several that start at once without a folder of their own, each finds one
    const joining = [1, 2, 3].map(() => terminals.start('join', invite, '--json', '--data', text));
    const folders = await Promise.all(joining.map(async (one) => (await one.line('asking')).folder));
    expect(new Set(folders).size).toBe(3);
    expect(await second.end()).toBe(1);
    expectOneLine(second.stderr, new RegExp(`mine is in use by process ${first.pid}`));
    first.signal('SIGKILL');
    await first.exited;
    const { peer } = first.all('running')[0]!;
    expect((await start().line('running')).peer).toBe(peer);
  });
});
