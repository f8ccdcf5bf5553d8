import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import type { FrameLimits } from '../../src/network/libp2p/frames.ts';
import { FrameLimitError, FrameParser, framePieces } from '../../src/network/libp2p/frames.ts';
import type { Frame } from '../../src/seams/network.ts';

const limits: FrameLimits = { maxHeaderBytes: 100, maxPayloadBytes: 1000 };
const anyFrame = fc.record({
  header: fc.uint8Array({ maxLength: 100 }),
  payload: fc.uint8Array({ maxLength: 1000 }),
});

function bytesOf(frames: readonly Frame[], pieceBytes: number): Uint8Array {
  const parts = frames.flatMap((frame) =>
    [...framePieces(frame, pieceBytes)].map((piece) => piece.subarray()),
  );
  return Uint8Array.from(Buffer.concat(parts));
}

describe('frames as bytes', () => {
  it('come back from bytes that were cut anywhere', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 6 }),
        fc.integer({ min: 1, max: 700 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
        (frames, pieceBytes, cuts) => {
          const received: Frame[] = [];
          const parser = new FrameParser(limits, (frame) => received.push(frame));
          const bytes = bytesOf(frames, pieceBytes);
          for (let at = 0, i = 0; at < bytes.byteLength; i++) {
            const length = cuts[i % cuts.length]!;
            parser.push(bytes.subarray(at, at + length));
            at += length;
          }
          expect(received).toEqual(frames);
          expect(parser.insideFrame).toBe(false);
          expect(parser.partialBytes).toBe(0);
        },
      ),
    );
  });

  it('go in the fewest pieces, equally long, that refer to the payload instead of copying it', () => {
    const payload = new Uint8Array(1000);
    const pieces = [...framePieces({ header: new Uint8Array(3), payload }, 400)];
    expect(pieces.map((piece) => piece.byteLength)).toEqual([337, 337, 337]);
    const arrays = pieces.flatMap((piece) => (piece instanceof Uint8Array ? [piece] : [...piece]));
    expect(arrays.map((array) => array.byteLength)).toEqual([11, 326, 337, 337]);
    expect(arrays.slice(1).every((array) => array.buffer === payload.buffer)).toBe(true);
  });

  it('are known to be cut off at any place but their end', () => {
    const bytes = bytesOf([{ header: new Uint8Array(5), payload: new Uint8Array(7) }], 100);
    for (let length = 1; length < bytes.byteLength; length++) {
      const parser = new FrameParser(limits, () => {});
      parser.push(bytes.subarray(0, length));
      expect(parser.insideFrame, `${length} bytes`).toBe(true);
    }
  });

  it.each([
    ['header', [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]],
    ['payload', [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]],
  ])('are refused for a %s of 4 GB before anything is allocated', (part, prefix) => {
    const parser = new FrameParser(limits, () => {});
    const before = process.memoryUsage().arrayBuffers;
    expect(() => parser.push(Uint8Array.from(prefix))).toThrow(FrameLimitError);
    expect(() => new FrameParser(limits, () => {}).push(Uint8Array.from(prefix))).toThrow(part);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  it('have payloads in arrays of their own, of exactly their length', () => {
    const received: Frame[] = [];
    const parser = new FrameParser(limits, (frame) => received.push(frame));
    const bytes = bytesOf([{ header: new Uint8Array(1), payload: new Uint8Array(12) }], 100);
    parser.push(bytes);
    expect(received[0]!.payload.byteOffset).toBe(0);
    expect(received[0]!.payload.buffer.byteLength).toBe(12);
    expect(received[0]!.payload.buffer).not.toBe(bytes.buffer);
  });
});
