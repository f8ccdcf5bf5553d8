// The trace has the form that Perfetto reads, and says what the timeline says.

import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chromeTrace } from '../../src/report/trace.ts';
import { planText, uneven, uniform } from './drawings.ts';

// The Trace Event Format, as far as it is used.
const where = { pid: z.int().min(1), tid: z.int().min(1) };
const args = z.record(z.string(), z.union([z.string(), z.number()]));
const event = z.discriminatedUnion('ph', [
  z.strictObject({
    ph: z.literal('M'),
    name: z.enum(['process_name', 'thread_name', 'process_sort_index']),
    ...where,
    args,
  }),
  z.strictObject({
    ph: z.literal('X'),
    name: z.string(),
    cat: z.string(),
    ts: z.number().min(0),
    dur: z.number().min(0),
    ...where,
    args,
  }),
  z.strictObject({
    ph: z.literal('b'),
    name: z.string(),
    cat: z.string(),
    id: z.int(),
    ts: z.number(),
    ...where,
    args,
  }),
  z.strictObject({
    ph: z.literal('e'),
    name: z.string(),
    cat: z.string(),
    id: z.int(),
    ts: z.number(),
    ...where,
  }),
  z.strictObject({
    ph: z.literal('s'),
    name: z.string(),
    cat: z.string(),
    id: z.int(),
    ts: z.number(),
    ...where,
  }),
  z.strictObject({
    ph: z.literal('f'),
    name: z.string(),
    cat: z.string(),
    id: z.int(),
    ts: z.number(),
    ...where,
    bp: z.literal('e'),
  }),
]);
const trace = z.strictObject({
  displayTimeUnit: z.literal('ms'),
  otherData: args,
  traceEvents: z.array(event),
});

describe.each([
  ['even peers', planText(uniform(4, 8, 0.25, 'anchor'), '1f1b')],
  ['uneven peers in groups', planText(uneven, 'zb-h1')],
])('the trace of %s', (_, { drawing, plan }) => {
  const { traceEvents } = trace.parse(JSON.parse(JSON.stringify(chromeTrace(drawing))));
  const slices = traceEvents.filter((entry) => entry.ph === 'X');

  it('names a process for every peer', () => {
    const named = traceEvents.filter((entry) => entry.ph === 'M' && entry.name === 'process_name');
    expect(named.map((entry) => entry.pid)).toEqual(plan.peers.map((_, peer) => peer + 1));
  });

  it('has every task as a slice at its time', () => {
    expect(slices).toHaveLength(plan.tasks.length);
    slices.forEach((slice, index) => {
      const task = drawing.tasks[index]!;
      expect(slice).toMatchObject({ pid: task.peer + 1, cat: task.kind });
      expect(slice.ts).toBeCloseTo(task.start * 1e6, 2);
      expect(slice.ts + slice.dur).toBeCloseTo(task.end * 1e6, 2);
    });
  });

  it('has slices that do not overlap on a track', () => {
    for (const peer of plan.peers.keys()) {
      const mine = slices.filter(({ pid }) => pid === peer + 1).sort((a, b) => a.ts - b.ts || a.dur - b.dur);
      mine.slice(1).forEach((slice, i) => {
        expect(slice.ts).toBeGreaterThanOrEqual(mine[i]!.ts + mine[i]!.dur - 1e-6);
      });
    }
  });

  it('has an arrow along every transfer, from inside the slice that sends to inside the one that waits', () => {
    const starts = traceEvents.filter((entry) => entry.ph === 's');
    const ends = new Map(traceEvents.filter((entry) => entry.ph === 'f').map((entry) => [entry.id, entry]));
    expect(starts).toHaveLength(drawing.transfers.length);
    drawing.transfers.forEach((transfer, index) => {
      const start = starts[index]!;
      const end = ends.get(start.id)!;
      const [from, to] = [slices[transfer.fromTask]!, slices[transfer.toTask]!];
      expect([start.pid, end.pid]).toEqual([from.pid, to.pid]);
      expect(start.ts).toBeGreaterThanOrEqual(from.ts);
      expect(start.ts).toBeLessThanOrEqual(from.ts + from.dur);
      expect(end.ts).toBeGreaterThanOrEqual(to.ts);
      expect(end.ts).toBeLessThanOrEqual(to.ts + to.dur);
    });
  });

  it('opens and closes every transfer once, at its sender', () => {
    const opened = traceEvents.filter((entry) => entry.ph === 'b');
    const closed = traceEvents.filter((entry) => entry.ph === 'e');
    expect(opened.map(({ id, pid }) => `${id} ${pid}`)).toEqual(closed.map(({ id, pid }) => `${id} ${pid}`));
    expect(new Set(opened.map(({ id }) => id)).size).toBe(drawing.transfers.length);
  });
});
