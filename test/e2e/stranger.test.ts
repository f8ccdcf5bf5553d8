// A stranger who means harm meets a running peer: garbage, lengths that lie, half frames, words of a member it is not,
// forged entries. It is cut off or named, and training goes on.

import { noise } from '@chainsafe/libp2p-noise';
import { identify } from '@libp2p/identify';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalBytes, type Json, toHex } from '../../src/journal/canonical.ts';
import type { Entry, EntryBody } from '../../src/journal/entry.ts';
import { Journal } from '../../src/journal/journal.ts';
import { createKeyIdentity, generateKey } from '../../src/network/libp2p/identity.ts';
import { createLibp2pNetwork, type Libp2pNetwork } from '../../src/network/libp2p/network.ts';
import { createRealClock } from '../../src/network/real-clock.ts';
import { type ControlBody, encodeControl, encodeTensorHeader } from '../../src/network/wire/codec.ts';
import type { Identity } from '../../src/seams/identity.ts';
import type { FrameStream, Protocol } from '../../src/seams/network.ts';
import { type Invite, parseInvite } from '../../src/swarm/invite.ts';
import { Messenger } from '../../src/swarm/messenger.ts';
import { CONTROL, TENSORS, WEIGHTS } from '../../src/swarm/protocols.ts';
import { type SkeinProcess, Terminals } from './processes.ts';
import { writeSmallRun } from './small-run.ts';

const NOTHING = new Uint8Array(0);

describe('a stranger', () => {
  const terminals = new Terminals(afterAll);
  let founder: SkeinProcess;
  let invite: Invite;
  let stranger: Libp2pNetwork;
  let identity: Identity;
  let messenger: Messenger;

  beforeAll(async () => {
    const { manifest, text } = writeSmallRun(terminals, { iterations: 100_000, stages: 2 });
    founder = terminals.start('found', manifest, '--json', '--data', text);
    const word = (await founder.line('invite')).invite;
    invite = parseInvite(word);
    terminals.start('join', word, '--json', '--data', text);
    await founder.line('commit');
    const privateKey = await generateKey();
    identity = createKeyIdentity(privateKey);
    stranger = await createLibp2pNetwork({ privateKey });
    stranger.learn(invite.peer, invite.addresses);
    messenger = new Messenger(stranger, createRealClock(), {
      control: () => {},
      tensor: async () => {},
      misbehaved: () => {},
      broke: () => {},
    });
  }, 60_000);

  afterAll(async () => {
    messenger?.close();
    await stranger?.close();
  });

  /** Whatever was done: both stages are trained in iterations after it, by the same leader of the same term. */
  async function goesOn(): Promise<void> {
    const from = founder.mark();
    const { iteration } = founder;
    await founder.line(
      'commit',
      ({ commit }) =>
        commit.iteration >= iteration + 3 &&
        commit.stages.filter((stage) => stage.contributors.length > 0).length === 2,
      { from },
    );
    expect(founder.all('leader').map(({ peer, term }) => ({ peer, term }))).toEqual([
      { peer: invite.peer, term: 1 },
    ]);
    expect(founder.all('gone')).toEqual([]);
    expect(founder.all('failed')).toEqual([]);
  }

  const named = (problem: RegExp, from: number) =>
    founder.line('misbehaved', (line) => line.peer === stranger.self && problem.test(line.problem), { from });

  const open = (protocol: Protocol): Promise<FrameStream> => stranger.open(invite.peer, protocol);

  async function sayTo(stream: FrameStream, body: ControlBody): Promise<void> {
    await stream.send({ header: encodeControl({ request: 0, answer: false, body }), payload: NOTHING });
  }

  /** Resolves when the other side has ended the stream, however it did. */
  async function isEnded(stream: FrameStream): Promise<void> {
    const frames = stream.frames();
    const ended = (async () => {
      for (;;) if ((await frames.next()).done) return;
    })();
    await ended.catch(() => {}); // reset, as a rule
  }

  it('that sends garbage is named and cut off', async () => {
    for (const protocol of [CONTROL, TENSORS]) {
      const from = founder.mark();
      const stream = await open(protocol);
      const header = Uint8Array.from({ length: 200 }, (_, i) => (i * 37 + 11) % 256);
      await stream.send({ header, payload: NOTHING });
      await named(/not decodable|no body|must be/, from);
      await isEnded(stream);
    }
    const stream = await open(WEIGHTS);
    await stream.send({ header: new Uint8Array([255, 255, 255]), payload: NOTHING });
    await isEnded(stream);
    await goesOn();
  });

  it('that announces gigabytes, or ends in the middle of a frame, is named and cut off', async () => {
    const raw = await rawNode();
    try {
      for (const protocol of [CONTROL, TENSORS]) {
        const from = founder.mark();
        const huge = await dial(raw, invite, protocol.id);
        huge.send(prefix(0xffff_ffff, 0xffff_ffff));
        await founder.line(
          'misbehaved',
          ({ peer, problem }) => peer === raw.peerId.toString() && /bytes/.test(problem),
          { from },
        );
        await closed(huge);

        const half = await dial(raw, invite, protocol.id);
        half.send(prefix(100, 0));
        half.send(new Uint8Array(50));
        await half.close();
        await founder.line(
          'misbehaved',
          ({ peer, problem }) => peer === raw.peerId.toString() && /inside a frame/.test(problem),
          { from },
        );
      }
    } finally {
      await raw.stop();
    }
    await goesOn();
  });

  it('that speaks as members do is not listened to', async () => {
    const stream = await open(CONTROL);
    const { iteration } = founder;
    const from = founder.mark();
    for (let at = iteration; at < iteration + 40; at++) {
      const attempt = 0;
      await sayTo(stream, { kind: 'close', value: { iteration: at, attempt } });
      for (let microbatch = 0; microbatch < 4; microbatch++) {
        const value = { iteration: at, attempt, microbatch, reason: 'because', peer: '' };
        await sayTo(stream, { kind: 'dropped', value });
      }
      await sayTo(stream, { kind: 'applied', value: { iteration: at, stage: 0, digest: 'f'.repeat(64) } });
    }
    await sayTo(stream, { kind: 'leave', value: {} });
    await sayTo(stream, { kind: 'suspicion', value: { peer: invite.peer, broken: true, silentSeconds: 99 } });
    await sayTo(stream, {
      kind: 'ready',
      value: { stage: 1, iteration, digest: '', failure: 'no', entry: 0 },
    });
    await goesOn();
    const commits = founder.lines.slice(from).flatMap((line) => (line.kind === 'commit' ? [line] : []));
    expect(commits.every(({ commit }) => commit.dropped.length === 0)).toBe(true);
    expect(
      commits.every(({ commit }) => commit.weights.every(({ divergent }) => divergent.length === 0)),
    ).toBe(true);
  });

  it('that sends tensors is named and cut off', async () => {
    const from = founder.mark();
    const stream = await open(TENSORS);
    const header = encodeTensorHeader({
      kind: 'ACTIVATION',
      type: 'F32',
      iteration: founder.iteration + 1,
      attempt: 0,
      microbatch: 0,
      hop: 1,
      path: [{ stage: 0, peer: invite.peer }],
      stage: 0,
      round: 0,
      firstElement: 0,
      elements: 4,
    });
    await stream.send({ header, payload: new Uint8Array(16) });
    await named(/sends tensors and is not in the run/, from);
    await isEnded(stream);
    await goesOn();
  });

  it('that forges entries is named and cut off, and changes nothing', async () => {
    const wanted: ControlBody = { kind: 'entriesWanted', value: { fromIndex: 0, orSummary: false } };
    const answer = await messenger.request(invite.peer, wanted, 20);
    if (answer.kind !== 'entries') throw new Error(`answered ${answer.kind}`);
    const real = answer.value.entries.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Entry);
    expect(real[0]!.body.kind).toBe('genesis');

    const takeOver: EntryBody = { kind: 'leader', peer: identity.self, reason: 'mine now' };
    const gone: EntryBody = {
      kind: 'members',
      changes: [{ kind: 'gone', peer: invite.peer, how: 'broken', reason: 'out with you' }],
    };
    const founderName = invite.peer;
    const after = real[1]!;
    const forged: [what: string, entry: Entry][] = [
      ['of its own, of a later term, in place of one that stands', await sign(after, 99, takeOver)],
      ['in the name of the leader', { ...(await sign(after, 99, gone)), author: founderName }],
      ['far beyond the end', await sign({ ...after, index: 1_000_000 }, 99, takeOver)],
      [
        'of another run',
        await sign(real[0]!, 99, { kind: 'genesis', runId: invite.runId, founder: identity.self }),
      ],
    ];
    for (const [, entry] of forged) {
      const from = founder.mark();
      const stream = await open(CONTROL);
      const line = new TextEncoder().encode(Journal.line(entry));
      await sayTo(stream, { kind: 'entries', value: { entries: [line], proofs: [] } });
      await named(/./, from);
      await isEnded(stream);
    }
    await goesOn();
  });

  async function sign(at: Pick<Entry, 'index' | 'previous'>, term: number, body: EntryBody): Promise<Entry> {
    const unsigned = { index: at.index, term, previous: at.previous, author: identity.self, body };
    const hash = identity.digest(canonicalBytes(unsigned as unknown as Json));
    return { ...unsigned, hash: toHex(hash), signature: toHex(await identity.sign(hash)) };
  }
});

/** A libp2p node without any of our framing: it can write what no sound peer writes. */
function rawNode(): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify() },
  });
}

type RawStream = Awaited<ReturnType<Libp2p['dialProtocol']>>;

function dial(node: Libp2p, { addresses }: Invite, protocol: string): Promise<RawStream> {
  return node.dialProtocol(
    addresses.map((address) => multiaddr(address)),
    protocol,
  );
}

function closed(stream: RawStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.status !== 'open') resolve();
    else stream.addEventListener('close', () => resolve(), { once: true });
  });
}

/** What stands before each frame: the lengths of header and payload. */
function prefix(headerBytes: number, payloadBytes: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, headerBytes);
  view.setUint32(4, payloadBytes);
  return bytes;
}
