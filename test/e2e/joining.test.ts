// Why a peer may not come in: each reason is told in one line, with the exit code that scripts count on.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { formatInvite, parseInvite } from '../../src/swarm/invite.ts';
import { expectOneLine, slowness, Terminals } from './processes.ts';
import { sampleText, writeSmallRun } from './small-run.ts';

describe('joining is refused with its reason', () => {
  it('when the invite is no invite, or cut off', async () => {
    const terminals = new Terminals();
    const invite = formatInvite({ runId: 'a'.repeat(64), peer: 'x', addresses: ['/ip4/127.0.0.1/tcp/1'] });
    for (const [word, reason] of [
      ['hello', /starts with skein1-/],
      [invite.slice(0, -10), /cut off or changed/],
      [`${invite.slice(0, 30)}!${invite.slice(31)}`, /cut off or changed/],
    ] as const) {
      const ended = await terminals.run('join', word);
      expect(ended.code).toBe(2);
      expectOneLine(ended.stderr, reason);
    }
  });

  it('when nobody answers at its addresses, and when somebody else does', async () => {
    const terminals = new Terminals();
    const { manifest, text } = writeSmallRun(terminals, { iterations: 5 });
    const founder = terminals.start('found', manifest, '--json', '--data', text);
    const real = parseInvite((await founder.line('invite')).invite);
    const free = await freePort();
    const elsewhere = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo';
    for (const { runId, peer, port } of [
      { runId: real.runId, peer: real.peer, port: free },
      { runId: real.runId, peer: elsewhere, port: Number(real.addresses[0]!.split('/')[4]) },
    ]) {
      const invite = formatInvite({ runId, peer, addresses: [`/ip4/127.0.0.1/tcp/${port}/p2p/${peer}`] });
      const ended = await terminals.run('join', invite, '--data', text);
      expect(ended.code).toBe(1);
      expectOneLine(ended.stderr, new RegExp(`no peer of the run let this one in.*${peer} does not answer`));
    }
  });

  it('when a peer of another run answers', async () => {
    const terminals = new Terminals();
    const { manifest, text } = writeSmallRun(terminals, { iterations: 5 });
    const founder = terminals.start('found', manifest, '--json', '--data', text);
    const real = parseInvite((await founder.line('invite')).invite);
    await founder.line('active');
    const other = formatInvite({ ...real, runId: 'b'.repeat(64) });
    const ended = await terminals.run('join', other, '--data', text);
    expect(ended.code).toBe(1);
    expectOneLine(
      ended.stderr,
      new RegExp(`this peer is in run ${real.runId.slice(0, 12)}, you ask for bbbbbb`),
    );
  });

  it('when it wants stage 0 with another text, while other stages are open to it', async () => {
    const terminals = new Terminals();
    const { manifest, text } = writeSmallRun(terminals, { iterations: 5 });
    const other = join(terminals.home, 'other.txt');
    writeFileSync(other, sampleText(2000, 'Another text.'));
    const founder = terminals.start('found', manifest, '--json', '--data', text);
    const { invite } = await founder.line('invite');
    await founder.line('active');
    const ended = await terminals.run('join', invite, '--data', other, '--stage', '0');
    expect(ended.code).toBe(1);
    expectOneLine(
      ended.stderr,
      /stage 0 needs the run's text "text.txt" of 200000 bytes, and your text is another one/,
    );

    const joiner = terminals.start('join', invite, '--json', '--data', other);
    const { problem } = await joiner.line('trying');
    expect(problem).toContain(`differs from the run's "text.txt"`);
    await joiner.line('active', ({ stage }) => stage === 1);
  });

  it('when no stage is left that it could hold', async () => {
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

  it('when it can listen nowhere, at once for a port in use', async () => {
    const factor = await slowness();
    const terminals = new Terminals();
    const { manifest, text } = writeSmallRun(terminals, { iterations: 5 });
    const port = await takenPort();
    const started = terminals.start(
      'found',
      manifest,
      '--data',
      text,
      '--listen',
      `/ip4/127.0.0.1/tcp/${port}`,
    );
    expect(await started.end()).toBe(1);
    expect(started.firstWordSeconds).toBeLessThan(5 * factor);
    expectOneLine(
      started.stderr,
      new RegExp(`cannot listen at /ip4/127.0.0.1/tcp/${port}: the port is in use`),
    );
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
