// Bytes to messages and back, for everything two peers say to each other (messages.proto). The bytes come from
// somebody else: every list, string and number is bounded here, and whatever is wrong with them is a WireError.

import type * as generated from './generated/messages.js';
import { ChunkHeader, Control, TensorHeader, WeightsOffer, WeightsRequest } from './generated/messages.js';

/** A message as plain read-only data: enums are their names as string literals. */
type Plain<T> = T extends string
  ? `${T}`
  : T extends Uint8Array
    ? Uint8Array
    : T extends readonly (infer Element)[]
      ? readonly Plain<Element>[]
      : T extends object
        ? { readonly [Key in keyof T]: Plain<T[Key]> }
        : T;

export type TensorHeaderMessage = Plain<generated.TensorHeader>;
export type WeightsRequestMessage = Plain<generated.WeightsRequest>;
export type WeightsOfferMessage = Plain<generated.WeightsOffer>;
export type ChunkHeaderMessage = Plain<generated.ChunkHeader>;

export type ControlKind = Exclude<keyof generated.Control, 'request' | 'answer'>;
/** What a control message says: `kind` is the field's name in messages.proto, `value` its message. */
export type ControlBody = {
  [Kind in ControlKind]: { readonly kind: Kind; readonly value: Plain<NonNullable<generated.Control[Kind]>> };
}[ControlKind];
export interface ControlMessage {
  /** 0: no answer expected; an answer carries the request's number. */
  readonly request: number;
  readonly answer: boolean;
  readonly body: ControlBody;
}

/** Largest encoded sizes, bytes; use them as `maxHeaderBytes` of the protocols that carry these messages. */
export const MAX_TENSOR_HEADER_BYTES = 16 * 1024;
export const MAX_CONTROL_BYTES = 4 * 1024 * 1024;
export const MAX_WEIGHTS_REQUEST_BYTES = 256;
export const MAX_WEIGHTS_OFFER_BYTES = 4 * 1024 * 1024;
export const MAX_CHUNK_HEADER_BYTES = 128;

/** Most elements of each repeated field, by its name; checked while decoding, before an element is stored. */
export const LIST_LIMITS: Readonly<Record<string, number>> = {
  path: 256,
  addresses: 32,
  leaderAddresses: 32,
  stored: 256,
  entries: 4096,
  microbatches: 65_536,
  losses: 65_536,
  probes: 65_536,
  contributors: 1024,
  receivers: 1024,
  notFinite: 1024,
  missing: 1024,
  unsummed: 1024,
  places: 1024,
  squares: 1024,
  chunkDigests: 32_768,
  signatures: 16,
  proofs: 512,
  keepers: 16,
  links: 1024,
};

/** Longest strings, in UTF-16 units; names, digests and versions stay below the default. */
const TEXT_LIMIT = 256;
export const TEXT_LIMITS: Readonly<Record<string, number>> = {
  reason: 2048,
  message: 2048,
  failure: 2048,
  addresses: 512,
  leaderAddresses: 512,
};

/** Texts that only people read, whatever an error had to say: a sender's are cut to what fits. */
const EXPLANATIONS = ['reason', 'message', 'failure'] as const;

/** Number fields that are not whole numbers from 0 up: what they may be instead. */
export const NUMBER_RULES: Readonly<Record<string, 'finite' | 'finite-not-negative' | 'minus-one-or-more'>> =
  {
    loss: 'finite',
    computeSeconds: 'finite-not-negative',
    norm: 'finite-not-negative',
    squares: 'finite-not-negative',
    deadlineSeconds: 'finite-not-negative',
    silentSeconds: 'finite-not-negative',
    wantedStage: 'minus-one-or-more',
  };

/** Every kind of control message; the compiler refuses this table when messages.proto has another one. */
export const CONTROL_KINDS: { readonly [Kind in ControlKind]: true } = {
  heartbeat: true,
  join: true,
  accepted: true,
  refused: true,
  entries: true,
  entriesWanted: true,
  finished: true,
  exchangeOrder: true,
  exchanged: true,
  dropped: true,
  slotRequest: true,
  done: true,
  suspicion: true,
  ready: true,
  leave: true,
  close: true,
  applied: true,
  consensus: true,
};

export type WireMessageName = 'TensorHeader' | 'Control' | 'WeightsRequest' | 'WeightsOffer' | 'ChunkHeader';

/** Bytes that are not the message they should be, or a message that breaks a limit; `of` names the message. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly of: WireMessageName;
  constructor(of: WireMessageName, problem: string, cause?: unknown) {
    super(`${of}: ${problem}`, cause === undefined ? {} : { cause });
    this.of = of;
  }
}

// protons reads the limit of a list, and the limits of a nested message, at `limits.<field>`; of a list's at `<field>$`.
const withProofs = { ...LIST_LIMITS, proofs$: LIST_LIMITS };
const bodyLimits = { ...withProofs, certificate: LIST_LIMITS, summary: withProofs };
const controlLimits = Object.fromEntries(Object.keys(CONTROL_KINDS).map((kind) => [kind, bodyLimits]));

interface AnyCodec {
  encode(message: object): Uint8Array;
  decode(bytes: Uint8Array, options: { limits: object }): object;
}

function encodeWith(name: WireMessageName, codec: AnyCodec, maxBytes: number, message: object): Uint8Array {
  checkFields(name, undefined, message);
  let bytes: Uint8Array;
  try {
    bytes = codec.encode(message);
  } catch (error) {
    throw new WireError(
      name,
      `not encodable: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
  if (bytes.byteLength > maxBytes) {
    throw new WireError(name, `${bytes.byteLength} bytes encoded, at most ${maxBytes} may be sent`);
  }
  return bytes;
}

function decodeWith<Message extends object>(
  name: WireMessageName,
  codec: AnyCodec,
  maxBytes: number,
  limits: object,
  bytes: Uint8Array,
): Message {
  if (bytes.byteLength > maxBytes) {
    throw new WireError(name, `${bytes.byteLength} bytes received, at most ${maxBytes} are accepted`);
  }
  let message: object;
  try {
    message = codec.decode(bytes, { limits });
  } catch (error) {
    throw new WireError(
      name,
      `not decodable: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
  checkFields(name, undefined, message);
  return message as Message;
}

function withShortExplanations<Message extends object>(message: Message): Message {
  let fitting = message as Message & Readonly<Record<string, unknown>>;
  for (const field of EXPLANATIONS) {
    const text = fitting[field];
    if (typeof text !== 'string') continue;
    const limit = TEXT_LIMITS[field] ?? TEXT_LIMIT;
    if (text.length > limit || !text.isWellFormed())
      fitting = { ...fitting, [field]: text.slice(0, limit).toWellFormed() };
  }
  return fitting;
}

/** Where in a message something stands; put into words only where it is wrong. */
interface Place {
  readonly within: Place | undefined;
  readonly at: string | number;
}

function inWords({ within, at }: Place): string {
  const outer = within === undefined ? '' : inWords(within);
  if (typeof at === 'number') return `${outer}[${at}]`;
  return within === undefined ? at : `${outer}.${at}`;
}

function wrong(name: WireMessageName, within: Place | undefined, at: string | number, is: string): WireError {
  return new WireError(name, `${inWords({ within, at })} ${is}`);
}

function checkFields(name: WireMessageName, within: Place | undefined, message: object): void {
  const fields = message as Readonly<Record<string, unknown>>;
  for (const field in fields) checkValue(name, within, field, field, fields[field]);
}

/** @param at the field, or its element's number */
function checkValue(
  name: WireMessageName,
  within: Place | undefined,
  at: string | number,
  field: string,
  value: unknown,
): void {
  switch (typeof value) {
    case 'number': {
      const problem = numberProblem(field, value);
      if (problem !== undefined) throw wrong(name, within, at, `is ${value}, it must be ${problem}`);
      return;
    }
    case 'string': {
      const limit = TEXT_LIMITS[field] ?? TEXT_LIMIT;
      if (value.length > limit)
        throw wrong(name, within, at, `has ${value.length} characters, at most ${limit} fit`);
      if (!value.isWellFormed()) throw wrong(name, within, at, 'is not well-formed Unicode');
      return;
    }
    case 'object':
      if (value === null || value instanceof Uint8Array) return;
      if (Array.isArray(value)) {
        const limit = LIST_LIMITS[field] ?? 0;
        if (value.length > limit)
          throw wrong(name, within, at, `has ${value.length} elements, at most ${limit} fit`);
        const place = { within, at };
        for (let index = 0; index < value.length; index++) {
          const element: unknown = value[index];
          checkValue(name, place, index, field, element);
        }
        return;
      }
      checkFields(name, { within, at }, value);
      return;
    default:
      return;
  }
}

/** What a number must be and is not; undefined where it is. */
function numberProblem(field: string, value: number): string | undefined {
  switch (NUMBER_RULES[field]) {
    case 'minus-one-or-more':
      return Number.isSafeInteger(value) && value >= -1 ? undefined : 'a whole number from -1 up';
    case 'finite':
      return Number.isFinite(value) ? undefined : 'finite';
    case 'finite-not-negative':
      return Number.isFinite(value) && value >= 0 ? undefined : 'finite and not negative';
    default:
      return Number.isSafeInteger(value) && value >= 0 ? undefined : 'a whole number from 0 to 2^53 - 1';
  }
}

/** Header of a tensor frame. Throws a WireError when a field breaks its limits. */
export function encodeTensorHeader(header: TensorHeaderMessage): Uint8Array {
  return encodeWith('TensorHeader', TensorHeader, MAX_TENSOR_HEADER_BYTES, header);
}

/** The tensor header in these bytes. Throws a WireError and nothing else. */
export function decodeTensorHeader(bytes: Uint8Array): TensorHeaderMessage {
  return decodeWith('TensorHeader', TensorHeader, MAX_TENSOR_HEADER_BYTES, LIST_LIMITS, bytes);
}

/** A control message. Throws a WireError when a field breaks its limits. */
export function encodeControl(message: ControlMessage): Uint8Array {
  const { request, answer, body } = message;
  return encodeWith('Control', Control, MAX_CONTROL_BYTES, {
    ...{ request, answer },
    [body.kind]: withShortExplanations(body.value),
  });
}

/** The control message in these bytes. Throws a WireError and nothing else, also when no known body is in it. */
export function decodeControl(bytes: Uint8Array): ControlMessage {
  const message = decodeWith<generated.Control>('Control', Control, MAX_CONTROL_BYTES, controlLimits, bytes);
  const { request, answer } = message;
  for (const field in message) {
    if (field === 'request' || field === 'answer') continue;
    const kind = field as ControlKind;
    const value = message[kind];
    if (value !== undefined && value !== null)
      return { request, answer, body: { kind, value } as ControlBody };
  }
  throw new WireError('Control', 'it has no body that this version knows');
}

/** What a peer wants of a frozen snapshot. Throws a WireError when a field breaks its limits. */
export function encodeWeightsRequest(message: WeightsRequestMessage): Uint8Array {
  return encodeWith('WeightsRequest', WeightsRequest, MAX_WEIGHTS_REQUEST_BYTES, message);
}

/** The weights request in these bytes. Throws a WireError and nothing else. */
export function decodeWeightsRequest(bytes: Uint8Array): WeightsRequestMessage {
  return decodeWith('WeightsRequest', WeightsRequest, MAX_WEIGHTS_REQUEST_BYTES, LIST_LIMITS, bytes);
}

/** What the donor has. Throws a WireError when a field breaks its limits. */
export function encodeWeightsOffer(message: WeightsOfferMessage): Uint8Array {
  return encodeWith('WeightsOffer', WeightsOffer, MAX_WEIGHTS_OFFER_BYTES, withShortExplanations(message));
}

/** The weights offer in these bytes. Throws a WireError and nothing else. */
export function decodeWeightsOffer(bytes: Uint8Array): WeightsOfferMessage {
  return decodeWith('WeightsOffer', WeightsOffer, MAX_WEIGHTS_OFFER_BYTES, LIST_LIMITS, bytes);
}

/** Header of one chunk of a snapshot. Throws a WireError when a field breaks its limits. */
export function encodeChunkHeader(message: ChunkHeaderMessage): Uint8Array {
  return encodeWith('ChunkHeader', ChunkHeader, MAX_CHUNK_HEADER_BYTES, message);
}

/** The chunk header in these bytes. Throws a WireError and nothing else. */
export function decodeChunkHeader(bytes: Uint8Array): ChunkHeaderMessage {
  return decodeWith('ChunkHeader', ChunkHeader, MAX_CHUNK_HEADER_BYTES, LIST_LIMITS, bytes);
}
