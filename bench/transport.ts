// How much of one bare libp2p stream skein's frames carry: 1 MB messages from this process to another one over
// loopback, bare and framed in turn, so that whatever else the machine does meets all alike. Two bare streams: one
// whose receiver puts each message together in an array of its own, as frames do, and one that only counts bytes.

import { fork } from 'node:child_process';
import { on } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { generateKey } from '../src/network/libp2p/identity.ts';
import { createLibp2pNetwork } from '../src/network/libp2p/network.ts';
import { median } from '../src/swarm/membership/medians.ts';
import {
  BARE_BYTES,
  BARE_MESSAGES,
  createBareNode,
  MESSAGE_BYTES,
  type ReceiverMessage,
  TENSORS,
} from './transport-parts.ts';

export interface TransportBenchOptions {
  /** Rounds that count; each sends once over each kind of stream. One more round warms up. */
  readonly rounds?: number;
  readonly megabytesPerRound?: number;
}

export const flags = { rounds: 'number', megabytesPerRound: 'number' } as const;

const KINDS = ['bare bytes', 'bare messages', 'skein frames'] as const;
type StreamKind = (typeof KINDS)[number];

export type TransportRow = {
  readonly stream: StreamKind;
  readonly messageBytes: number;
  readonly megabytesPerSecond: number;
  readonly sendCpuSecondsPerGigabyte: number;
  readonly receiveCpuSecondsPerGigabyte: number;
  /** Median over the rounds of this stream's MB/s over that of bare messages in the same round. */
  readonly ratio: number;
  /** The same over bare bytes, which nobody could compute with. */
  readonly ratioToBytes: number;
  /** CPU seconds of both processes for bare messages over this stream's, median: steady where MB/s are not. */
  readonly cpuRatio: number;
};

interface Sample {
  readonly megabytesPerSecond: number;
  readonly sendCpuSecondsPerGigabyte: number;
  readonly receiveCpuSecondsPerGigabyte: number;
}

/** What the bare sender lets wait before it waits itself. */
const BARE_HIGH_WATER_BYTES = MESSAGE_BYTES;

/** Runs the benchmark; rejects when the receiver counts other bytes than were sent. */
export async function run(
  options: TransportBenchOptions = {},
): Promise<{ readonly bench: 'transport'; readonly rows: readonly TransportRow[] }> {
  const { rounds = 5, megabytesPerRound = 40 } = options;
  const receiver = fork(fileURLToPath(new URL('transport-receiver.ts', import.meta.url)));
  const messages = on(receiver, 'message', { close: ['exit'] });
  const nextMessage = async (): Promise<ReceiverMessage> => {
    const { done, value } = await messages.next();
    if (done) throw new Error('the receiving process ended before it had received everything');
    return value[0] as ReceiverMessage;
  };
  const bare = await createBareNode();
  const network = await createLibp2pNetwork({ privateKey: await generateKey() });
  try {
    const ready = await nextMessage();
    if (ready.kind !== 'ready') throw new Error(`the receiver said ${ready.kind} before it was ready`);
    network.learn(ready.peer, ready.addresses);
    const payload = new Uint8Array(MESSAGE_BYTES).map((_, index) => index * 31);

    const measure = async (send: () => Promise<number>): Promise<Sample> => {
      const cpuStart = process.cpuUsage();
      const start = performance.now();
      const bytes = await send();
      const received = await nextMessage();
      const seconds = (performance.now() - start) / 1000;
      const cpu = process.cpuUsage(cpuStart);
      if (received.kind !== 'received' || received.bytes !== bytes) {
        throw new Error(`${bytes} bytes were sent, the receiver reports ${JSON.stringify(received)}`);
      }
      return {
        megabytesPerSecond: bytes / 1e6 / seconds,
        sendCpuSecondsPerGigabyte: (cpu.user + cpu.system) / 1e6 / (bytes / 1e9),
        receiveCpuSecondsPerGigabyte: received.cpuSeconds / (bytes / 1e9),
      };
    };
    const sendBare = async (protocol: string): Promise<number> => {
      const stream = await bare.dialProtocol(ready.bareAddresses.map(multiaddr), protocol);
      for (let i = 0; i < megabytesPerRound; i++) {
        stream.send(payload);
        await drained(stream);
      }
      await stream.close();
      return megabytesPerRound * payload.byteLength;
    };
    const sendFrames = async (): Promise<number> => {
      const stream = await network.open(ready.peer, TENSORS);
      const header = new Uint8Array(100);
      for (let i = 0; i < megabytesPerRound; i++) await stream.send({ header, payload });
      await stream.close();
      return megabytesPerRound * (header.byteLength + payload.byteLength);
    };

    const send: Record<StreamKind, () => Promise<number>> = {
      'bare bytes': () => sendBare(BARE_BYTES),
      'bare messages': () => sendBare(BARE_MESSAGES),
      'skein frames': sendFrames,
    };
    const samples: Record<StreamKind, Sample[]> = {
      'bare bytes': [],
      'bare messages': [],
      'skein frames': [],
    };
    for (let round = 0; round <= rounds; round++) {
      // Each kind goes first in its turn.
      for (let i = 0; i < KINDS.length; i++) {
        const kind = KINDS[(round + i) % KINDS.length]!;
        const sample = await measure(send[kind]);
        if (round > 0) samples[kind].push(sample);
      }
    }
    const ratioTo = (base: StreamKind, kind: StreamKind): number =>
      median(samples[kind].map((one, i) => one.megabytesPerSecond / samples[base][i]!.megabytesPerSecond));
    return {
      bench: 'transport',
      rows: KINDS.map((kind) => ({
        stream: kind,
        messageBytes: MESSAGE_BYTES,
        ...medians(samples[kind]),
        ratio: ratioTo('bare messages', kind),
        ratioToBytes: ratioTo('bare bytes', kind),
        cpuRatio: median(
          samples[kind].map((one, i) => cpuSeconds(samples['bare messages'][i]!) / cpuSeconds(one)),
        ),
      })),
    };
  } finally {
    if (receiver.connected) receiver.disconnect();
    await Promise.all([bare.stop(), network.close()]);
  }
}

/** Waits until little enough of what was sent is still in front of the encryption. */
async function drained(stream: Stream): Promise<void> {
  while (stream.writeBufferLength > BARE_HIGH_WATER_BYTES) {
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        stream.removeEventListener('drain', done);
        stream.removeEventListener('idle', done);
        stream.removeEventListener('close', broken);
        resolve();
      };
      const broken = (): void => reject(new Error('the bare stream broke'));
      stream.addEventListener('drain', done);
      stream.addEventListener('idle', done);
      stream.addEventListener('close', broken);
    });
  }
}

/** Of both ends, for one gigabyte. */
function cpuSeconds(sample: Sample): number {
  return sample.sendCpuSecondsPerGigabyte + sample.receiveCpuSecondsPerGigabyte;
}

function medians(samples: readonly Sample[]): Sample {
  return {
    megabytesPerSecond: median(samples.map((sample) => sample.megabytesPerSecond)),
    sendCpuSecondsPerGigabyte: median(samples.map((sample) => sample.sendCpuSecondsPerGigabyte)),
    receiveCpuSecondsPerGigabyte: median(samples.map((sample) => sample.receiveCpuSecondsPerGigabyte)),
  };
}
