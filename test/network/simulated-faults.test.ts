// What can go wrong with the simulated world's clocks, processors and ways, each alone.

import { describe, expect, it } from 'vitest';
import { SimulatedNetworks } from '../../src/network/simulated/network.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import type { FrameStream } from '../../src/seams/network.ts';
import { bulk, control, frame } from './compliance-protocols.ts';

const LATENCY = 0.01;

/** Two peers, a stream from a to b, and when each frame arrived at b, or how its reading ended. */
async function talk(options: { readonly shared?: boolean; readonly bytesPerSecond?: number } = {}) {
  const { shared = false, bytesPerSecond = 20e6 } = options;
  const world = new SimulatedWorld();
  const networks = new SimulatedNetworks(world, {
    latencySeconds: () => LATENCY,
    bytesPerSecond: () => bytesPerSecond,
    ...(shared && {
      shared: {
        peers: ['a', 'b', 'c'],
        uploadBytesPerSecond: () => 1e6,
        downloadBytesPerSecond: () => 10e6,
      },
    }),
  });
  const [a, b, c] = [networks.join('a'), networks.join('b'), networks.join('c')];
  const arrived: string[] = [];
  const at = () => Number(world.now().toFixed(3));
  for (const node of [b, c]) {
    for (const protocol of [control, bulk]) {
      node.handle(protocol, async (stream) => {
        try {
          for await (const one of stream.frames()) {
            arrived.push(`${new TextDecoder().decode(one.header)} ${at()}`);
          }
        } catch {
          arrived.push(`broke ${at()}`);
        }
      });
    }
  }
  const open = async (to: string, protocol = control): Promise<FrameStream> => {
    let opened: FrameStream | undefined;
    let failed: unknown;
    a.open(to, protocol).then(
      (stream) => {
        opened = stream;
      },
      (error: unknown) => {
        failed = error;
      },
    );
    await world.run(() => opened !== undefined || failed !== undefined, 1000);
    if (opened === undefined) throw failed;
    return opened;
  };
  const until = (seconds: number) => {
    let over = false;
    world.at(seconds, '', () => {
      over = true;
    });
    return world.run(() => over, 1000);
  };
  return { world, networks, a, b, arrived, open, until };
}

describe('a way that is cut', () => {
  it('holds what is sent until it is whole again, in order, and the other way goes on', async () => {
    const { world, networks, arrived, open, until } = await talk();
    const line = await open('b');
    const heal = networks.part(['a'], ['b'], false);
    void line.send(frame('one'));
    void line.send(frame('two'));
    world.at(2, '', heal);
    await until(3);
    expect(arrived).toEqual(['one 2.01', 'two 2.01']);
  });

  it('ends its connections on both sides after a while', async () => {
    const { networks, b, arrived, open, until } = await talk();
    const line = await open('b');
    const downs: string[] = [];
    b.onConnection(({ state }) => downs.push(state));
    networks.part(['a'], ['b'], true);
    void line.send(frame('one'));
    await until(30);
    expect(arrived).toEqual(['broke 20.02']);
    expect(downs).toEqual(['down']);
    await expect(open('b')).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('a connection that breaks', () => {
  it('loses what was under way, or lets it arrive although its sender does not know', async () => {
    for (const inFlight of ['lost', 'delivered'] as const) {
      const { world, networks, arrived, open, until } = await talk();
      const line = await open('b');
      await line.send(frame('one'));
      networks.cut('a', 'b', inFlight);
      await until(world.now() + 1);
      const broke = 'broke 0.03';
      expect(arrived).toEqual(inFlight === 'lost' ? [broke] : ['one 0.03', broke]);
      await expect(line.send(frame('two'))).rejects.toMatchObject({ code: 'reset' });
    }
  });

  it('takes nothing with it of the connection that comes after it', async () => {
    const { networks, arrived, open, until } = await talk();
    await open('b');
    networks.cut('a', 'b', 'lost');
    const next = await open('b');
    void next.send(frame('new'));
    await until(1);
    expect(arrived).toEqual(['broke 0.03', 'new 0.05']);
  });

  it('leaves the connection for the other traffic alone', async () => {
    const { networks, b, arrived, open, until } = await talk();
    const [quick, slow] = [await open('b', control), await open('b', bulk)];
    const downs: string[] = [];
    b.onConnection(({ state }) => downs.push(state));
    networks.cut('a', 'b', 'lost', 'bulk');
    void quick.send(frame('still here'));
    await until(1);
    expect(arrived).toEqual(['broke 0.05', 'still here 0.05']);
    expect(downs).toEqual([]);
    await expect(slow.send(frame('gone'))).rejects.toMatchObject({ code: 'reset' });
  });

  it('is what a corrupt frame leads to, at the reader first', async () => {
    const { networks, arrived, open, until } = await talk();
    const line = await open('b');
    expect(networks.corruptNext('a', 'b', 'control')).toBe(true);
    void line.send(frame('changed'));
    await until(0.035);
    expect(arrived).toEqual(['broke 0.03']);
    await until(1);
    await expect(line.send(frame('two'))).rejects.toMatchObject({ code: 'reset' });
  });

  it('is not heard of when a machine goes dark, and nothing answers there', async () => {
    const { world, networks, b, open } = await talk();
    await open('b');
    networks.darken('b');
    world.crash('b');
    expect(b.listening).toBe(false);
    const before = world.now();
    await expect(open('b')).rejects.toMatchObject({ code: 'unreachable' });
    expect(world.now() - before).toBeCloseTo(10);
  });
});

describe('ways that are shared', () => {
  it('give each of two transfers half of the uplink', async () => {
    const { arrived, open, until } = await talk({ shared: true, bytesPerSecond: Number.POSITIVE_INFINITY });
    const lines = [await open('b', bulk), await open('c', bulk)];
    for (const [index, line] of lines.entries()) {
      void line.send({ ...frame(`to ${index}`), payload: new Uint8Array(1_000_000) });
    }
    await until(5);
    const seconds = arrived.map((one) => Number(one.split(' ').at(-1)));
    expect(seconds).toHaveLength(2);
    for (const one of seconds) expect(one).toBeCloseTo(0.04 + 2 + LATENCY, 1);
  });
});

describe('ways with random delays', () => {
  it('let streams overtake each other, and never the frames of one stream', async () => {
    const { networks, arrived, open, until } = await talk();
    const lines = [await open('b', control), await open('b', bulk)];
    networks.weather.delay({ from: undefined, to: undefined, seconds: 0.5, kind: 'random' });
    for (let i = 0; i < 20; i++)
      for (const [index, line] of lines.entries()) void line.send(frame(`${index}.${i}`));
    await until(5);
    const order = arrived.map((one) => one.split(' ')[0]!);
    const sent = Array.from({ length: 20 }, (_, i) => [`0.${i}`, `1.${i}`]).flat();
    expect(order).not.toEqual(sent);
    for (const index of ['0', '1']) {
      expect(order.filter((one) => one.startsWith(`${index}.`))).toEqual(
        sent.filter((one) => one.startsWith(`${index}.`)),
      );
    }
  });
});

describe('a peer of the simulated world', () => {
  it('computes no further while it is frozen, and more slowly while it is slow', async () => {
    const world = new SimulatedWorld();
    const ended: string[] = [];
    world.processorOf('a').schedule(1, () => ended.push(`a ${world.now()}`));
    world.processorOf('b').schedule(1, () => ended.push(`b ${world.now()}`));
    world.at(0.5, '', () => world.freeze('a'));
    world.at(3, '', () => world.thaw('a'));
    world.at(0.5, '', () => world.slow('b', 4));
    world.at(1.5, '', () => world.slow('b', 1));
    await world.run(() => ended.length === 2, 10);
    expect(ended).toEqual(['b 1.75', 'a 3.5']);
  });

  it('may have a clock that is off and too fast', async () => {
    const world = new SimulatedWorld();
    world.setClock('a', 100, 1.25);
    const clock = world.clockOf('a');
    const seen: number[] = [];
    clock.schedule(5, () => seen.push(world.now(), clock.now()));
    await world.run(() => seen.length > 0, 10);
    expect(seen).toEqual([4, 105]);
  });
});
