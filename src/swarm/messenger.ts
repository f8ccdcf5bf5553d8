// Everything a peer sends and hears: one long-lived control stream and one long-lived tensor stream to each
// neighbour, opened when first needed and again after they broke; requests with answers; counts of bytes.

import {
  type ControlBody,
  type ControlMessage,
  decodeControl,
  decodeTensorHeader,
  encodeControl,
  encodeTensorHeader,
  type TensorHeaderMessage,
  WireError,
} from '../network/wire/codec.ts';
import type { Clock } from '../seams/clock.ts';
import { type Frame, type FrameStream, type Network, NetworkError, type PeerName } from '../seams/network.ts';
import { isReset, Line } from './line.ts';
import { CONTROL, TENSORS } from './protocols.ts';

/** Sent payload bytes by what they carried; `control` holds everything that is not one of the others. */
export interface SentBytes {
  activations: number;
  gradients: number;
  weights: number;
  control: number;
}

/** What is asked for beside a tensor's delivery. */
export interface TensorDelivery {
  /** Called when the receiver says that it has it, if ever. */
  readonly arrived?: () => void;
  /** What its payload counts as. */
  readonly counts?: keyof SentBytes;
}

export interface MessengerHandlers {
  /** `answer` is there when the sender waits for one; answering twice or late does nothing. */
  control(
    from: PeerName,
    body: ControlBody,
    answer: ((body: ControlBody) => void) | undefined,
  ): Promise<void> | undefined;
  /** Resolves when the tensor has been taken; until then the sender is held back. Rejects to cut the sender off. */
  tensor(from: PeerName, header: TensorHeaderMessage, payload: Uint8Array): Promise<void>;
  /** A peer sent what no sound peer sends; its stream has been cut. */
  misbehaved(from: PeerName, problem: Error): void;
  /** A stream from or to a peer broke, or did not open: what was on it may be lost, also when another connection to it stands. */
  broke(peer: PeerName): void;
}

/** A peer whose control messages nobody takes is given up long before they fill the memory. */
const MAX_QUEUED_CONTROL = 10_000;
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;
/** A receipt that takes longer says nothing about the link any more. */
const RECEIPT_SECONDS = 60;
const NOTHING = new Uint8Array(0);

/** When something was heard from a peer last, on this peer's clock. */
interface Heard {
  at: number;
  /** Another record of that peer counts, if any does. */
  forgotten: boolean;
}

/** A question that has no answer yet. */
interface Waiting {
  readonly peer: PeerName;
  readonly resolve: (body: ControlBody) => void;
  readonly fail: (problem: string) => void;
}

export class RequestError extends Error {
  override readonly name = 'RequestError';
}

/** A message that is well formed and that nobody with a right to send it would send; cuts its stream. */
export class MisbehaviourError extends Error {
  override readonly name = 'MisbehaviourError';
}

export class Messenger {
  readonly sent: SentBytes = { activations: 0, gradients: 0, weights: 0, control: 0 };
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #handlers: MessengerHandlers;
  readonly #lines = { control: new Map<PeerName, Line>(), tensors: new Map<PeerName, Line>() };
  /** What was sent last: entries go to many peers, one after another. */
  #encoded: { readonly body: ControlBody; readonly header: Uint8Array } | undefined;
  readonly #heard = new Map<PeerName, Heard>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #closing = new AbortController();
  #nextRequest = 1;

  constructor(network: Network, clock: Clock, handlers: MessengerHandlers) {
    this.#network = network;
    this.#clock = clock;
    this.#handlers = handlers;
    network.handle(
      CONTROL,
      (stream) => void this.#read(stream, (frame) => this.#control(stream.remote, frame)),
    );
    network.handle(
      TENSORS,
      (stream) => void this.#read(stream, (frame) => this.#tensor(stream.remote, frame)),
    );
  }

  /** Seconds since anything was heard from a peer; Infinity when never. */
  silentSeconds(peer: PeerName): number {
    const heard = this.#heard.get(peer);
    return heard === undefined ? Number.POSITIVE_INFINITY : this.#clock.now() - heard.at;
  }

  /** Starts the count of silence anew, for a peer just met or after this peer itself stood still. */
  presumeHeard(peer: PeerName): void {
    this.#heardOf(peer).at = this.#clock.now();
  }

  #heardOf(peer: PeerName): Heard {
    let heard = this.#heard.get(peer);
    if (heard === undefined) {
      heard = { at: 0, forgotten: false };
      this.#heard.set(peer, heard);
    }
    return heard;
  }

  /** Sends without waiting; what cannot be delivered is lost, and the connection's end tells. */
  send(to: PeerName, body: ControlBody): void {
    this.#post(to, { request: 0, answer: false, body });
  }

  /** Asks and waits for the answer; rejects after `timeoutSeconds` or when the message cannot be sent. */
  request(to: PeerName, body: ControlBody, timeoutSeconds: number): Promise<ControlBody> {
    const request = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      const settle = () => {
        cancel();
        this.#waiting.delete(request);
      };
      const fail = (problem: string, cause?: unknown) => {
        settle();
        reject(new RequestError(`${to} did not answer: ${problem}`, { cause }));
      };
      const cancel = this.#clock.schedule(timeoutSeconds, () =>
        fail(`nothing came within ${timeoutSeconds} s`),
      );
      this.#waiting.set(request, {
        peer: to,
        fail,
        resolve: (answer) => {
          settle();
          resolve(answer);
        },
      });
      this.#post(to, { request, answer: false, body }, (error) => fail(error.message, error));
    });
  }

  /** Sends a tensor, in order with others to that peer; resolves when the reader is not too far behind. */
  async tensor(
    to: PeerName,
    header: TensorHeaderMessage,
    payload: Uint8Array,
    { arrived, counts = 'activations' }: TensorDelivery = {},
  ): Promise<void> {
    if (to === this.#network.self) {
      await this.#handlers.tensor(to, header, payload);
      return;
    }
    const encoded = encodeTensorHeader(arrived ? { ...header, receipt: this.#receipt(to, arrived) } : header);
    this.sent[counts] += payload.byteLength;
    this.sent.control += encoded.byteLength;
    try {
      await this.#line(to, 'tensors').send({ header: encoded, payload }, this.#closing.signal);
    } catch (error) {
      this.#broke(to); // also where no connection came about: it may live, and wait for this
      throw error;
    }
  }

  /** Whether a tensor for a peer would be under way at once: its stream is open and nothing waits in it. */
  isIdle(to: PeerName): boolean {
    const line = this.#lines.tensors.get(to);
    return line?.isOpen === true && line.queued === 0;
  }

  /** A number whose answer means that a tensor has arrived; forgotten when none comes. */
  #receipt(peer: PeerName, arrived: () => void): number {
    const request = this.#nextRequest++;
    const forget = () => {
      cancel();
      this.#waiting.delete(request);
    };
    const cancel = this.#clock.schedule(RECEIPT_SECONDS, forget);
    this.#waiting.set(request, {
      peer,
      fail: forget,
      resolve: () => {
        forget();
        arrived();
      },
    });
    return request;
  }

  /** So many bytes of the messages that are being sent are contributions, not control. */
  carriesGradients(bytes: number): void {
    this.sent.gradients += bytes;
    this.sent.control -= bytes;
  }

  /** Forgets the streams to a peer, and what was asked on them; the next message opens new ones. */
  forget(peer: PeerName): void {
    for (const waiting of [...this.#waiting.values()]) {
      if (waiting.peer === peer) waiting.fail('the connection broke');
    }
    for (const lines of Object.values(this.#lines)) {
      lines.get(peer)?.drop();
      lines.delete(peer);
    }
  }

  /** Also forgets that the peer was ever heard: for strangers, of whom there may be any number. */
  forgetAll(peer: PeerName): void {
    this.forget(peer);
    const heard = this.#heard.get(peer);
    if (heard === undefined) return;
    heard.forgotten = true;
    this.#heard.delete(peer);
  }

  close(): void {
    this.#closing.abort(new NetworkError('closed', 'this peer is leaving'));
    for (const lines of Object.values(this.#lines)) {
      for (const line of lines.values()) line.drop();
      lines.clear();
    }
  }

  #line(peer: PeerName, kind: 'control' | 'tensors'): Line {
    const lines = this.#lines[kind];
    let line = lines.get(peer);
    if (line === undefined) {
      const protocol = kind === 'control' ? CONTROL : TENSORS;
      line = new Line(this.#network, peer, protocol, () => this.#broke(peer));
      lines.set(peer, line);
    }
    return line;
  }

  #broke(peer: PeerName): void {
    if (!this.#closing.signal.aborted) this.#handlers.broke(peer);
  }

  #post(to: PeerName, message: ControlMessage, failed?: (error: Error) => void): void {
    if (to === this.#network.self) {
      void Promise.resolve().then(() => this.#dispatch(to, message));
      return;
    }
    const header = this.#encode(message);
    this.sent.control += header.byteLength;
    const line = this.#line(to, 'control');
    if (line.queued >= MAX_QUEUED_CONTROL || line.queuedBytes >= MAX_QUEUED_BYTES) {
      const waiting = `${line.queued} messages of ${line.queuedBytes} bytes`;
      failed?.(new NetworkError('closed', `${waiting} to ${to} wait already`, { peer: to }));
      return;
    }
    line.post({ header, payload: NOTHING }, this.#closing.signal, failed);
  }

  #encode(message: ControlMessage): Uint8Array {
    const { request, answer, body } = message;
    if (request !== 0 || answer) return encodeControl(message);
    if (this.#encoded?.body !== body) this.#encoded = { body, header: encodeControl(message) };
    return this.#encoded.header;
  }

  async #read(stream: FrameStream, take: (frame: Frame) => Promise<void> | undefined): Promise<void> {
    const { signal } = this.#closing;
    let heard: Heard | undefined;
    try {
      for await (const frame of stream.frames()) {
        if (signal.aborted) return;
        if (heard === undefined || heard.forgotten) heard = this.#heardOf(stream.remote);
        heard.at = this.#clock.now();
        const taking = take(frame);
        if (taking !== undefined) await taking;
      }
    } catch (error) {
      if (isMisbehaviour(error)) this.#handlers.misbehaved(stream.remote, error);
      else if (isReset(error)) this.#broke(stream.remote);
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #control(from: PeerName, frame: Frame): Promise<void> | undefined {
    return this.#dispatch(from, decodeControl(frame.header));
  }

  #dispatch(
    from: PeerName,
    message: { request: number; answer: boolean; body: ControlBody },
  ): Promise<void> | undefined {
    if (message.answer) {
      const waiting = this.#waiting.get(message.request);
      if (waiting?.peer === from) waiting.resolve(message.body);
      return undefined;
    }
    const { request } = message;
    const answer =
      request === 0 ? undefined : (body: ControlBody) => this.#post(from, { request, answer: true, body });
    return this.#handlers.control(from, message.body, answer);
  }

  async #tensor(from: PeerName, frame: Frame): Promise<void> {
    const header = decodeTensorHeader(frame.header);
    const { receipt: request } = header;
    // before it is taken: how long it has to wait for its turn here is not the link's matter
    if (request !== undefined) this.#post(from, { request, answer: true, body: { kind: 'done', value: {} } });
    await this.#handlers.tensor(from, header, frame.payload);
  }
}

/** What no sound peer sends: bytes that are no message, more than is allowed, a frame that ends in its middle. */
export function isMisbehaviour(error: unknown): error is Error {
  if (error instanceof WireError || error instanceof MisbehaviourError) return true;
  return error instanceof NetworkError && (error.code === 'limit' || error.code === 'truncated');
}
