// The demo for whoever watches: a few lines that stay in place on a terminal, or one line now and then elsewhere.

import type { Output } from '../output.ts';
import type { DemoRecord, Happening } from './record.ts';

export interface ViewFacts {
  readonly peers: number;
  readonly stages: number;
  readonly iterations: number;
  readonly parameters: number;
  readonly tokensPerIteration: number;
  readonly text: string;
}

const BARS = '▁▂▃▄▅▆▇█';
const LAST_HAPPENINGS = 6;
const PLAIN_EVERY = 10;

export class DemoView {
  readonly #output: Output;
  readonly #facts: ViewFacts;
  readonly #record: DemoRecord;
  readonly #live: boolean;
  #linesDrawn = 0;
  #happeningsSaid = 0;
  #iterationSaid = 0;
  #waitingSaid = '';

  constructor(output: Output, facts: ViewFacts, record: DemoRecord) {
    this.#output = output;
    this.#facts = facts;
    this.#record = record;
    this.#live = output.human.isTTY === true;
    const { peers, stages, parameters, text, tokensPerIteration, iterations } = facts;
    output.say(
      `skein demo: ${peers} peers, ${stages} stages, ${parameters.toLocaleString('en-US')} parameters`,
    );
    output.say(
      `text: ${text}; ${iterations} iterations of ${tokensPerIteration.toLocaleString('en-US')} tokens`,
    );
    output.say('every peer is a process of its own; they meet over libp2p on this machine\n');
  }

  update(): void {
    if (this.#live) this.#draw();
    else this.#tell();
  }

  /** Leaves the last picture standing. */
  end(): void {
    this.update();
    this.#linesDrawn = 0;
  }

  #draw(): void {
    const lines = this.#lines();
    const up = this.#linesDrawn > 0 ? `\u001b[${this.#linesDrawn}A` : '';
    const width = this.#output.human.columns ?? 100;
    const text = lines.map((line) => `\u001b[2K${clip(line, width)}\n`).join('');
    const cleared = Math.max(0, this.#linesDrawn - lines.length);
    const below = '\u001b[2K\n'.repeat(cleared) + (cleared > 0 ? `\u001b[${cleared}A` : '');
    this.#output.human.write(up + text + below);
    this.#linesDrawn = lines.length;
  }

  #lines(): string[] {
    const { iterations } = this.#facts;
    const record = this.#record;
    const share = record.iteration / iterations;
    const filled = Math.round(share * 30);
    const bar = '━'.repeat(filled) + '─'.repeat(30 - filled);
    const loss = record.commits.at(-1)?.loss;
    const head =
      record.waiting && record.iteration === 0
        ? `  waiting: ${record.waiting.ready} of ${this.#facts.peers} peers are ready`
        : `  iteration ${String(record.iteration).padStart(String(iterations).length)}/${iterations}  ${bar}  ` +
          `loss ${loss === undefined || loss === null ? '-' : loss.toFixed(3)}  ${formatRate(this.tokensPerSecond())} tokens/s`;
    return [
      head,
      `  loss  ${sparkline(record.losses(), 48)}`,
      '',
      ...this.#stageLines(),
      '',
      ...this.#happenings(),
    ];
  }

  #stageLines(): string[] {
    const record = this.#record;
    return Array.from({ length: this.#facts.stages }, (_, stage) => {
      const names = record.holders(stage).map((member) => {
        const mark = member.peer === record.leader ? '★' : '';
        return `${member.name}${mark}${member.status === 'entering' ? ' (fetching weights)' : ''}`;
      });
      return `  stage ${stage}  ${names.length > 0 ? names.join('  ') : '— nobody: paths skip it —'}`;
    });
  }

  #happenings(): string[] {
    const last = this.#record.happenings.slice(-LAST_HAPPENINGS);
    return last.map((happening) => describe(happening));
  }

  #tell(): void {
    const record = this.#record;
    if (record.waiting && record.iteration === 0) {
      const waiting = `waiting: ${record.waiting.ready} of ${this.#facts.peers} peers are ready`;
      if (waiting !== this.#waitingSaid) this.#output.say(waiting);
      this.#waitingSaid = waiting;
    }
    for (; this.#happeningsSaid < record.happenings.length; this.#happeningsSaid++) {
      this.#output.say(describe(record.happenings[this.#happeningsSaid]!));
    }
    const due = Math.floor(record.iteration / PLAIN_EVERY) > Math.floor(this.#iterationSaid / PLAIN_EVERY);
    if (!due) return;
    this.#iterationSaid = record.iteration;
    const loss = record.commits.at(-1)?.loss;
    const rate = formatRate(this.tokensPerSecond());
    this.#output.say(
      `iteration ${record.iteration}/${this.#facts.iterations}  loss ${loss?.toFixed(3) ?? '-'}  ${rate} tokens/s`,
    );
  }

  tokensPerSecond(): number {
    const { firstPlanAt, lastCommitAt, commits } = this.#record;
    if (firstPlanAt === undefined || commits.length === 0 || lastCommitAt <= firstPlanAt) return 0;
    return (commits.length * this.#facts.tokensPerIteration) / (lastCommitAt - firstPlanAt);
  }
}

function describe({ iteration, sign, text }: Happening): string {
  return `  ${String(iteration).padStart(4)} ${sign} ${text}`;
}

function formatRate(rate: number): string {
  return rate === 0 ? '-' : Math.round(rate).toLocaleString('en-US');
}

/** A row of bars, highest value tallest; at most `width` of them, means of neighbours where there are more. */
export function sparkline(values: readonly number[], width: number): string {
  if (values.length === 0) return '';
  const count = Math.min(width, values.length);
  const means = Array.from({ length: count }, (_, i) => {
    const part = values.slice(
      Math.floor((i * values.length) / count),
      Math.floor(((i + 1) * values.length) / count),
    );
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const low = Math.min(...means);
  const span = Math.max(...means) - low || 1;
  return means.map((value) => BARS[Math.round(((value - low) / span) * (BARS.length - 1))]).join('');
}

function clip(line: string, width: number): string {
  const characters = [...line];
  return characters.length < width ? line : characters.slice(0, width - 1).join('');
}
