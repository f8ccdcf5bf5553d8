// What zod found wrong, in plain English.

import type { z } from 'zod';
import { suggest } from './nearest.ts';

/** zod reports unknown fields at their parent; the field itself is what a person looks for. */
export function withKeys(issue: z.core.$ZodIssue) {
  return {
    path: issue.path,
    message: issue.message,
    keys: issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [],
  };
}

/** A zod issue in plain English; for `safeParse`'s `error` option. */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'is missing and has no default'
        : `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}, got ${show(issue.input)}`;
    case 'invalid_value':
      return typeof issue.input === 'string'
        ? `there is no '${issue.input}'${suggest(issue.input, issue.values.map(String))}`
        : `expected ${issue.values.map(String).join(' or ')}, got ${show(issue.input)}`;
    case 'too_small':
      if (issue.origin === 'string') return 'must not be empty';
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}, is ${show(issue.input)}`;
    case 'too_big':
      return `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}, is ${show(issue.input)}`;
    default:
      return undefined;
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'a block of fields',
};

/** A value as it is shown in a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return 'a list';
  if (value === undefined) return 'nothing';
  return value !== null && typeof value === 'object' ? 'a block of fields' : String(value);
}
