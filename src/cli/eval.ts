// `skein eval`: how well a trained model predicts held-out text, also with stages left out.

import { type Command, InvalidArgumentError } from 'commander';
import { heldOutRule } from '../data/index.ts';
import { DEFAULT_EVALUATION_TOKENS, evaluate } from '../inference/index.ts';
import { RunError } from './errors.ts';
import { parsePositive, parseStages } from './model-flags.ts';
import { withModelFolder } from './model-folder.ts';
import { withoutTiming } from './output.ts';
import { addCommonFlags, type CliContext, type CommonFlags } from './program.ts';
import { Progress } from './progress.ts';
import { loadText } from './text.ts';

interface EvalFlags extends CommonFlags {
  readonly data?: readonly string[];
  readonly skip?: ReadonlySet<number>;
  readonly tokens: number;
  readonly threads: number;
}

/** A window may not be longer than a held-out chunk, whose last byte is only a target. */
const MOST_CONTEXT = heldOutRule.chunkBytes - 1;
/** Larger batches compute no faster and wait longer for Ctrl-C. */
const BATCH_TOKENS = 1024;

export function register(program: Command, context: CliContext): void {
  const command = program
    .command('eval')
    .summary('score a trained model on held-out text')
    .description(
      'Mean loss of a trained model over the held-out part of a text: every twentieth chunk of 4,096 bytes.',
    )
    .argument('<dir>', 'folder of an exported model')
    .option('--data <file...>', 'the text; by default the State of the Union addresses')
    .option('--skip <stages>', 'stages to leave out, separated by commas', parseStages)
    .option('--tokens <n>', 'score at most so many tokens, or all', parseTokens, DEFAULT_EVALUATION_TOKENS)
    .option('--threads <n>', 'threads to compute with', parsePositive, 1);
  addCommonFlags(command, { timing: true });
  command.action((folder: string, flags: EvalFlags) => runEval(folder, flags, context));
}

async function runEval(folder: string, flags: EvalFlags, { output, signal }: CliContext): Promise<void> {
  const text = await loadText(flags.data);
  const skip = flags.skip ?? new Set<number>();
  const started = performance.now();
  const progress = new Progress(output.human);
  const document = await withModelFolder(
    folder,
    { threads: flags.threads, mostContext: MOST_CONTEXT, batchTokens: BATCH_TOKENS },
    async (model) => {
      const evaluation = await evaluate(model, text.bytes, {
        maxTokens: flags.tokens,
        skip,
        signal,
        onProgress: (done, of) => progress.show(`evaluated ${count(done)} of ${count(of)} tokens`),
      }).finally(() => progress.clear());
      return { ...evaluation, context: model.shape.context, stages: model.stages };
    },
  );
  const { loss, perplexity, tokens, heldOutTokens } = document;
  if (!Number.isFinite(perplexity)) {
    throw new RunError(
      `${folder}: the loss is ${loss}: the model computes values that are not finite numbers`,
    );
  }
  const skipped = [...skip].sort((a, b) => a - b);
  const without = skipped.length === 0 ? '' : `without stage ${skipped.join(', ')}: `;
  output.say(`${without}loss ${loss.toFixed(4)} nats per byte, perplexity ${perplexity.toFixed(2)}`);
  output.say(`over ${count(tokens)} of the ${count(heldOutTokens)} held-out tokens of "${text.name}"`);
  if (flags.json !== true) return;
  const wallSeconds = (performance.now() - started) / 1000;
  const timing = { wallSeconds, tokensPerSecond: tokens / wallSeconds };
  const result = { ...document, skipped, data: text.name, timing };
  output.json(flags.timing === false ? withoutTiming(result) : result);
}

const count = (value: number) => value.toLocaleString('en-US');

function parseTokens(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  if (/^\d{1,15}$/.test(text) && Number(text) > 0) return Number(text);
  throw new InvalidArgumentError('It must be a whole number, 1 or more, or all.');
}
