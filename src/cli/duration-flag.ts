import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../lib/duration.ts';
import { describeError } from '../lib/errors.ts';

/** Reads the value of a flag such as `--timeout 90s`, in milliseconds. Throws what the command line tells as wrong usage. */
export function durationFlag(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(describeError(error));
  }
}
