// Why a peer may not come in: each reason is told in one line, with the exit code that scripts count on.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { formatInvite, parseInvite } from '../../src/swarm/invite.ts';
import { expectOneLine } from '../cli/lines.ts';
import { slowness, Terminals } from './processes.ts';
import { sampleText, writeSmallRun } from './small-run.ts';

describe('a peer is refused with its reason', () => {
  it('by a run that it finds: nobody answers, somebody else does, another run, another text', async () => {
    const terminals = new Terminals();
    const { manifest, text } = writeSmallRun(terminals, { iterations: 5 });
    const other = join(terminals.home, 'other.txt');
    writeFileSync(other, sampleText(2000, 'Another text.'));
    const founder = terminals.start('found', manifest, '--json', '--data', text);
    const { invite } = await founder.line('invite');
    const real = parseInvite(invite);
    await founder.line('active');
    const { runId } = real;
    const at = (peer: string, port: string | number) =>
      formatInvite({ runId, peer, addresses: [`/ip4/127.0.0.1/tcp/${port}/p2p/${peer}`] });
    const elsewhere = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo';
    const silent = (peer: string) =>
      new RegExp(`no peer of the run let this one in.*${peer} does not answer`);
    const refused: readonly [args: readonly string[], reason: RegExp][] = [
      [[at(real.peer, await freePort()), '--data', text], silent(real.peer)],
      [[at(elsewhere, real.addresses[0]!.split('/')[4]!), '--data', text], silent(elsewhere)],
      [
        [formatInvite({ ...real, runId: 'b'.repeat(64) }), '--data', text],
        new RegExp(`this peer is in run ${runId.slice(0, 12)}, you ask for bbbbbb`),
      ],
      [
        [invite, '--data', other, '--stage', '0'],
        /stage 0 needs the run's text "text.txt" of 200000 bytes, and your text is another one/,
      ],
    ];
    await Promise.all(
      refused.map(async ([args, reason]) => {
        const { code, stderr } = await terminals.run('join', ...args);
        expectOneLine(stderr, reason);
        expect(code).toBe(1);
      }),
    );

    // other stages need no text
    const joiner = terminals.start('join', invite, '--json', '--data', other);
    const { problem } = await joiner.line('trying');
    expect(problem).toContain(`differs from the run's "text.txt"`);
    await joiner.line('active', ({ stage }) => stage === 1);
  });

  it('by a run in which no stage is left that it could hold', async () => {
    const terminals = new Terminals();
    const { manifest, text } = writeSmallRun(terminals, { iterations: 100_000, stages: 1 });
    const other = join(terminals.home, 'other.txt');
    writeFileSync(other, sampleText(2000, 'Another text.'));
    const founder = terminals.start('found', manifest, '--json', '--data', text);
    const { invite } = await founder.line('invite');
    await founder.line('commit');
    const ended = await terminals.run('join', invite, '--data', other);
    expect(ended.code).toBe(1);
    expectOneLine(ended.stderr, /no stage of the run can be given to this peer now/);
  });

  it('by the system, at once, when it can listen nowhere', async () => {
    const factor = await slowness();
    const terminals = new Terminals();
    const { manifest, text } = writeSmallRun(terminals, { iterations: 5 });
    const address = `/ip4/127.0.0.1/tcp/${await takenPort()}`;
    const started = terminals.start('found', manifest, '--data', text, '--listen', address);
    expect(await started.end()).toBe(1);
    expect(started.firstWordSeconds).toBeLessThan(5 * factor);
    expectOneLine(started.stderr, new RegExp(`cannot listen at ${address}: the port is in use`));
  });
});

/** A port that a server of this test listens at until the test is over. */
function takenPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    onTestFinished(() => void server.close());
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') resolve(address.port);
    });
  });
}

/** A port at which nobody listens: it was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
      });
    });
  });
}
