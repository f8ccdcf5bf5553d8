// One spelling for every value, so that two peers hash the same bytes: JSON with sorted keys and no spaces.

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** JSON with keys in code-point order; undefined members are left out. Throws on numbers that JSON cannot hold. */
export function canonicalJson(value: Json): string {
  switch (typeof value) {
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
      return `${value}`; // as JSON writes it, -0 included
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      break;
    default:
      return JSON.stringify(value);
  }
  if (value === null) return 'null';
  // plans have thousands of members: text is added up, without lists of pieces
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    let text = '';
    for (let index = 0; index < items.length; index++) {
      text += index === 0 ? canonicalJson(items[index]!) : `,${canonicalJson(items[index]!)}`;
    }
    return `[${text}]`;
  }
  const object = value as { readonly [key: string]: Json | undefined };
  let members = '';
  const keys = sorted(Object.keys(object));
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    const member = object[key];
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

const FEW_KEYS = 16;

/** Sorts in place; few keys by insertion, which takes no memory and for those in order already next to no time. */
function sorted(keys: string[]): string[] {
  if (keys.length > FEW_KEYS) return keys.sort();
  for (let index = 1; index < keys.length; index++) {
    const key = keys[index]!;
    let hole = index;
    while (hole > 0 && keys[hole - 1]! > key) {
      keys[hole] = keys[hole - 1]!;
      hole--;
    }
    keys[hole] = key;
  }
  return keys;
}

const encoder = new TextEncoder();

export function canonicalBytes(value: Json): Uint8Array {
  return encoder.encode(canonicalJson(value));
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte]!;
  return text;
}

/** The value of a character's code as a hexadecimal digit; 16 where it is none. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code));
  return value < 0 ? 16 : value;
});

/** Bytes of a hexadecimal text in small letters, or undefined when it is none. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = DIGITS[text.charCodeAt(2 * i)] ?? 16;
    const low = DIGITS[text.charCodeAt(2 * i + 1)] ?? 16;
    if (high > 15 || low > 15) return undefined;
    bytes[i] = 16 * high + low;
  }
  return bytes;
}
