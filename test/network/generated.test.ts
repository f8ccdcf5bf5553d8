import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generate, generatedFiles, generatedFolder } from '../../src/network/wire/generate.ts';

const protonsIsInstalled = existsSync(
  join(generatedFolder, '..', '..', '..', '..', 'node_modules', 'protons', 'package.json'),
);

describe('the generated wire messages', () => {
  it.skipIf(!protonsIsInstalled)('are what messages.proto generates today', async () => {
    const fresh = await generate();
    for (const file of generatedFiles) {
      expect(await readFile(join(generatedFolder, file), 'utf8'), file).toBe(fresh.get(file));
    }
  });
});
