// The `costs` block: seconds given directly. A list is per stage or per peer, by its length or by its name.

import { type CostInput, type CostsInput, matrixFields, type TransferInput } from './fields.ts';
import { parseFields, type ReadFile, readSource } from './read.ts';
import type { Cost, Costs } from './settings.ts';
import type { FieldPath, Source } from './source.ts';

/** Checks lists against the number of stages and peers, and reads the matrix when it is in a file of its own. */
export function resolveCosts(
  input: CostsInput,
  sizes: { readonly stages: number; readonly peers: number },
  source: Source,
  readFile: ReadFile,
): Costs {
  const cost = (name: Exclude<keyof CostsInput, 'transferSeconds' | 'shareLinks'>) =>
    // A pause belongs to a peer, whatever stage it works on; the other times to a stage where both readings fit.
    resolveCost(input[name], name === 'gapSeconds' ? { peers: sizes.peers } : sizes, source, ['costs', name]);
  return {
    forwardSeconds: cost('forwardSeconds'),
    backwardInputSeconds: cost('backwardInputSeconds'),
    backwardWeightSeconds: cost('backwardWeightSeconds'),
    headSeconds: cost('headSeconds'),
    gapSeconds: cost('gapSeconds'),
    transferSeconds: resolveTransfers(input.transferSeconds, sizes.peers, source, readFile),
    shareLinks: input.shareLinks,
  };
}

function resolveCost(
  input: CostInput,
  { stages, peers }: { readonly stages?: number; readonly peers: number },
  source: Source,
  path: FieldPath,
): Cost {
  if (input.per === 'all') return input;
  const { length } = input.seconds;
  const per = input.per === 'length' ? (length === stages ? 'stage' : 'peer') : input.per;
  if (length === (per === 'stage' ? stages : peers)) return { per, seconds: input.seconds };
  const perStage = stages === undefined ? '' : `, one for each of the ${stages} stages`;
  throw source.error(
    path,
    `has ${length} numbers; give one${perStage}, or one for each of the ${peers} peers`,
  );
}

function resolveTransfers(
  input: TransferInput,
  peers: number,
  source: Source,
  readFile: ReadFile,
): Costs['transferSeconds'] {
  const path: FieldPath = ['costs', 'transferSeconds'];
  switch (input.kind) {
    case 'all':
      return input.seconds;
    case 'matrix':
      checkSquare(input.seconds, peers, source, path);
      return input.seconds;
    case 'file': {
      const file = readSource(input.file, readFile, source, [...path, 'file']);
      const matrix = parseFields(matrixFields, file.value, file, []);
      checkSquare(matrix, peers, file, []);
      return matrix;
    }
  }
}

function checkSquare(
  matrix: readonly (readonly number[])[],
  peers: number,
  source: Source,
  path: FieldPath,
): void {
  if (matrix.length !== peers) {
    throw source.error(
      path,
      `has ${matrix.length} rows, but there are ${peers} peers; it must be [from][to]`,
    );
  }
  const short = matrix.findIndex((row) => row.length !== peers);
  if (short < 0) return;
  throw source.error([...path, short], `has ${matrix[short]!.length} numbers, but there are ${peers} peers`);
}
