// What pictures and traces of a timeline are drawn from, and how its kinds of work look. The looks are told apart by
// colour and by pattern: colours are Okabe and Ito's, which people with colour-blindness can tell apart
// (jfly.uni-koeln.de/color), and each kind has a pattern of its own, for print and for those who see none.

import type { TaskKind } from '../schedule/plan.ts';

/** A task where the timeline put it, in seconds from the start of the iteration. */
export interface TaskSpan {
  /** Index into `Drawing.peers`. */
  readonly peer: number;
  readonly kind: TaskKind;
  readonly stage: number;
  /** Part of the stage, 0 where stages are whole. */
  readonly chunk: number;
  readonly microbatch: number;
  readonly start: number;
  readonly end: number;
}

/** Bytes on their way between two peers. */
export interface TransferSpan {
  readonly from: number;
  readonly to: number;
  /** Indices into `Drawing.tasks`: what made the bytes and what waits for them. */
  readonly fromTask: number;
  readonly toTask: number;
  readonly bytes: number;
  readonly start: number;
  readonly end: number;
}

export interface Drawing {
  readonly scenario: string;
  readonly policy: string;
  readonly peers: readonly string[];
  /** assignment[stage] = peer indices. */
  readonly assignment: readonly (readonly number[])[];
  readonly tasks: readonly TaskSpan[];
  readonly transfers: readonly TransferSpan[];
  readonly makespanSeconds: number;
  readonly bubbleRatio: number;
}

/** The kinds a Gantt shows; exchange and update come after the makespan and take no computing in it. */
export const DRAWN_KINDS = [
  'forward',
  'backward',
  'backward-input',
  'backward-weight',
  'head',
  'recompute',
] as const satisfies readonly TaskKind[];
export type DrawnKind = (typeof DRAWN_KINDS)[number];

export function isDrawn(kind: TaskKind): kind is DrawnKind {
  return (DRAWN_KINDS as readonly TaskKind[]).includes(kind);
}

/** How a kind looks: its colour and the SVG marks of one 8 × 8 tile of its pattern. */
export interface Look {
  readonly colour: string;
  readonly marks: string;
}

const line = (d: string, width: number) =>
  `<path d="${d}" stroke="#000" stroke-opacity=".34" stroke-width="${width}" fill="none"/>`;

export const LOOKS: Readonly<Record<DrawnKind | 'transfer' | 'idle', Look>> = {
  forward: { colour: '#56b4e9', marks: '' },
  backward: { colour: '#e69f00', marks: line('M-2 2L2 -2M0 8L8 0M6 10L10 6', 1.4) },
  'backward-input': { colour: '#f0d95a', marks: line('M2 0V8M6 0V8', 0.9) },
  'backward-weight': { colour: '#35b68c', marks: line('M0 2H8M0 6H8', 0.9) },
  head: {
    colour: '#d98ab5',
    marks:
      '<circle cx="2" cy="2" r="1.1" fill-opacity=".5"/><circle cx="6" cy="6" r="1.1" fill-opacity=".5"/>',
  },
  recompute: { colour: '#b8b8c8', marks: line('M0 4H8M4 0V8', 0.9) },
  transfer: {
    colour: '#9a6b3f',
    marks: '<path d="M0 0L8 8M4 -4L12 4M-4 4L4 12" stroke="#fff" stroke-opacity=".7" stroke-width="1.2"/>',
  },
  idle: {
    colour: '#f1f1f1',
    marks: '<circle cx="2" cy="2" r=".7" fill="#a9a9a9"/><circle cx="6" cy="6" r=".7" fill="#a9a9a9"/>',
  },
};

/** A duration for people: three or four digits and a unit that suits it. */
export function formatSeconds(seconds: number): string {
  if (seconds === 0) return '0 s';
  const [unit, size] = timeUnit(seconds);
  const value = seconds / size;
  return `${Number(value.toPrecision(value >= 1000 ? 5 : 4))} ${unit}`;
}

/** The unit in which a time of this length reads well, and its length in seconds. */
export function timeUnit(seconds: number): readonly [unit: string, seconds: number] {
  if (seconds < 1e-3) return ['µs', 1e-6];
  if (seconds < 1) return ['ms', 1e-3];
  return seconds < 1200 ? ['s', 1] : ['min', 60];
}

export function formatPercent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}
