import { inspect } from 'node:util';

/** A value that must not be printed: shows as `***` in text, JSON and inspection, and is read only by `reveal()`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the wire or a descriptor; never for argv, a log or a file that others can read. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  [inspect.custom](): string {
    return '***';
  }
}
