// Everything that a small swarm said and kept in one simulated run, for tests that change it.

import type { Frame, FrameStream, Network, Protocol } from '../../src/seams/network.ts';
import { Simulation } from '../../src/replay/simulation.ts';
import { CountingEngine } from '../swarm/seeds/counting-engine.ts';
import { scenarioOf } from '../swarm/seeds/scenario.ts';

export interface Recording {
  readonly runId: string;
  /** Frames by the protocol they went on, in the order in which they were sent. */
  readonly frames: ReadonlyMap<string, readonly Frame[]>;
  /** Lines of the founder's journal. */
  readonly journal: readonly string[];
  /** What its keepers signed, a line each. */
  readonly certificates: readonly string[];
  /** Which vote the founder gave last. */
  readonly ballot: Uint8Array;
  readonly manifest: Uint8Array;
  /** A stage's snapshot as it lies on a disk. */
  readonly snapshot: { readonly stage: number; readonly bytes: Uint8Array };
}

/** The same recording every time. */
export async function record(): Promise<Recording> {
  const scenario = scenarioOf(7, ['cut']);
  const frames = new Map<string, Frame[]>();
  const device = { flopsPerSecond: 2e5, efficiency: 1, memoryBytesPerSecond: 1e9, memoryBytes: 1e9 };
  const simulation = new Simulation({
    ...scenario,
    engine: async (_, processor) => new CountingEngine(processor, device),
    network: (_, network) =>
      overhearing(network, ({ id }, frame) => {
        const heard = frames.get(id) ?? [];
        frames.set(id, heard);
        heard.push({ header: frame.header.slice(), payload: frame.payload.slice() });
        return undefined;
      }),
  });
  await simulation.run(600);
  const store = simulation.store('p0')!;
  return {
    runId: simulation.peer('p0')!.state.runId,
    frames,
    journal: await store.readLog('journal'),
    certificates: await store.readLog('certificates'),
    ballot: (await store.readBlob('ballot'))!,
    manifest: (await store.readBlob('manifest'))!,
    snapshot: { stage: 0, bytes: (await store.readBlob('stage-0'))! },
  };
}

/** A network that tells of every frame it sends; what `heard` gives back is sent in its place. */
export function overhearing(
  network: Network,
  heard: (protocol: Protocol, frame: Frame) => Frame | undefined,
): Network {
  const listening = (stream: FrameStream, protocol: Protocol): FrameStream =>
    withMethods(stream, {
      send: (frame: Frame, signal?: AbortSignal) => stream.send(heard(protocol, frame) ?? frame, signal),
    });
  return withMethods(network, {
    open: async (peer: string, protocol: Protocol, signal?: AbortSignal) =>
      listening(await network.open(peer, protocol, signal), protocol),
    handle: (protocol: Protocol, handler: (stream: FrameStream) => void) =>
      network.handle(protocol, (stream) => handler(listening(stream, protocol))),
  });
}

function withMethods<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(same, name) {
      const own = methods[name as keyof T] ?? same[name as keyof T];
      return typeof own === 'function' ? own.bind(same) : own;
    },
  });
}
