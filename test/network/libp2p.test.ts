// What libp2p makes easy to get wrong, each as a behaviour of ours, on real connections over loopback.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { noise } from '@chainsafe/libp2p-noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { afterEach, describe, expect, it } from 'vitest';
import { generateKey, peerNameOf } from '../../src/network/libp2p/identity.ts';
import type { Libp2pNetwork, Libp2pNetworkOptions } from '../../src/network/libp2p/network.ts';
import { createLibp2pNetwork } from '../../src/network/libp2p/network.ts';
import type { FrameStream, Network, PeerName, Protocol } from '../../src/seams/network.ts';
import { NetworkError } from '../../src/seams/network.ts';
import type { NetworkPair } from './compliance.ts';
import { accept, codeOf, echo, networkCompliance, nextFrame, readAll } from './compliance.ts';
import { bulk, control, frame, headerOf, MEGABYTE, pattern } from './compliance-protocols.ts';

async function roundTrips(stream: FrameStream, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await stream.send(frame('ping'));
    await nextFrame(stream);
  }
}

type Options = Omit<Libp2pNetworkOptions, 'privateKey'>;

async function createPair(
  options: Options = {},
): Promise<NetworkPair & { a: Libp2pNetwork; b: Libp2pNetwork }> {
  const start = async (): Promise<Libp2pNetwork> =>
    createLibp2pNetwork({ privateKey: await generateKey(), ...options });
  const [a, b] = await Promise.all([start(), start()]);
  a.learn(b.self, b.addresses());
  b.learn(a.self, a.addresses());
  return {
    a,
    b,
    stranger: peerNameOf(await generateKey()),
    now: () => performance.now() / 1000,
    settle: (promise) => promise,
    openStreams: () => a.statistics().streams + b.statistics().streams,
    close: async () => {
      await Promise.all([a.close(), b.close()]);
    },
  };
}

networkCompliance('libp2p over tcp', () => createPair());
networkCompliance('libp2p over websockets', () => createPair({ listen: ['/ip4/127.0.0.1/tcp/0/ws'] }));

describe('libp2p', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
  });

  async function start(options: Partial<Libp2pNetworkOptions> = {}): Promise<Libp2pNetwork> {
    const network = await createLibp2pNetwork({ privateKey: await generateKey(), ...options });
    closing.push(() => network.close());
    return network;
  }

  async function startPair(options: Options = {}) {
    const pair = await createPair(options);
    closing.push(pair.close);
    return pair;
  }

  /** Passes bytes on to an address of libp2p's and counts those that come back. */
  async function startRelay(target: string) {
    const port = Number(/tcp\/(\d+)/.exec(target)![1]);
    let back = 0;
    const server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      far.on('data', (bytes) => {
        back += bytes.byteLength;
      });
      for (const socket of [near, far]) {
        socket.on('error', () => {});
        closing.push(() => socket.destroy());
      }
      near.pipe(far).pipe(near);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => server.close());
    const address = target.replace(`tcp/${port}`, `tcp/${(server.address() as AddressInfo).port}`);
    return { address, bytesBack: () => back };
  }

  /** Resolves when nothing has come back for a tenth of a second. */
  async function idle(relay: { bytesBack(): number }): Promise<void> {
    for (let seen = -1; seen !== relay.bytesBack(); ) {
      seen = relay.bytesBack();
      await tick(0.1);
    }
  }

  /** A process of its own that answers control frames and floods bulk streams. */
  async function startProcess(network: Network): Promise<{ peer: PeerName; child: ChildProcess }> {
    const child = spawn(process.execPath, [fileURLToPath(new URL('peer-process.ts', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    closing.push(() => child.kill('SIGKILL'));
    const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
    const { self, addresses } = JSON.parse(line) as { self: PeerName; addresses: string[] };
    network.learn(self, addresses);
    return { peer: self, child };
  }

  /** A libp2p node that is not skein's, to say what no FrameStream would. */
  async function startRaw(addresses: { listen?: string[] } = {}) {
    const node = await createLibp2p({
      addresses,
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    });
    closing.push(() => node.stop());
    return node;
  }

  const tick = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

  describe('streams', () => {
    it('hold a sender at a few megabytes while the reader sleeps between frames', async () => {
      const { a, b } = await startPair();
      const accepted = accept(b, bulk);
      const outgoing = await a.open(b.self, bulk);
      let taken = 0;
      const sent = (async () => {
        for (let i = 0; i < 40; i++) {
          await outgoing.send(frame(`${i}`, pattern(MEGABYTE, i)));
          taken++;
        }
        await outgoing.close();
      })();
      const incoming = await accepted.next();
      let read = 0;
      for await (const received of incoming.frames()) {
        expect(headerOf(received)).toBe(`${read}`);
        read++;
        if (read <= 12) await tick(0.1);
        expect(taken - read).toBeLessThanOrEqual(8);
      }
      await sent;
      expect(read).toBe(40);
    });

    it('survive a reader that stops after the window has grown', async () => {
      const { a, b } = await startPair();
      const accepted = accept(b, bulk);
      echo(b);
      const pulse = await a.open(b.self, control);
      const outgoing = await a.open(b.self, bulk);
      const count = 160;
      let taken = 0;
      const sent = (async () => {
        for (let i = 0; i < count; i++) {
          await outgoing.send(frame(`${i}`, new Uint8Array(MEGABYTE)));
          taken++;
        }
        await outgoing.close();
      })();
      const incoming = await accepted.next();
      let read = 0;
      for await (const received of incoming.frames()) {
        expect(headerOf(received)).toBe(`${read}`);
        read++;
        // Stop for a while again and again: a pause that is undone would let the sender run on.
        if (read >= 100 && read < 130) {
          await roundTrips(pulse, 20);
          expect(taken - read).toBeLessThanOrEqual(8);
        }
      }
      await sent;
      expect(read).toBe(count);
    });

    it('are not answered for every frame, only once half of their window is used', async () => {
      const a = await start();
      const b = await start();
      const relay = await startRelay(b.addresses()[0]!);
      a.learn(b.self, [relay.address]);
      const accepted = accept(b, bulk);
      const outgoing = await a.open(b.self, bulk);
      await outgoing.send(frame('first'));
      const incoming = await accepted.next();
      await nextFrame(incoming);
      await idle(relay);
      const before = relay.bytesBack();
      for (let i = 0; i < 100; i++) {
        await outgoing.send(frame(`${i}`, pattern(1024, i)));
        await nextFrame(incoming);
      }
      await idle(relay);
      expect(relay.bytesBack() - before).toBeLessThan(10 * 30); // an update is 30 bytes on the wire
      await outgoing.send(frame('large', pattern(MEGABYTE, 1)));
      expect((await nextFrame(incoming)).payload.byteLength).toBe(MEGABYTE);
    });

    it('are read from their beginning by a handler that starts long after', async () => {
      const { a, b } = await startPair();
      const accepted = accept(b, bulk);
      echo(b);
      const pulse = await a.open(b.self, control);
      const outgoing = await a.open(b.self, bulk);
      const sent = (async () => {
        for (let i = 0; i < 12; i++) await outgoing.send(frame(`${i}`, pattern(MEGABYTE, i)));
        await outgoing.close();
      })();
      const incoming = await accepted.next();
      await roundTrips(pulse, 100);
      expect((await readAll(incoming)).map(headerOf)).toEqual(Array.from({ length: 12 }, (_, i) => `${i}`));
      await sent;
    });

    it('that were reset before anyone read them throw, they do not end silently', async () => {
      const { a, b } = await startPair();
      const accepted = accept(b, control);
      echo(b, bulk);
      const outgoing = await a.open(b.self, control);
      const incoming = await accepted.next();
      outgoing.abort(new Error('no'));
      await roundTrips(await a.open(b.self, bulk), 2);
      expect(await codeOf(readAll(incoming))).toBe('reset');
    });

    it('close without an error when the remote breaks off while bytes are unsent', async () => {
      const { a, b } = await startPair();
      const accepted = accept(b, bulk);
      const outgoing = await a.open(b.self, bulk);
      const send = codeOf(outgoing.send(frame('', new Uint8Array(10 * MEGABYTE))));
      const closed = outgoing.close();
      (await accepted.next()).abort(new Error('no'));
      expect(await send).toBe('reset');
      await closed;
    });

    it('that end inside a frame are truncated', async () => {
      const b = await start();
      const accepted = accept(b, bulk);
      const raw = await startRaw();
      for (const bytes of [
        [0, 0, 0],
        [0, 0, 0, 2, 0, 0, 0, 0, 1],
        [0, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3],
      ]) {
        const stream = await raw.dialProtocol(multiaddr(b.addresses()[0]!), bulk.id);
        stream.send(Uint8Array.from(bytes));
        await stream.close();
        const incoming = await accepted.next();
        expect(await codeOf(readAll(incoming))).toBe('truncated');
        await incoming.close();
      }
    });

    it('that announce 4 GB are reset at once', async () => {
      const b = await start();
      const accepted = accept(b, bulk);
      const raw = await startRaw();
      const stream = await raw.dialProtocol(multiaddr(b.addresses()[0]!), bulk.id);
      const reset = once(stream as unknown as EventTarget, 'close');
      stream.send(Uint8Array.of(0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff));
      expect(await codeOf(readAll(await accepted.next()))).toBe('limit');
      await reset;
      expect(stream.status).toBe('reset');
    });

    it('of every length come back whole from a node whose Noise is libp2p as it comes', async () => {
      const a = await start();
      const raw = await startRaw({ listen: ['/ip4/127.0.0.1/tcp/0'] });
      await raw.handle(bulk.id, (stream) => {
        stream.addEventListener('message', ({ data }) => void stream.send(data));
      });
      const peer = raw.peerId.toString();
      a.learn(peer, raw.getMultiaddrs().map(String));
      const stream = await a.open(peer, bulk);
      for (const [i, length] of [0, 1, 400, 470, 495, 512, 530, 1200, 70_000].entries()) {
        await stream.send(frame(`${length}`, pattern(length, i)));
        const back = await nextFrame(stream);
        expect(headerOf(back)).toBe(`${length}`);
        expect(back.payload).toEqual(pattern(length, i));
      }
    });

    it('cost no error that is thrown and caught again', async () => {
      const { a, b } = await startPair();
      echo(b);
      const stream = await a.open(b.self, control);
      await roundTrips(stream, 5);
      let made = 0;
      const { RangeError: own } = globalThis;
      globalThis.RangeError = new Proxy(own, {
        apply: (error, self, parts) => {
          made++;
          return Reflect.apply(error, self, parts);
        },
      });
      try {
        await roundTrips(stream, 20);
      } finally {
        globalThis.RangeError = own;
      }
      expect(made).toBe(0);
    });

    it('may be many more than libp2p allows by default', async () => {
      const { a, b } = await startPair();
      const many: Protocol = { ...control, maxInboundStreams: 200 };
      const accepted = accept(b, many);
      const streams = await Promise.all(Array.from({ length: 150 }, () => a.open(b.self, many)));
      for (const [i, stream] of streams.entries()) {
        await stream.send(frame(`${i}`));
      }
      const heard: string[] = [];
      for (let i = 0; i < 150; i++) heard.push(headerOf(await nextFrame(await accepted.next())));
      expect(new Set(heard).size).toBe(150);
    });
  });

  describe('connections', () => {
    it('are two a neighbour, one for each kind of traffic, also for streams in the other direction', async () => {
      const { a, b } = await startPair();
      for (const network of [a, b]) {
        accept(network, control);
        accept(network, bulk);
      }
      await a.open(b.self, control);
      expect(a.statistics().connections).toBe(1);
      await (await a.open(b.self, bulk)).send(frame('x'));
      await b.open(a.self, control);
      await b.open(a.self, bulk);
      await a.open(b.self, bulk);
      expect(a.statistics().connections).toBe(2);
      expect(b.statistics().connections).toBe(2);
    });

    it('are not dialled twice for streams that are opened at once', async () => {
      const { a, b } = await startPair();
      accept(b, control);
      accept(b, bulk);
      await Promise.all([bulk, control, bulk, control, bulk].map((protocol) => a.open(b.self, protocol)));
      expect(a.statistics().connections).toBe(2);
    });

    it('carry both kinds of traffic when the other side cannot be dialled', async () => {
      const volunteer = await start({ listen: [] });
      const anchor = await start();
      accept(anchor, control);
      const accepted = accept(volunteer, bulk);
      volunteer.learn(anchor.self, anchor.addresses());
      await volunteer.open(anchor.self, control);
      await (await anchor.open(volunteer.self, bulk)).send(frame('tensor', new Uint8Array(2 * MEGABYTE)));
      expect((await nextFrame(await accepted.next())).payload.byteLength).toBe(2 * MEGABYTE);
    });

    it('are accepted from many peers of one machine at once', async () => {
      const hub = await start();
      echo(hub);
      echo(hub, bulk);
      const peers = await Promise.all(Array.from({ length: 12 }, () => start({ listen: [] })));
      await Promise.all(
        peers.map(async (peer) => {
          peer.learn(hub.self, hub.addresses());
          await roundTrips(await peer.open(hub.self, control), 1);
          await roundTrips(await peer.open(hub.self, bulk), 1);
        }),
      );
      expect(hub.statistics().connections).toBe(24);
    });

    it.each(['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'])(
      'at %s are refused to a peer that is not allowed, by its proven name',
      async (address) => {
        const asked: PeerName[] = [];
        const [guest, stranger] = await Promise.all([start(), start()]);
        const host = await start({
          listen: [address],
          allowPeer: async (peer) => {
            asked.push(peer);
            return peer === guest.self;
          },
        });
        echo(host);
        for (const peer of [guest, stranger]) peer.learn(host.self, host.addresses());
        await roundTrips(await guest.open(host.self, control), 1);
        expect(await codeOf(stranger.open(host.self, control))).toBe('refused');
        expect(asked).toContain(stranger.self);
        expect(host.statistics().connections).toBe(1);
      },
    );

    it('to a peer that does not answer are unreachable, with the addresses that were tried', async () => {
      const [a, gone] = await Promise.all([start(), start()]);
      a.learn(gone.self, gone.addresses());
      const [address] = gone.addresses();
      await gone.close();
      const error: unknown = await a.open(gone.self, control).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'NetworkError', code: 'unreachable', peer: gone.self });
      expect((error as Error).message).toContain(address);
      expect((error as Error).message).toContain('ECONNREFUSED');
    });

    it('are not made to another peer that answers at the address', async () => {
      const [a, b] = await Promise.all([start(), start()]);
      const absent = peerNameOf(await generateKey());
      const socket = b.addresses()[0]!.split('/p2p/')[0]!;
      a.learn(absent, [socket]);
      expect(await codeOf(a.open(absent, control))).toBe('unreachable');
      expect(a.statistics().connections).toBe(0);
    });

    it('ignore addresses that are malformed or name somebody else', async () => {
      const { a, b } = await startPair();
      echo(b);
      const stranger = peerNameOf(await generateKey());
      a.learn(b.self, ['nonsense', '/ip4/1.2.3.4', `/ip4/127.0.0.1/tcp/1/p2p/${stranger}`, '']);
      a.learn('not a peer', b.addresses());
      await roundTrips(await a.open(b.self, control), 1);
      expect(await codeOf(a.open('not a peer', control))).toBe('unreachable');
    });

    it('find a peer that came back at another port under the same name', async () => {
      const privateKey = await generateKey();
      const a = await start();
      const before = await start({ privateKey });
      echo(before);
      a.learn(before.self, before.addresses());
      await roundTrips(await a.open(before.self, control), 1);
      await before.close();
      const after = await start({ privateKey });
      echo(after);
      a.learn(after.self, after.addresses());
      await roundTrips(await a.open(after.self, control), 1);
    });

    it('whose multiplexer the remote gave up are replaced at the next stream', async () => {
      const a = await start();
      const raw = await startRaw({ listen: ['/ip4/127.0.0.1/tcp/0'] });
      await raw.handle(control.id, () => {});
      const peer = raw.peerId.toString();
      a.learn(peer, raw.getMultiaddrs().map(String));
      const stream = await a.open(peer, control);
      const broken = codeOf(nextFrame(stream));
      const [connection] = raw.getConnections() as unknown as [{ muxer: { abort(error: Error): void } }];
      connection.muxer.abort(new Error('protocol error'));
      expect(await broken).toBe('reset');
      await a.open(peer, control);
      expect(a.statistics().connections).toBe(1);
    });

    it('of a loaded peer are not cut because it answers pings late', async () => {
      const late = { pingInterval: 20, pingTimeout: { minTimeout: 1, maxTimeout: 1 } };
      const { a, b } = await startPair({ connectionMonitor: late });
      const accepted = accept(b, bulk);
      let downs = 0;
      a.onConnection((event) => {
        if (event.state === 'down') downs++;
      });
      const outgoing = await a.open(b.self, bulk);
      const read = accepted.next().then(readAll);
      const until = performance.now() + 500;
      let sent = 0;
      for (; performance.now() < until; sent++) await outgoing.send(frame('', new Uint8Array(MEGABYTE)));
      await outgoing.close();
      expect(await read).toHaveLength(sent);
      expect(downs).toBe(0);
    });
  });

  describe('a peer in another process', () => {
    it('that is killed is known to be gone at once, and its streams are broken, not ended', async () => {
      const network = await start();
      const { peer, child } = await startProcess(network);
      const pulse = await network.open(peer, control);
      await roundTrips(pulse, 1);
      const flood = await network.open(peer, bulk);
      await nextFrame(flood);
      const down = new Promise<number>((resolve) => {
        network.onConnection((event) => {
          if (event.peer === peer && event.state === 'down') resolve(performance.now());
        });
      });
      const reading = codeOf(nextFrame(pulse));
      const killed = performance.now();
      child.kill('SIGKILL');
      // About 15 ms when the machine is idle; a fault that is only found by a timeout takes seconds.
      expect((await down) - killed).toBeLessThan(1000);
      expect(await reading).toBe('reset');
      expect(await codeOf(readAll(flood))).toBe('reset');
      expect(await codeOf(pulse.send(frame('x')))).toBe('reset');
      expect(await codeOf(network.open(peer, control))).toBe('unreachable');
    });

    it('that is frozen keeps its connection, holds whoever waits until they give up, and comes back', async () => {
      const network = await start();
      const { peer, child } = await startProcess(network);
      const pulse = await network.open(peer, control);
      await roundTrips(pulse, 1);
      child.kill('SIGSTOP');
      const patience = AbortSignal.timeout(200);
      const opened = network.open(peer, control, patience).catch((error: unknown) => error);
      await pulse.send(frame('are you there?'));
      const answer = nextFrame(pulse);
      expect(await opened).toBe(patience.reason);
      expect(network.statistics().connections).toBe(1);
      child.kill('SIGCONT');
      expect(headerOf(await answer)).toBe('are you there?');
      await roundTrips(await network.open(peer, control), 1);
    });
  });

  describe('starting', () => {
    it('at a port in use fails with the address', async () => {
      const taken = (await start()).addresses()[0]!.split('/p2p/')[0]!;
      const error: unknown = await start({ listen: [taken] }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(NetworkError);
      expect((error as Error).message).toContain(`cannot listen at ${taken}`);
      expect((error as Error).message).toContain('EADDRINUSE');
    });

    it('at a malformed address fails with the address', async () => {
      await expect(start({ listen: ['/ip4/127.0.0.1/tcp'] })).rejects.toThrow(
        /cannot listen at \/ip4\/127.0.0.1\/tcp/,
      );
    });
  });

  describe('gossip', () => {
    it('passes through a peer between two that are not connected, and stops after unsubscribing', async () => {
      const [hub, left, right] = await Promise.all([start(), start({ listen: [] }), start({ listen: [] })]);
      echo(hub);
      const pulses: FrameStream[] = [];
      for (const peer of [left, right]) {
        peer.learn(hub.self, hub.addresses());
        pulses.push(await peer.open(hub.self, control));
      }
      hub.subscribe('presence', () => {});
      const heard: string[] = [];
      let arrived: () => void = () => {};
      const first = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      const leave = right.subscribe('presence', (from, data) => {
        heard.push(`${from} ${new TextDecoder().decode(data)}`);
        arrived();
      });
      let done = false;
      first.then(() => {
        done = true;
      });
      for (let i = 0; !done; i++) {
        await left.publish('presence', new TextEncoder().encode(`${i}`));
        await roundTrips(pulses[0]!, 5);
      }
      expect(heard[0]!.split(' ')[0]).toBe(left.self);
      leave();
      leave();
      const count = heard.length;
      await left.publish('presence', new TextEncoder().encode('last'));
      await roundTrips(pulses[0]!, 20);
      await roundTrips(pulses[1]!, 20);
      expect(heard).toHaveLength(count);
    });
  });
});
