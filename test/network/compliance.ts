// What every member of the Network seam must do, whatever it is made of: call `networkCompliance` in a test file.

import { fc } from '../property.ts';
import { afterEach, describe, expect, it } from 'vitest';
import type {
  ConnectionEvent,
  Frame,
  FrameStream,
  Network,
  NetworkErrorCode,
  PeerName,
  Protocol,
} from '../../src/seams/network.ts';
import { NetworkError } from '../../src/seams/network.ts';
import { bulk, control, frame, headerOf, MEGABYTE, pattern } from './compliance-protocols.ts';

/** Two peers that know each other's addresses and have no connection yet. */
export interface NetworkPair {
  readonly a: Network;
  readonly b: Network;
  /** A well-formed name that no peer has. */
  readonly stranger: PeerName;
  /** Seconds on the clock of this network, real or virtual. */
  now(): number;
  /** Waits for a promise; a network in virtual time drives its clock until the promise is settled. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** Streams open at either peer, for members that can tell. */
  openStreams?(): number;
  close(): Promise<void>;
}

/** The streams of a protocol that the others open to this peer, in order. */
export function accept(network: Network, protocol: Protocol): { next(): Promise<FrameStream> } {
  const arrived: FrameStream[] = [];
  const waiting: ((stream: FrameStream) => void)[] = [];
  network.handle(protocol, (stream) => {
    const taker = waiting.shift();
    if (taker === undefined) arrived.push(stream);
    else taker(stream);
  });
  return {
    next: () =>
      new Promise((resolve) => {
        const stream = arrived.shift();
        if (stream === undefined) waiting.push(resolve);
        else resolve(stream);
      }),
  };
}

export async function nextFrame(stream: FrameStream): Promise<Frame> {
  const result = await stream.frames().next();
  if (result.done) throw new Error('the stream ended where a frame was expected');
  return result.value;
}

/** Every frame until the stream ends. */
export async function readAll(stream: FrameStream): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const received of stream.frames()) frames.push(received);
  return frames;
}

export async function codeOf(promise: Promise<unknown>): Promise<NetworkErrorCode | 'no error'> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    if (error instanceof NetworkError) return error.code;
    throw error;
  }
}

/** Sends every frame back on the stream it came on. */
export function echo(network: Network, protocol: Protocol = control): void {
  network.handle(protocol, async (stream) => {
    try {
      for await (const received of stream.frames()) await stream.send(received);
      await stream.close();
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
    }
  });
}

/** Seconds of one round trip on an open echo stream. */
async function roundTrip(pair: NetworkPair, stream: FrameStream): Promise<number> {
  const start = pair.now();
  await stream.send(frame('ping'));
  await nextFrame(stream);
  return pair.now() - start;
}

function nextEvent(network: Network, state: ConnectionEvent['state']): Promise<ConnectionEvent> {
  return new Promise((resolve) => {
    const stop = network.onConnection((event) => {
      if (event.state !== state) return;
      stop();
      resolve(event);
    });
  });
}

/** `createPair` starts two new peers for each test. */
export function networkCompliance(name: string, createPair: () => Promise<NetworkPair>): void {
  describe(`${name} as a Network`, () => {
    const pairs: NetworkPair[] = [];
    afterEach(async () => {
      for (const pair of pairs.splice(0)) await pair.close();
    });
    const test = (behaviour: string, body: (pair: NetworkPair) => Promise<void>): void => {
      it(behaviour, async () => {
        const pair = await createPair();
        pairs.push(pair);
        await pair.settle(body(pair));
      });
    };

    describe('frames', () => {
      test('arrive whole and in order, from nothing to 10 MB', async ({ a, b }) => {
        const accepted = accept(b, bulk);
        const outgoing = await a.open(b.self, bulk);
        const sizes = [0, 1, 7, 8, 9, 65_519, 65_536, 262_144, MEGABYTE + 3, 10 * MEGABYTE, 0, 5];
        const payloads = sizes.map(pattern);
        const sent = (async () => {
          for (const [i, payload] of payloads.entries()) await outgoing.send(frame(`frame ${i}`, payload));
          await outgoing.close();
        })();
        const incoming = await accepted.next();
        expect(incoming.remote).toBe(a.self);
        const received = await readAll(incoming);
        await sent;
        expect(received.map(headerOf)).toEqual(sizes.map((_, i) => `frame ${i}`));
        for (const [i, payload] of payloads.entries()) {
          expect(Buffer.compare(received[i]!.payload, payload), `payload ${i}`).toBe(0);
        }
      });

      test('may have an empty header, an empty payload, or both', async ({ a, b }) => {
        const accepted = accept(b, bulk);
        const outgoing = await a.open(b.self, bulk);
        const nothing = new Uint8Array(0);
        await outgoing.send({ header: nothing, payload: nothing });
        await outgoing.send({ header: nothing, payload: Uint8Array.of(1) });
        await outgoing.send({ header: Uint8Array.of(2), payload: nothing });
        await outgoing.close();
        const received = await readAll(await accepted.next());
        expect(received.map((one) => [one.header.byteLength, one.payload.byteLength])).toEqual([
          [0, 0],
          [0, 1],
          [1, 0],
        ]);
      });

      test('of any sizes arrive as they were queued', async ({ a, b }) => {
        const accepted = accept(b, bulk);
        const outgoing = await a.open(b.self, bulk);
        const incoming = accepted.next();
        const sizes = fc.record({ header: fc.nat({ max: 1024 }), payload: fc.nat({ max: 200_000 }) });
        await fc.assert(
          fc.asyncProperty(fc.array(sizes, { minLength: 1, maxLength: 12 }), async (list) => {
            const frames = list.map((size, i) => ({
              header: pattern(size.header, i),
              payload: pattern(size.payload, i + 1),
            }));
            const sends = Promise.all(frames.map((one) => outgoing.send(one)));
            const stream = await incoming;
            for (const one of frames) {
              const received = await nextFrame(stream);
              expect(Buffer.compare(received.header, one.header)).toBe(0);
              expect(Buffer.compare(received.payload, one.payload)).toBe(0);
            }
            await sends;
          }),
          { numRuns: 15 },
        );
      });

      test('belong to the reader: its payload can be viewed as float32, and changed', async ({ a, b }) => {
        const accepted = accept(b, bulk);
        const outgoing = await a.open(b.self, bulk);
        const numbers = new Float32Array([1.5, -2, 3e7]);
        await outgoing.send(frame('x', new Uint8Array(numbers.buffer)));
        const { payload } = await nextFrame(await accepted.next());
        expect(payload.buffer.byteLength).toBe(payload.byteLength);
        const view = new Float32Array(payload.buffer, payload.byteOffset, 3);
        expect([...view]).toEqual([...numbers]);
        view[0] = 9;
        expect(numbers[0]).toBe(1.5);
      });

      test('are what they were when send was called, if the payload changes only after it resolved', async ({
        a,
        b,
      }) => {
        const accepted = accept(b, bulk);
        const talk = async (bytes: number): Promise<void> => {
          const outgoing = await a.open(b.self, bulk);
          const incoming = accepted.next();
          const payload = new Uint8Array(bytes);
          const sent = (async () => {
            for (let i = 1; i <= 24; i++) {
              payload.fill(i);
              await outgoing.send(frame(`${i}`, payload));
              payload.fill(99);
            }
            await outgoing.close();
          })();
          let count = 0;
          for await (const received of (await incoming).frames()) {
            count++;
            expect(headerOf(received)).toBe(`${count}`);
            expect(received.payload.findIndex((byte) => byte !== count)).toBe(-1);
          }
          await sent;
          expect(count).toBe(24);
        };
        await Promise.all([100_000, 400_000, 700_000, 2_000_000].map(talk));
      });

      test('go both ways at once on one stream', async ({ a, b }) => {
        const accepted = accept(b, bulk);
        const outgoing = await a.open(b.self, bulk);
        const incoming = await accepted.next();
        const talk = async (stream: FrameStream, name: string): Promise<string[]> => {
          const sends = (async () => {
            for (let i = 0; i < 20; i++) await stream.send(frame(`${name} ${i}`, pattern(300_000, i)));
            await stream.close();
          })();
          const heard = (await readAll(stream)).map(headerOf);
          await sends;
          return heard;
        };
        const [heardByA, heardByB] = await Promise.all([talk(outgoing, 'a'), talk(incoming, 'b')]);
        expect(heardByA).toEqual(Array.from({ length: 20 }, (_, i) => `b ${i}`));
        expect(heardByB).toEqual(Array.from({ length: 20 }, (_, i) => `a ${i}`));
      });

      test('stay readable after a consumer has left its loop', async ({ a, b }) => {
        const accepted = accept(b, bulk);
        const outgoing = await a.open(b.self, bulk);
        for (const text of ['first', 'second', 'third']) await outgoing.send(frame(text));
        await outgoing.close();
        const incoming = await accepted.next();
        for await (const received of incoming.frames()) {
          expect(headerOf(received)).toBe('first');
          break;
        }
        expect((await readAll(incoming)).map(headerOf)).toEqual(['second', 'third']);
      });
    });

    describe('a slow reader', () => {
      test('holds its sender at a few megabytes and then gets everything', async (pair) => {
        const { a, b } = pair;
        const accepted = accept(b, bulk);
        echo(b, control);
        const pulse = await a.open(b.self, control);
        const outgoing = await a.open(b.self, bulk);
        const count = 48;
        let taken = 0;
        const sent = (async () => {
          for (let i = 0; i < count; i++) {
            await outgoing.send(frame(`${i}`, pattern(MEGABYTE, i)));
            taken++;
          }
          await outgoing.close();
        })();
        const incoming = await accepted.next();
        // The sender has come as far as it can when it has not moved during 30 round trips beside it.
        for (
          let still = 0, before = taken;
          still < 30;
          still = taken === before ? still + 1 : 0, before = taken
        ) {
          await roundTrip(pair, pulse);
        }
        expect(taken).toBeLessThanOrEqual(8);
        let i = 0;
        for await (const received of incoming.frames()) {
          expect(headerOf(received)).toBe(`${i}`);
          expect(Buffer.compare(received.payload, pattern(MEGABYTE, i))).toBe(0);
          i++;
        }
        await sent;
        expect(i).toBe(count);
      });

      test('does not keep control messages waiting', async (pair) => {
        const { a, b } = pair;
        const accepted = accept(b, bulk);
        echo(b, control);
        const outgoing = await a.open(b.self, bulk);
        const flooding = new AbortController();
        let taken = 0;
        const flood = (async () => {
          const payload = pattern(MEGABYTE, 1);
          while (!flooding.signal.aborted) {
            await outgoing.send(frame('', payload));
            taken++;
          }
          await outgoing.close();
        })();
        const drained = accepted.next().then(async (incoming) => {
          let bytes = 0;
          for await (const received of incoming.frames()) bytes += received.payload.byteLength;
          return bytes;
        });
        const pulse = await a.open(b.self, control);
        const start = pair.now();
        const trips: number[] = [];
        while (trips.length < 20 || taken < 20) trips.push(await roundTrip(pair, pulse));
        const secondsPerMegabyte = (pair.now() - start) / taken;
        flooding.abort();
        await flood;
        expect(await drained).toBe(taken * MEGABYTE);
        const median = trips.toSorted((x, y) => x - y)[Math.floor(trips.length / 2)]!;
        expect(median).toBeLessThan(8 * secondsPerMegabyte);
      });
    });

    describe('limits', () => {
      test('are kept by the sender', async ({ a, b }) => {
        accept(b, bulk);
        const stream = await a.open(b.self, bulk);
        expect(await codeOf(stream.send(frame('', new Uint8Array(bulk.maxPayloadBytes + 1))))).toBe('limit');
        expect(await codeOf(stream.send(frame('h'.repeat(bulk.maxHeaderBytes + 1))))).toBe('limit');
      });

      const excessive: [string, Frame][] = [
        ['payload', frame('', new Uint8Array(2000))],
        ['header', frame('h'.repeat(2000))],
      ];
      for (const [part, tooLong] of excessive) {
        test(`break the stream of a sender whose ${part} is longer than the reader allows`, async ({
          a,
          b,
        }) => {
          const strict: Protocol = { ...bulk, maxHeaderBytes: 1000, maxPayloadBytes: 1000 };
          const accepted = accept(b, strict);
          const stream = await a.open(b.self, { ...strict, maxHeaderBytes: 5000, maxPayloadBytes: 5000 });
          await stream.send(frame('allowed'));
          await stream.send(tooLong);
          const incoming = await accepted.next();
          expect(headerOf(await nextFrame(incoming))).toBe('allowed');
          expect(await codeOf(nextFrame(incoming))).toBe('limit');
          expect(await codeOf(nextFrame(stream))).toBe('reset');
        });
      }

      test('hold for the streams that one peer may have open', async ({ a, b }) => {
        const accepted = accept(b, bulk);
        const streams: FrameStream[] = [];
        for (let i = 0; i < bulk.maxInboundStreams; i++) streams.push(await a.open(b.self, bulk));
        const [code] = await Promise.all([codeOf(a.open(b.self, bulk).then(nextFrame))]);
        expect(['reset', 'refused', 'limit']).toContain(code);
        // When one is closed on both sides, there is room again.
        const first = await accepted.next();
        await streams[0]!.close();
        await first.close();
        expect(await readAll(streams[0]!)).toEqual([]);
        expect(await readAll(first)).toEqual([]);
        await (await a.open(b.self, bulk)).send(frame('again'));
        for (let i = 1; i < bulk.maxInboundStreams; i++) await accepted.next();
        expect(headerOf(await nextFrame(await accepted.next()))).toBe('again');
      });
    });

    describe('abort signals', () => {
      test('that aborted before keep a stream from being opened', async ({ a, b }) => {
        accept(b, bulk);
        const reason = new Error('changed my mind');
        await expect(a.open(b.self, bulk, AbortSignal.abort(reason))).rejects.toBe(reason);
      });

      test('free a sender that is held, and the frames before it still arrive', async (pair) => {
        const { a, b } = pair;
        const accepted = accept(b, bulk);
        echo(b, control);
        const pulse = await a.open(b.self, control);
        const outgoing = await a.open(b.self, bulk);
        const controller = new AbortController();
        const reason = new Error('enough');
        const outcomes: Promise<'sent' | 'aborted'>[] = [];
        for (let i = 0; i < 20; i++) {
          const send = outgoing.send(frame(`${i}`, pattern(MEGABYTE, i)), controller.signal);
          outcomes.push(
            send.then(
              () => 'sent',
              (error) => {
                expect(error).toBe(reason);
                return 'aborted';
              },
            ),
          );
        }
        for (let i = 0; i < 30; i++) await roundTrip(pair, pulse);
        controller.abort(reason);
        const settled = await Promise.all(outcomes);
        const sent = settled.indexOf('aborted');
        expect(sent).toBeGreaterThanOrEqual(0);
        expect(settled.slice(sent).every((outcome) => outcome === 'aborted')).toBe(true);
        await Promise.all([
          outgoing.send(frame('last')).then(() => outgoing.close()),
          (async () => {
            const received = (await readAll(await accepted.next())).map(headerOf);
            // The frame that was on its way may have arrived whole; those behind it were never sent.
            expect(received.slice(0, sent)).toEqual(Array.from({ length: sent }, (_, i) => `${i}`));
            expect([sent + 1, sent + 2]).toContain(received.length);
            expect(received.at(-1)).toBe('last');
          })(),
        ]);
      });
    });

    describe('ends', () => {
      test('of one side leave the other side open', async ({ a, b }) => {
        const accepted = accept(b, control);
        const outgoing = await a.open(b.self, control);
        await outgoing.send(frame('question'));
        await outgoing.close();
        expect(await codeOf(outgoing.send(frame('more')))).toBe('closed');
        const incoming = await accepted.next();
        expect((await readAll(incoming)).map(headerOf)).toEqual(['question']);
        await incoming.send(frame('answer'));
        await incoming.close();
        expect((await readAll(outgoing)).map(headerOf)).toEqual(['answer']);
        await outgoing.close();
      });

      test('by abort are a reset for the other side, and closed for this one', async ({ a, b }) => {
        const accepted = accept(b, control);
        const outgoing = await a.open(b.self, control);
        await outgoing.send(frame('x'));
        const incoming = await accepted.next();
        await nextFrame(incoming);
        const waiting = codeOf(nextFrame(incoming));
        outgoing.abort(new Error('no longer needed'));
        expect(await waiting).toBe('reset');
        expect(await codeOf(incoming.send(frame('y')))).toBe('reset');
        expect(await codeOf(nextFrame(incoming))).toBe('reset');
        expect(await codeOf(outgoing.send(frame('z')))).toBe('closed');
        expect(await codeOf(nextFrame(outgoing))).toBe('closed');
        await incoming.close();
        await outgoing.close();
      });

      test('by abort in the middle of a frame are a reset, never a short frame', async (pair) => {
        const { a, b } = pair;
        const accepted = accept(b, bulk);
        echo(b, control);
        const pulse = await a.open(b.self, control);
        const outgoing = await a.open(b.self, bulk);
        const sends = Array.from({ length: 3 }, () =>
          codeOf(outgoing.send(frame('', pattern(10 * MEGABYTE, 1)))),
        );
        const incoming = await accepted.next();
        for (let i = 0; i < 30; i++) await roundTrip(pair, pulse);
        outgoing.abort(new Error('stop'));
        expect(await Promise.all(sends)).toContain('closed');
        let code = 'no error';
        try {
          for await (const received of incoming.frames()) {
            expect(received.payload.byteLength).toBe(10 * MEGABYTE);
          }
        } catch (error) {
          code = (error as NetworkError).code;
        }
        expect(code).toBe('reset');
      });

      test('of the network end every stream, and it stays closed', async ({ a, b }) => {
        const accepted = accept(b, control);
        const outgoing = await a.open(b.self, control);
        await outgoing.send(frame('x'));
        const incoming = await accepted.next();
        await nextFrame(incoming);
        const [own, other] = [
          codeOf(nextFrame(outgoing)),
          incoming
            .frames()
            .next()
            .catch((error) => error),
        ];
        await a.close();
        expect(await own).toBe('closed');
        const heard = await other;
        expect(heard.done === true || heard.code === 'reset').toBe(true);
        expect(await codeOf(a.open(b.self, control))).toBe('closed');
        expect(await codeOf(outgoing.send(frame('y')))).toBe('closed');
        await a.close();
      });

      test('of 1000 streams leave nothing behind', async (pair) => {
        const { a, b } = pair;
        echo(b, control);
        const once = async (): Promise<void> => {
          const stream = await a.open(b.self, control);
          await stream.send(frame('x'));
          await stream.close();
          expect(await readAll(stream)).toHaveLength(1);
        };
        await once();
        const before = pair.openStreams?.();
        for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 10 }, once));
        await once();
        const after = pair.openStreams?.();
        // A background stream of the member itself (a ping) may be open at one of the two moments.
        if (before !== undefined) expect(after).toBeLessThanOrEqual(before + 4);
      });
    });

    describe('connections', () => {
      test('come up at the first stream and go down with the peer', async ({ a, b }) => {
        accept(b, control);
        accept(b, bulk);
        const events: string[] = [];
        a.onConnection((event) => events.push(`${event.state} ${event.peer}`));
        const [upAtA, upAtB] = [nextEvent(a, 'up'), nextEvent(b, 'up')];
        await a.open(b.self, control);
        await a.open(b.self, bulk);
        expect(await upAtA).toEqual({ peer: b.self, state: 'up' });
        expect(await upAtB).toEqual({ peer: a.self, state: 'up' });
        const down = nextEvent(a, 'down');
        await b.close();
        expect(await down).toEqual({ peer: b.self, state: 'down' });
        expect(events).toEqual([`up ${b.self}`, `down ${b.self}`]);
      });

      test('are no longer told to a listener that has left', async ({ a, b }) => {
        accept(b, control);
        let heard = 0;
        a.onConnection(() => heard++)();
        await a.open(b.self, control);
        expect(heard).toBe(0);
      });

      test('work when both peers open streams of both kinds at the same moment', async ({ a, b }) => {
        const rooms = [
          [a, b],
          [b, a],
        ] as const;
        const heard = rooms.flatMap(([from, to]) =>
          [control, bulk].map(async (protocol) => {
            const accepted = accept(to, protocol);
            const greeting = frame(`from ${from.self}`, pattern(500, 1));
            const opened = from.open(to.self, protocol).then((stream) => stream.send(greeting));
            const incoming = await accepted.next();
            const received = await nextFrame(incoming);
            await opened;
            return [incoming.remote, headerOf(received)];
          }),
        );
        for (const [index, result] of (await Promise.all(heard)).entries()) {
          const from = index < 2 ? a.self : b.self;
          expect(result).toEqual([from, `from ${from}`]);
        }
      });

      test('are cut by block, refused while it lasts, and possible again after allow', async ({ a, b }) => {
        const accepted = accept(b, control);
        accept(a, control);
        const stream = await a.open(b.self, control);
        await stream.send(frame('x'));
        await accepted.next();
        const [downAtA, downAtB] = [nextEvent(a, 'down'), nextEvent(b, 'down')];
        b.block(a.self);
        await Promise.all([downAtA, downAtB]);
        expect(['closed', 'reset']).toContain(await codeOf(nextFrame(stream)));
        expect(await codeOf(b.open(a.self, control))).toBe('refused');
        expect(['refused', 'unreachable']).toContain(await codeOf(a.open(b.self, control).then(nextFrame)));
        b.allow(a.self);
        await (await a.open(b.self, control)).send(frame('back'));
        expect(headerOf(await nextFrame(await accepted.next()))).toBe('back');
      });

      test('to a peer that nobody has heard of are unreachable', async ({ a, stranger }) => {
        expect(await codeOf(a.open(stranger, control))).toBe('unreachable');
      });

      test('do not make a peer speak a protocol that it has no handler for', async ({ a, b }) => {
        expect(await codeOf(a.open(b.self, control))).toBe('refused');
      });

      test('count the bytes of headers and payloads that were sent', async ({ a, b }) => {
        const accepted = accept(b, bulk);
        const stream = await a.open(b.self, bulk);
        const before = a.bytesSent();
        await stream.send(frame('four', new Uint8Array(1000)));
        await nextFrame(await accepted.next());
        expect(a.bytesSent() - before).toBe(1004);
        expect(b.bytesSent()).toBe(0);
      });
    });

    describe('gossip', () => {
      test('reaches a subscriber with the name of who published it', async ({ a, b }) => {
        accept(b, control);
        const heard = new Promise<[PeerName, string]>((resolve) => {
          b.subscribe('news', (from, data) => resolve([from, new TextDecoder().decode(data)]));
        });
        await a.open(b.self, control);
        // Delivery is likely, not certain, and a subscription takes a moment to become known: publish until heard.
        let arrived = false;
        heard.then(() => {
          arrived = true;
        });
        echo(a, { ...control, id: '/test/pulse/1' });
        const pulse = await b.open(a.self, { ...control, id: '/test/pulse/1' });
        while (!arrived) {
          await a.publish('news', new TextEncoder().encode('hello'));
          await pulse.send(frame('tick'));
          await nextFrame(pulse);
        }
        expect(await heard).toEqual([a.self, 'hello']);
      });

      test('larger than 64 KB is refused', async ({ a }) => {
        expect(await codeOf(a.publish('news', new Uint8Array(64 * 1024 + 1)))).toBe('limit');
      });
    });
  });
}
