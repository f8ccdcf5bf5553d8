// One line of progress that is written over, where there is a terminal to do so.

import type { Output } from './output.ts';

export class Progress {
  readonly #human: Output['human'];
  constructor(human: Output['human']) {
    this.#human = human;
  }

  show(line: string): void {
    if (this.#human.isTTY) this.#human.write(`\r${line}`);
  }

  clear(): void {
    // Carriage return, erase to the end of the line.
    if (this.#human.isTTY) this.#human.write('\r\u001b[K');
  }
}
