// `skein generate`: text written by a trained model, also with stages left out.

import { type Command, InvalidArgumentError } from 'commander';
import { DEFAULT_SAMPLING, generate } from '../inference/index.ts';
import { parsePositive, parseStages, visible } from './model-flags.ts';
import { withModelFolder } from './model-folder.ts';
import { withoutTiming } from './output.ts';
import { addCommonFlags, type CliContext, type CommonFlags, parseCount } from './program.ts';

interface GenerateFlags extends CommonFlags {
  readonly prompt: string;
  readonly tokens: number;
  readonly skip?: ReadonlySet<number>;
  readonly temperature: number;
  readonly topK: number;
  readonly threads: number;
}

/** Every byte computes the whole context anew, so a very long one would make each take seconds. */
const MOST_CONTEXT = 1024;

export function register(program: Command, context: CliContext): void {
  const command = program
    .command('generate')
    .summary('let a trained model write')
    .description('Goes on from a prompt, byte by byte; the same seed gives the same text.')
    .argument('<dir>', 'folder of an exported model')
    .option('--prompt <text>', 'what the text begins with', 'The ')
    .option('--tokens <n>', 'bytes to write', parseCount, 256)
    .option('--skip <stages>', 'stages to leave out, separated by commas', parseStages)
    .option(
      '--temperature <t>',
      '0 always takes the likeliest byte; higher is more varied',
      parseTemperature,
      DEFAULT_SAMPLING.temperature,
    )
    .option('--top-k <n>', 'draw from so many of the likeliest bytes', parsePositive, DEFAULT_SAMPLING.topK)
    .option('--threads <n>', 'threads to compute with', parsePositive, 1);
  addCommonFlags(command, { timing: true });
  command.action((folder: string, flags: GenerateFlags) => runGenerate(folder, flags, context));
}

async function runGenerate(
  folder: string,
  flags: GenerateFlags,
  { output, signal }: CliContext,
): Promise<void> {
  const { prompt, tokens, temperature, topK, threads, seed = 0 } = flags;
  const skip = flags.skip ?? new Set<number>();
  const started = performance.now();
  const generated = await withModelFolder(
    folder,
    { threads, mostContext: MOST_CONTEXT, batchTokens: 1 },
    async (model) => {
      let begun = false;
      const onText = (piece: string) => {
        output.human.write(visible(begun ? piece : prompt + piece));
        begun = true;
      };
      try {
        return await generate(model, prompt, { tokens, skip, seed, temperature, topK, signal, onText });
      } finally {
        if (begun) output.say();
      }
    },
  );
  if (flags.json !== true) return;
  const wallSeconds = (performance.now() - started) / 1000;
  const timing = { wallSeconds, tokensPerSecond: tokens / wallSeconds };
  const skipped = [...skip].sort((a, b) => a - b);
  const document = { ...generated, seed, temperature, topK, skipped, timing };
  output.json(flags.timing === false ? withoutTiming(document) : document);
}

function parseTemperature(text: string): number {
  const value = Number(text);
  if (/^\d*\.?\d+$/.test(text) && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number, 0 or more, such as 0.8.');
}
