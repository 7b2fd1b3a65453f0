const SENTENCE = {
  special: 'is no file, folder or link and was left out',
  vanished: 'was gone before it could be read',
  changed: 'changed while it was read; what was read is stored',
  device: 'is a device or pipe in the archive and was left out',
  'absolute link': 'is a link to an absolute path in an archive of another kind and was left out',
  elsewhere: 'belongs to no folder of this cache and was left out',
  'no owner': 'could not be given its owner',
} as const;

export type LeftReason = keyof typeof SENTENCE;

/** What an archive did not take or bring back in full: counted, with one example for each reason. */
export class Left {
  readonly #notes = new Map<LeftReason, { count: number; readonly example: string }>();

  note(reason: LeftReason, path: string): void {
    const known = this.#notes.get(reason);
    if (known === undefined) this.#notes.set(reason, { count: 1, example: path });
    else known.count += 1;
  }

  /** One line for each reason. */
  lines(): string[] {
    return [...this.#notes].map(([reason, { count, example }]) => {
      const more = count === 1 ? '' : ` (and ${count - 1} more like it)`;
      return `${JSON.stringify(example)} ${SENTENCE[reason]}${more}`;
    });
  }
}
