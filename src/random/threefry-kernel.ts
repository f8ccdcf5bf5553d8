// Threefry-2x32-20 for many blocks at once, as a WebAssembly kernel: a vector holds the same word of four blocks, and
// several vectors go through the rounds side by side so that no instruction waits for the one before it. Same words
// as `threefryBlock`, which computes them one by one where there is no WebAssembly (`fillPlainly`).

import { type Code, get, i32, i32x4, i8x16, type Local, repeatWhile, set, v128 } from '../wasm/code.ts';
import { type Instance, instantiate } from '../wasm/module.ts';
import { PARITY, threefryBlock } from './threefry.ts';

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;
const LANES = 4;
/** Vectors side by side. */
const SETS = 6;
const BLOCKS_AT_ONCE = LANES * SETS;

/** Most blocks that one call of the kernel computes: its memory holds their words. */
const CHUNK_BLOCKS = 128 * BLOCKS_AT_ONCE;
const MEMORY_BYTES = 8 * CHUNK_BLOCKS;

/** How the two words a, b of blocks become words of memory: both, one after the other, or a exclusive-or b. */
export type BlockLayout = 'both' | 'xor';

let kernel: { readonly instance: Instance<BlockLayout> | undefined } | undefined;

/** Writes the words of `blocks` blocks from `firstBlock` (below 2^53) on into `out` from its start. */
export function fillBlocks(
  key0: number,
  key1: number,
  firstBlock: number,
  layout: BlockLayout,
  out: Uint32Array,
): void {
  const wordsPerBlock = layout === 'both' ? 2 : 1;
  const blocks = out.length / wordsPerBlock;
  kernel ??= { instance: instantiate(definitions, MEMORY_BYTES) };
  const { instance } = kernel;
  if (instance === undefined) {
    fillPlainly(key0, key1, firstBlock, layout, out);
    return;
  }
  const memory = new Uint32Array(instance.memory);
  for (let done = 0; done < blocks; ) {
    const first = firstBlock + done;
    // The counter's low word must not overflow within a call.
    const count = Math.min(blocks - done, CHUNK_BLOCKS, 2 ** 32 - (first % 2 ** 32));
    instance.functions[layout](key0, key1, Math.floor(first / 2 ** 32), first >>> 0, count);
    out.set(memory.subarray(0, wordsPerBlock * count), wordsPerBlock * done);
    done += count;
  }
}

const block = new Uint32Array(2);

/** The same without the kernel. */
export function fillPlainly(
  key0: number,
  key1: number,
  firstBlock: number,
  layout: BlockLayout,
  out: Uint32Array,
): void {
  const wordsPerBlock = layout === 'both' ? 2 : 1;
  for (let at = 0, counter = firstBlock; at < out.length; at += wordsPerBlock, counter++) {
    threefryBlock(key0, key1, Math.floor(counter / 2 ** 32), counter >>> 0, block, 0);
    if (layout === 'both') out.set(block, at);
    else out[at] = block[0]! ^ block[1]!;
  }
}

const definitions = (['both', 'xor'] as const).map((layout) => ({
  name: layout,
  parameters: ['i32', 'i32', 'i32', 'i32', 'i32'] as const,
  body: (parameters: readonly Local[], variable: (type: 'i32' | 'v128') => Local): Code => {
    const [key0, key1, high, low, count] = parameters as [Local, Local, Local, Local, Local];
    const address = variable('i32');
    const end = variable('i32');
    const keys = [variable('v128'), variable('v128'), variable('v128')] as const;
    const counterHigh = variable('v128');
    const counters = variable('v128');
    const sets = Array.from({ length: SETS }, () => ({ a: variable('v128'), b: variable('v128') }));
    const setBytes = LANES * (layout === 'both' ? 8 : 4);

    // Rotations by whole bytes are one instruction, the others three.
    const rotate = (x: Code, by: number) =>
      by % 8 === 0
        ? i8x16.rotateLanes(x, by / 8)
        : v128.or(i32x4.shiftLeft(x, by), i32x4.shiftRight(x, 32 - by));
    const round = (by: number): Code => [
      ...sets.flatMap(({ a, b }) => set(a, i32x4.add(get(a), get(b)))),
      ...sets.flatMap(({ a, b }) => set(b, v128.xor(rotate(get(b), by), get(a)))),
    ];
    /** What each group of rounds adds to b: a key word and the group's number. */
    const addends = [1, 2, 3, 4, 5].map((group) => ({ group, value: variable('v128') }));
    const inject = (group: number, addend: Local): Code =>
      sets.flatMap(({ a, b }) => [
        ...set(a, i32x4.add(get(a), get(keys[group % 3]!))),
        ...set(b, i32x4.add(get(b), get(addend))),
      ]);
    const start = sets.flatMap(({ a, b }, number) => [
      ...set(a, i32x4.add(get(counterHigh), get(keys[0]))),
      ...set(b, i32x4.add(i32x4.add(get(counters), i32x4.splat(i32.const(LANES * number))), get(keys[1]))),
    ]);
    const store = sets.flatMap(({ a, b }, number) =>
      layout === 'xor'
        ? v128.store(get(address), v128.xor(get(a), get(b)), number * setBytes)
        : [
            ...v128.store(get(address), v128.shuffle(get(a), get(b), [0, 4, 1, 5]), number * setBytes),
            ...v128.store(get(address), v128.shuffle(get(a), get(b), [2, 6, 3, 7]), number * setBytes + 16),
          ],
    );
    return [
      ...set(keys[0], i32x4.splat(get(key0))),
      ...set(keys[1], i32x4.splat(get(key1))),
      ...set(keys[2], v128.xor(v128.xor(get(keys[0]), get(keys[1])), i32x4.splat(i32.const(PARITY)))),
      ...addends.flatMap(({ group, value }) =>
        set(value, i32x4.add(get(keys[(group + 1) % 3]!), i32x4.splat(i32.const(group)))),
      ),
      ...set(counterHigh, i32x4.splat(get(high))),
      ...set(counters, i32x4.add(i32x4.splat(get(low)), v128.const(0, 1, 2, 3))),
      ...set(end, i32.multiply(get(count), i32.const(setBytes / LANES))),
      ...repeatWhile(
        [
          ...start,
          ...addends.flatMap(({ group, value }) => [
            ...ROTATIONS[(group - 1) % 2]!.flatMap(round),
            ...inject(group, value),
          ]),
          ...store,
          ...set(counters, i32x4.add(get(counters), i32x4.splat(i32.const(BLOCKS_AT_ONCE)))),
          ...set(address, i32.add(get(address), i32.const(SETS * setBytes))),
        ],
        i32.lessThan(get(address), get(end)),
      ),
    ];
  },
}));
