// The Gantt shows every task once, in the row of its peer, where and as long as the timeline has it.

import { describe, expect, it } from 'vitest';
import { formatSeconds, LOOKS } from '../../src/report/drawing.ts';
import { ganttSvg } from '../../src/report/gantt.ts';
import { type Planned, planText, uneven, uniform } from './drawings.ts';

interface Box {
  readonly peer: number;
  readonly kind: string;
  readonly microbatch: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The elements of one class, with their attributes. */
function elements(svg: string, name: string): Map<string, string>[] {
  return [...svg.matchAll(new RegExp(`<rect class="${name}"([^>]*?)/?>`, 'g'))].map(
    ([, attributes]) =>
      new Map([...attributes!.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!])),
  );
}

function boxes(svg: string, name: string): Box[] {
  return elements(svg, name).map((attributes) => {
    const number = (key: string) => Number(attributes.get(key));
    return {
      peer: number('data-peer'),
      kind: attributes.get('data-kind') ?? name,
      microbatch: number('data-microbatch'),
      x: number('x'),
      y: number('y'),
      width: number('width'),
      height: number('height'),
    };
  });
}

const computing = ({ plan }: Planned) =>
  plan.tasks.filter(({ kind }) => kind !== 'exchange' && kind !== 'update');

const cases = [
  ['1f1b with transfers and a head', planText(uniform(4, 8, 0.25, 'anchor'), '1f1b')],
  ['zb-h1', planText(uniform(4, 8), 'zb-h1')],
  ['interleaved-1f1b', planText(uniform(4, 8), 'interleaved-1f1b')],
  ['uneven peers', planText(uneven, '1f1b')],
  ['64 peers', planText(uniform(64, 64, 0.1), '1f1b')],
] as const;

describe.each(cases)('the picture of %s', (_, planned) => {
  const svg = ganttSvg(planned.drawing);
  const rows = boxes(svg, 'row');
  const tasks = boxes(svg, 'task');

  it('has one row a peer, none over another', () => {
    expect(rows.map(({ peer }) => peer).sort((a, b) => a - b)).toEqual(
      planned.plan.peers.map((_, peer) => peer),
    );
    const sorted = [...rows].sort((a, b) => a.y - b.y);
    sorted.slice(1).forEach((row, i) => {
      expect(row.y).toBeGreaterThanOrEqual(sorted[i]!.y + sorted[i]!.height);
    });
  });

  it('has every computing task once', () => {
    const key = (task: { peer: number; kind: string; microbatch: number }) =>
      `${task.peer} ${task.kind} ${task.microbatch}`;
    expect(tasks.map(key).sort()).toEqual(computing(planned).map(key).sort());
  });

  it('has each task in its row, none over another', () => {
    for (const row of rows) {
      const mine = tasks.filter(({ peer }) => peer === row.peer).sort((a, b) => a.x - b.x);
      mine.forEach((task, i) => {
        expect(task.y).toBeGreaterThanOrEqual(row.y);
        expect(task.y + task.height).toBeLessThanOrEqual(row.y + row.height);
        expect(task.x).toBeGreaterThanOrEqual(row.x - 0.01);
        expect(task.x + task.width).toBeLessThanOrEqual(row.x + row.width + 0.02);
        // Coordinates are rounded to hundredths of a pixel.
        if (i > 0) expect(task.x).toBeGreaterThanOrEqual(mine[i - 1]!.x + mine[i - 1]!.width - 0.02);
      });
    }
  });

  it('leaves as much ground bare as the bubble ratio says', () => {
    const area = rows.reduce((sum, row) => sum + row.width, 0);
    const covered = tasks.reduce((sum, task) => sum + task.width, 0);
    expect(1 - covered / area).toBeCloseTo(planned.timeline.bubbleRatio, 2);
  });

  it('has a strip for every transfer that takes time before the end', () => {
    const { transfers, makespanSeconds } = planned.drawing;
    const shown = transfers.filter(({ start, end }) => end > start && start < makespanSeconds);
    expect(boxes(svg, 'transfer')).toHaveLength(shown.length);
  });

  it('explains every look it uses, and uses none that it does not define', () => {
    const used = new Set([...svg.matchAll(/fill="url\(#([\w-]+)\)"/g)].map(([, id]) => id));
    const defined = new Set([...svg.matchAll(/<pattern id="([\w-]+)"/g)].map(([, id]) => id));
    const legend = svg.slice(svg.indexOf('id="legend"'));
    for (const id of used) {
      expect(defined).toContain(id);
      expect(legend).toContain(`url(#${id})`);
    }
  });

  it('brings its own ground, and is well formed', () => {
    const height = /<svg[^>]* height="([\d.]+)"/.exec(svg)![1];
    expect(svg).toMatch(new RegExp(`<rect width="[\\d.]+" height="${height}" fill="#fff"/>`));
    const open = [...svg.matchAll(/<(\w+)(?:\s[^>]*[^/])?>/g)].map(([, name]) => name);
    const close = [...svg.matchAll(/<\/(\w+)>/g)].map(([, name]) => name);
    expect(open.sort()).toEqual(close.sort());
    expect(svg).toContain('a &#60;test&#62; &#38; more');
  });
});

describe('the numbers of micro-batches', () => {
  const numbers = (svg: string) =>
    [...svg.matchAll(/<\/rect><text[^>]*>(\d+)<\/text>/g)].map(([, id]) => Number(id));

  it('stand in the tasks where they fit', () => {
    const { drawing, plan } = planText(uniform(4, 8), 'gpipe');
    expect(numbers(ganttSvg(drawing)).sort()).toEqual(
      plan.tasks
        .filter(({ kind }) => kind !== 'update')
        .map(({ microbatch }) => microbatch)
        .sort(),
    );
  });

  it('stay out of tasks that are too narrow', () => {
    expect(numbers(ganttSvg(planText(uniform(64, 200), '1f1b').drawing))).toEqual([]);
  });
});

describe('the looks', () => {
  it('differ in colour, and in pattern', () => {
    const looks = Object.values(LOOKS);
    expect(new Set(looks.map(({ colour }) => colour)).size).toBe(looks.length);
    expect(new Set(looks.map(({ marks }) => marks)).size).toBe(looks.length);
  });
});

describe('a duration for people', () => {
  it.each([
    [0, '0 s'],
    [0.000_012_34, '12.34 µs'],
    [0.25, '250 ms'],
    [33, '33 s'],
    [32.4839, '32.48 s'],
    [3600, '60 min'],
  ])('%d s reads %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});
