// Protocols and frames that the network tests talk with, also from other processes.

import type { Frame, Protocol } from '../../src/seams/network.ts';

export const MEGABYTE = 1024 * 1024;

export const bulk: Protocol = {
  id: '/test/bulk/1',
  traffic: 'bulk',
  maxHeaderBytes: 1024,
  maxPayloadBytes: 10 * MEGABYTE,
  maxInboundStreams: 4,
};
export const control: Protocol = {
  id: '/test/control/1',
  traffic: 'control',
  maxHeaderBytes: 64 * 1024,
  maxPayloadBytes: 1024,
  maxInboundStreams: 64,
};

export function frame(header: string, payload: Uint8Array = new Uint8Array(0)): Frame {
  return { header: new TextEncoder().encode(header), payload };
}

export function headerOf(received: Frame): string {
  return new TextDecoder().decode(received.header);
}

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(bytes: number, seed: number): Uint8Array {
  const result = new Uint8Array(bytes);
  let state = (seed + 1) * 2654435761;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    result[i] = state >>> 24;
  }
  return result;
}
