// A timeline as a picture: a row a peer, time to the right, idle time as dotted ground, so that bubbles are seen.
// The form is that of the figures in GPipe (arXiv 1811.06965) and Megatron-LM (arXiv 2104.04473).

import {
  DRAWN_KINDS,
  type Drawing,
  type DrawnKind,
  formatPercent,
  formatSeconds,
  isDrawn,
  LOOKS,
  type Look,
  type TaskSpan,
  timeUnit,
} from './drawing.ts';

const FONT = 'font-family="Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"';
const MARGIN = 16;
const TITLE_HEIGHT = 54;
const AXIS_HEIGHT = 40;
const LEGEND_HEIGHT = 30;
/**
 * Width of the plot: up to `comfortable` it grows so that numbers fit into most tasks, up to `most` so that a task is
 * at least a few pixels wide.
 */
const PLOT_WIDTH = { least: 1100, comfortable: 2400, most: 5200, taskWidth: 8 };
/** Of micro-batch numbers. */
const FONT_SIZE = { least: 9, most: 13 };
/** Of the font size. */
const DIGIT_WIDTH = 0.62;
/** Every drawn task is an element; beyond this a picture helps nobody. */
export const MOST_TASKS_DRAWN = 100_000;

/** Draws the timeline as one SVG document. Works on light and dark pages: it brings its own ground. */
export function ganttSvg(timeline: Drawing): string {
  // What takes no time, or comes after the last computing, has no place in the picture.
  const drawing: Drawing = {
    ...timeline,
    transfers: timeline.transfers.filter(({ start, end }) => end > start && start < timeline.makespanSeconds),
  };
  const tasks = drawing.tasks.filter((task) => isDrawn(task.kind));
  const layout = layOut(drawing, tasks);
  const kinds = DRAWN_KINDS.filter((kind) => tasks.some((task) => task.kind === kind));
  const chunks = 1 + tasks.reduce((most, task) => Math.max(most, task.chunk), 0);
  const height = layout.bottom + AXIS_HEIGHT + LEGEND_HEIGHT + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${layout.width}" height="${height}" viewBox="0 0 ${layout.width} ${height}" ${FONT} role="img" aria-label="${escapeXml(titleOf(drawing))}">`,
    `<title>${escapeXml(titleOf(drawing))}</title>`,
    definitions(kinds, chunks),
    `<rect width="${layout.width}" height="${height}" fill="#fff"/>`,
    title(drawing),
    rows(drawing, layout),
    axis(drawing, layout),
    transfers(drawing, layout),
    // Numbers have a pale rim, so that the pattern behind does not cross them.
    `<style>#tasks rect{stroke:#333;stroke-width:.6}#tasks text{paint-order:stroke;stroke:#fff;stroke-opacity:.75;stroke-width:3px}</style>`,
    `<g id="tasks" font-size="${layout.fontSize}" text-anchor="middle" fill="#111">`,
    ...tasks.map((task) => taskBox(task, layout)),
    '</g>',
    legend(kinds, chunks, drawing.transfers.length > 0, layout),
    '</svg>',
    '',
  ].join('\n');
}

interface Layout {
  readonly width: number;
  readonly left: number;
  readonly plotWidth: number;
  readonly bottom: number;
  /** Per peer: y of its row. */
  readonly rowOf: readonly number[];
  /** Peers from top to bottom. */
  readonly order: readonly number[];
  readonly rowHeight: number;
  /** Height of a task's box; the rest of the row is for transfers. */
  readonly boxHeight: number;
  readonly fontSize: number;
  /** Boxes at least this wide have their number in them: all numbers of one width of box, or none. */
  readonly numberWidth: number;
  readonly x: (seconds: number) => number;
}

function layOut(drawing: Drawing, tasks: readonly TaskSpan[]): Layout {
  const order = rowOrder(drawing);
  const rowHeight = order.length <= 10 ? 34 : order.length <= 24 ? 26 : 18;
  const hasTransfers = drawing.transfers.length > 0;
  const boxHeight = rowHeight - (hasTransfers ? Math.max(5, rowHeight * 0.25) : 0) - 2;
  const longestLabel = Math.max(...drawing.peers.map((_, peer) => rowLabel(drawing, peer).length));
  const left = MARGIN + Math.max(60, longestLabel * 6.6 + 12);
  const digits = String(tasks.reduce((most, task) => Math.max(most, task.microbatch), 0)).length;
  const common = commonLength(tasks) ?? drawing.makespanSeconds;
  const plotWidth = plotWidthFor(drawing.makespanSeconds, common, numberWidthAt(FONT_SIZE.least, digits));
  const scale = drawing.makespanSeconds > 0 ? plotWidth / drawing.makespanSeconds : 0;
  const wished = Math.floor((common * scale - 2) / digits / DIGIT_WIDTH);
  const fontSize = Math.min(FONT_SIZE.most, boxHeight - 2, Math.max(FONT_SIZE.least, wished));
  const rowOf: number[] = [];
  order.forEach((peer, row) => {
    rowOf[peer] = TITLE_HEIGHT + row * rowHeight;
  });
  return {
    width: left + plotWidth + MARGIN + 24,
    left,
    plotWidth,
    bottom: TITLE_HEIGHT + order.length * rowHeight,
    rowOf,
    order,
    rowHeight,
    boxHeight,
    fontSize,
    numberWidth: numberWidthAt(fontSize, digits),
    x: (seconds) => left + seconds * scale,
  };
}

/** A task's length such that four in five are as long; undefined when none takes time. */
function commonLength(tasks: readonly TaskSpan[]): number | undefined {
  const lengths = tasks
    .map((task) => task.end - task.start)
    .filter((length) => length > 0)
    .sort((a, b) => a - b);
  return lengths[Math.floor(lengths.length / 5)];
}

function plotWidthFor(makespan: number, common: number, numberWidth: number): number {
  if (common === 0) return PLOT_WIDTH.least;
  const forNumbers = Math.min(PLOT_WIDTH.comfortable, (makespan / common) * (numberWidth + 0.5));
  const forTasks = Math.min(PLOT_WIDTH.most, (makespan / common) * PLOT_WIDTH.taskWidth);
  return Math.round(Math.max(PLOT_WIDTH.least, forNumbers, forTasks));
}

function numberWidthAt(fontSize: number, digits: number): number {
  return digits * fontSize * DIGIT_WIDTH + 2;
}

/** Stage by stage, so that the wave through the pipeline is seen; peers without a stage last. */
function rowOrder({ peers, assignment }: Drawing): number[] {
  const assigned = assignment.flat();
  const seen = new Set(assigned);
  return [...seen, ...peers.map((_, peer) => peer).filter((peer) => !seen.has(peer))];
}

function rowLabel({ peers, assignment }: Drawing, peer: number): string {
  const stages = assignment.flatMap((group, stage) => (group.includes(peer) ? [stage] : []));
  return stages.length === 0 ? peers[peer]! : `${peers[peer]} · stage ${stages.join(', ')}`;
}

function titleOf(drawing: Drawing): string {
  return `${drawing.policy} on ${drawing.scenario}`;
}

function title(drawing: Drawing): string {
  const microbatches = new Set(drawing.tasks.map((task) => task.microbatch).filter((id) => id >= 0)).size;
  const facts =
    `makespan ${formatSeconds(drawing.makespanSeconds)} · bubble ratio ${formatPercent(drawing.bubbleRatio)} · ` +
    `${drawing.peers.length} peers · ${drawing.assignment.length} stages · ${microbatches} micro-batches`;
  return [
    `<text x="${MARGIN}" y="24" font-size="17" font-weight="bold" fill="#111">${escapeXml(titleOf(drawing))}</text>`,
    `<text x="${MARGIN}" y="43" font-size="13" fill="#333">${escapeXml(facts)}</text>`,
  ].join('\n');
}

function rows(drawing: Drawing, layout: Layout): string {
  const parts = ['<g id="rows" font-size="11" fill="#222" text-anchor="end">'];
  let previousStage: number | undefined;
  for (const peer of layout.order) {
    const y = layout.rowOf[peer]!;
    const stage = drawing.assignment.findIndex((group) => group.includes(peer));
    parts.push(
      `<rect class="row" data-peer="${peer}" x="${layout.left}" y="${y}" width="${layout.plotWidth}" height="${layout.rowHeight}" fill="url(#idle)"/>`,
      `<text x="${layout.left - 8}" y="${round(y + layout.rowHeight / 2 + 4)}">${escapeXml(rowLabel(drawing, peer))}</text>`,
      rule(layout.left, y, layout.left + layout.plotWidth, y, stage === previousStage ? '#ddd' : '#888'),
    );
    previousStage = stage;
  }
  parts.push('</g>');
  return parts.join('\n');
}

/** One box, with the micro-batch's number where it fits, and all about it as a tooltip. */
function taskBox(task: TaskSpan, layout: Layout): string {
  const x = layout.x(task.start);
  const width = Math.max(0.3, layout.x(task.end) - x);
  const y = layout.rowOf[task.peer]! + 1;
  const part = task.chunk === 0 ? '' : `, part ${task.chunk}`;
  const tip = `${task.kind}, micro-batch ${task.microbatch}, stage ${task.stage}${part}: ${formatSeconds(task.start)} to ${formatSeconds(task.end)}`;
  const box =
    `<rect class="task" data-peer="${task.peer}" data-kind="${task.kind}" data-microbatch="${task.microbatch}" ` +
    `x="${round(x)}" y="${y}" width="${round(width)}" height="${round(layout.boxHeight)}" ` +
    `fill="url(#${task.kind}-${task.chunk})"><title>${tip}</title></rect>`;
  if (width < layout.numberWidth) return box;
  const middle = y + layout.boxHeight / 2 + layout.fontSize * 0.36;
  return `${box}<text x="${round(x + width / 2)}" y="${round(middle)}">${task.microbatch}</text>`;
}

/** What a peer sends, as a strip along the foot of its row, from leaving to arriving. */
function transfers(drawing: Drawing, layout: Layout): string {
  const y = layout.boxHeight + 3;
  const height = round(layout.rowHeight - y - 1);
  const strips = drawing.transfers.map(({ from, to, start, end }) => {
    const x = layout.x(start);
    const width = Math.max(0.6, layout.x(Math.min(end, drawing.makespanSeconds)) - x);
    const tip = `transfer from ${drawing.peers[from]} to ${drawing.peers[to]}: ${formatSeconds(start)} to ${formatSeconds(end)}`;
    return (
      `<rect class="transfer" data-peer="${from}" x="${round(x)}" y="${round(layout.rowOf[from]! + y)}" width="${round(width)}" ` +
      `height="${height}" fill="url(#transfer)" fill-opacity=".75"><title>${escapeXml(tip)}</title></rect>`
    );
  });
  return ['<g id="transfers">', ...strips, '</g>'].join('\n');
}

function axis(drawing: Drawing, layout: Layout): string {
  const { bottom, left, plotWidth } = layout;
  const [unit, unitSeconds] = timeUnit(drawing.makespanSeconds);
  const step = tickStep(drawing.makespanSeconds / unitSeconds, plotWidth / 90);
  const parts = [
    '<g id="axis" font-size="11" fill="#222" text-anchor="middle">',
    rule(left, bottom, left + plotWidth, bottom, '#444'),
  ];
  for (let i = 0; i * step <= drawing.makespanSeconds / unitSeconds + 1e-9; i++) {
    const value = Number((i * step).toPrecision(12));
    const x = layout.x(value * unitSeconds);
    parts.push(
      rule(x, TITLE_HEIGHT, x, bottom + 5, '#c4c4c4'),
      `<text x="${round(x)}" y="${bottom + 18}">${value}</text>`,
    );
  }
  parts.push(`<text x="${round(left + plotWidth / 2)}" y="${bottom + 33}">time, ${unit}</text>`, '</g>');
  return parts.join('\n');
}

/** 1, 2 or 5 times a power of ten, so that `range` has about `wished` ticks. */
function tickStep(range: number, wished: number): number {
  const least = range / Math.max(1, wished);
  const power = 10 ** Math.floor(Math.log10(least || 1));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10);
}

function legend(kinds: readonly DrawnKind[], chunks: number, hasTransfers: boolean, layout: Layout): string {
  const entries = kinds.flatMap((kind) =>
    Array.from({ length: Math.min(chunks, 4) }, (_, chunk) => ({
      fill: `${kind}-${chunk}`,
      label: chunks === 1 ? kind : chunk === 0 ? `${kind}, part 0` : `part ${chunk}`,
    })),
  );
  if (hasTransfers) entries.push({ fill: 'transfer', label: 'transfer (at its sender)' });
  entries.push({ fill: 'idle', label: 'idle' });
  const y = layout.bottom + AXIS_HEIGHT + 8;
  const parts = ['<g id="legend" font-size="12" fill="#222">'];
  let x = layout.left;
  for (const { fill, label } of entries) {
    parts.push(
      `<rect x="${round(x)}" y="${y}" width="26" height="16" fill="url(#${fill})" stroke="#333" stroke-width=".6"/>`,
      `<text x="${round(x + 32)}" y="${y + 12.5}">${label}</text>`,
    );
    x += 32 + label.length * 6.6 + 18;
  }
  parts.push('</g>');
  return parts.join('\n');
}

/** The fills: one pattern a kind, paler for later parts of a stage. */
function definitions(kinds: readonly DrawnKind[], chunks: number): string {
  const parts = ['<defs>', pattern('idle', LOOKS.idle, 0), pattern('transfer', LOOKS.transfer, 0)];
  for (const kind of kinds) {
    for (let chunk = 0; chunk < chunks; chunk++) {
      parts.push(pattern(`${kind}-${chunk}`, LOOKS[kind], chunks === 1 ? 0 : (0.62 * chunk) / (chunks - 1)));
    }
  }
  parts.push('</defs>');
  return parts.join('\n');
}

function pattern(id: string, look: Look, pale: number): string {
  return `<pattern id="${id}" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="${paler(look.colour, pale)}"/>${look.marks}</pattern>`;
}

function paler(colour: string, share: number): string {
  const mixed = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16);
    return Math.round(value + (255 - value) * share)
      .toString(16)
      .padStart(2, '0');
  });
  return `#${mixed.join('')}`;
}

function rule(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${colour}"/>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
