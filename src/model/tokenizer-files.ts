// The byte-level tokenizer as files of Hugging Face's `tokenizers` library: byte b has token id b. There it is a BPE
// model without merges over the library's printable stand-ins for the 256 bytes (Radford et al., GPT-2, 2019, §2.2;
// `bytes_to_unicode` in its published code).

import { BYTE_VOCABULARY } from './tokenizer.ts';

/** The character that stands for each byte: itself where it is printable Latin-1, else the next one from U+0100 on. */
export function byteCharacters(): string[] {
  let next = 0x100;
  return Array.from({ length: BYTE_VOCABULARY }, (_, byte) =>
    String.fromCodePoint(isPrintable(byte) ? byte : next++),
  );
}

/** Visible in Latin-1: no space, no control character, no soft hyphen. */
function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
}

/** The content of tokenizer.json. */
export function tokenizerJson(): Record<string, unknown> {
  // The whole text is one word: without merges nothing would be gained by cutting it.
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: bytes,
    post_processor: null,
    decoder: bytes,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(byteCharacters().map((character, byte) => [character, byte])),
      merges: [],
    },
  };
}

/** The content of tokenizer_config.json. */
export function tokenizerConfig(context: number): Record<string, unknown> {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: context,
    clean_up_tokenization_spaces: false,
  };
}
