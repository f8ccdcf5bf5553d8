// The safetensors file format: eight bytes of header length, a JSON header that names each tensor's dtype, shape and
// byte range, then the tensors' bytes without gaps. Pure: bytes in, bytes out. Files come from strangers, so every
// claim of the header is checked before anything is allocated for it.
// Format: https://huggingface.co/docs/safetensors, section "Format".

import { repeatedKey } from './json-keys.ts';

/** A tensor under its name; `values` row-major. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface SafetensorsFile {
  /** In the order of their bytes. */
  readonly tensors: readonly NamedTensor[];
  readonly metadata: ReadonlyMap<string, string>;
}

export type SafetensorsErrorCode =
  | 'truncated' // the file ends before the header or a tensor does
  | 'header-size' // the header is longer than allowed
  | 'header' // not the JSON that the format asks for
  | 'name' // a tensor name twice, or one that the format reserves
  | 'dtype' // a number format that is not read here
  | 'shape' // a shape that cannot be, or not one of as many bytes
  | 'offsets'; // ranges that overlap, leave gaps or run backwards

export class SafetensorsError extends Error {
  readonly code: SafetensorsErrorCode;
  constructor(code: SafetensorsErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'SafetensorsError';
    this.code = code;
  }
}

const LENGTH_BYTES = 8;
/** The limit of the reference implementation. */
const MOST_HEADER_BYTES = 100_000_000;
const METADATA = '__metadata__';
/** The header is padded with spaces to a multiple of this, so that float32 values lie aligned. */
const ALIGNMENT = 8;

const dtypes = {
  F32: { bytes: 4, read: readF32 },
  F16: { bytes: 2, read: readF16 },
  BF16: { bytes: 2, read: readBF16 },
} as const;

type Dtype = keyof typeof dtypes;

/** One tensor as the header describes it, fields checked. */
interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * The file's bytes for these tensors, as float32 in the given order.
 * Throws a `SafetensorsError` when a name comes twice or is reserved, or a shape does not fit its values.
 */
export function writeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array<ArrayBuffer> {
  const fields = new Map<string, unknown>();
  if (metadata.size > 0) fields.set(METADATA, Object.fromEntries(metadata));
  let dataBytes = 0;
  for (const { name, shape, values } of tensors) {
    if (name === METADATA) throw new SafetensorsError('name', `the tensor name ${METADATA} is reserved`);
    if (fields.has(name)) throw new SafetensorsError('name', `two tensors are called "${name}"`);
    if (valuesOf(shape) !== values.length) {
      const message = `the tensor "${name}" has ${values.length} values, which are not [${shape.join(', ')}]`;
      throw new SafetensorsError('shape', message);
    }
    fields.set(name, { dtype: 'F32', shape, data_offsets: [dataBytes, dataBytes + values.byteLength] });
    dataBytes += values.byteLength;
  }

  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(fields)));
  const headerBytes = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  bytes.set(json, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const { values } of tensors) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return bytes;
}

/**
 * Reads a file's tensors; F16 and BF16 become float32, which holds their every value.
 * Throws a `SafetensorsError` that says what is wrong and, with `file`, where.
 */
export function readSafetensors(bytes: Uint8Array, file = 'the safetensors file'): SafetensorsFile {
  try {
    const { header, data } = splitFile(bytes);
    const fields = parseHeader(header);
    const metadata = readMetadata(fields.get(METADATA));
    fields.delete(METADATA);
    const entries = [...fields].map(([name, field]) => readEntry(name, field, data.length));
    entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
    checkRanges(entries, data.length);
    const tensors = entries.map(({ name, dtype, shape, begin, end }) => {
      // A copy with a buffer of its own, which the `slice` of Node's Buffer would not be.
      const own = new Uint8Array(data.subarray(begin, end));
      return { name, shape, values: dtypes[dtype].read(own) };
    });
    return { tensors, metadata };
  } catch (error) {
    if (error instanceof SafetensorsError) {
      throw new SafetensorsError(error.code, `${file}: ${error.message}`, error.cause);
    }
    throw error;
  }
}

function splitFile(bytes: Uint8Array): { header: Uint8Array; data: Uint8Array } {
  if (bytes.length < LENGTH_BYTES) {
    throw new SafetensorsError(
      'truncated',
      `${bytes.length} bytes are too few to hold even a header's length`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > MOST_HEADER_BYTES) {
    const message = `the header claims ${headerBytes} bytes and may have ${MOST_HEADER_BYTES}: not a safetensors file`;
    throw new SafetensorsError('header-size', message);
  }
  const dataStart = LENGTH_BYTES + Number(headerBytes);
  if (dataStart > bytes.length) {
    const message = `the header claims ${headerBytes} bytes and the file ends after ${bytes.length - LENGTH_BYTES}`;
    throw new SafetensorsError('truncated', message);
  }
  return { header: bytes.subarray(LENGTH_BYTES, dataStart), data: bytes.subarray(dataStart) };
}

function parseHeader(header: Uint8Array): Map<string, unknown> {
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
    parsed = JSON.parse(text);
  } catch (error) {
    throw new SafetensorsError('header', 'the header is not JSON text in UTF-8', error);
  }
  if (!isObject(parsed) || !text.startsWith('{')) {
    throw new SafetensorsError('header', 'the header is not a JSON object');
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) {
    throw new SafetensorsError('name', `the name ${JSON.stringify(repeated)} comes twice in the header`);
  }
  return new Map(Object.entries(parsed));
}

function readMetadata(field: unknown): Map<string, string> {
  if (field === undefined) return new Map();
  const entries = isObject(field) ? Object.entries(field) : [];
  if (!isObject(field) || entries.some(([, value]) => typeof value !== 'string')) {
    throw new SafetensorsError('header', `${METADATA} is not a table of texts`);
  }
  return new Map(entries as [string, string][]);
}

function readEntry(name: string, field: unknown, dataBytes: number): Entry {
  const tensor = `the tensor ${JSON.stringify(name)}`;
  if (!isObject(field)) throw new SafetensorsError('header', `${tensor} is not described by a JSON object`);
  const { dtype, shape, data_offsets: offsets } = field;

  if (typeof dtype !== 'string') throw new SafetensorsError('header', `${tensor} has no dtype`);
  if (!Object.hasOwn(dtypes, dtype)) {
    const message = `${tensor} has dtype ${dtype}; what can be read is ${Object.keys(dtypes).join(', ')}`;
    throw new SafetensorsError('dtype', message);
  }
  if (!isCounts(shape)) {
    throw new SafetensorsError('shape', `${tensor} has no shape of integers of 0 or more`);
  }
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw new SafetensorsError('offsets', `${tensor} has no data_offsets of two integers of 0 or more`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end)
    throw new SafetensorsError('offsets', `${tensor} begins at byte ${begin} and ends at ${end}`);
  if (end > dataBytes) {
    throw new SafetensorsError(
      'truncated',
      `${tensor} ends at byte ${end} of the data, which has ${dataBytes}`,
    );
  }
  const needed = valuesOf(shape) * dtypes[dtype as Dtype].bytes;
  if (needed !== end - begin) {
    const message = `${tensor} has ${end - begin} bytes, and [${shape.join(', ')}] in ${dtype} takes ${needed}`;
    throw new SafetensorsError('shape', message);
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

/** Ranges in ascending order must follow each other without gap or overlap and fill the data. */
function checkRanges(entries: readonly Entry[], dataBytes: number): void {
  let covered = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== covered) {
      const what = begin < covered ? 'overlaps the tensor before it' : 'leaves a gap before it';
      const message = `the tensor ${JSON.stringify(name)} ${what}: it begins at byte ${begin}, not ${covered}`;
      throw new SafetensorsError('offsets', message);
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw new SafetensorsError('offsets', `${dataBytes - covered} bytes at the end belong to no tensor`);
  }
}

/** Bytes that are alone in their buffer, as float32 values. */
function readF32(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer);
}

/** A bfloat16 is the upper half of a float32. */
function readBF16(bytes: Uint8Array): Float32Array {
  const halves = new Uint16Array(bytes.buffer);
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}

/** IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 of fraction. */
function readF16(bytes: Uint8Array): Float32Array {
  const halves = new Uint16Array(bytes.buffer);
  const values = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!;
    const exponent = (half >>> 10) & 31;
    const fraction = half & 1023;
    let size: number;
    if (exponent === 31) size = fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
    else if (exponent === 0) size = fraction * 2 ** -24;
    else size = (1024 + fraction) * 2 ** (exponent - 25);
    values[i] = half & 0x8000 ? -size : size;
  }
  return values;
}

function valuesOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
